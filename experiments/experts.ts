/**
 * A small mixture of experts on the text of the quickstart: of 7.7 million parameters a token meets 1.5 million, about 20%. The last stage
 * says how evenly the experts of each layer are loaded on held-out text.
 *
 * `npx trainbook run experiments/experts.ts`: some five minutes on two cores.
 */
import { z } from 'zod';
import {
  bpeOptions,
  decoder,
  decoderOptions,
  deduplicate,
  estimateSeconds,
  evaluate,
  experiment,
  expertRouting,
  fold,
  fraction,
  load,
  mix,
  normalise,
  pack,
  pretrain,
  shares,
  splitDocuments,
  trainBpe,
  trainOptions,
} from 'trainbook';

const schema = z.strictObject({
  data: z.strictObject({ shares: shares(['shakespeare', 'brown']), heldOut: fraction() }),
  tokenizer: bpeOptions,
  model: decoderOptions,
  train: trainOptions,
});

export default experiment('experts', schema, {
  data: { shares: { shakespeare: 0.6, brown: 0.4 }, heldOut: 0.1 },
  tokenizer: { vocabularySize: 1024 },
  model: { layers: 3, width: 192, heads: 3, context: 128, experts: { number: 32, active: 4, hidden: 128 } },
  train: { steps: 360, batchSize: 16, learningRate: 3e-3, warmupSteps: 40, evaluateEvery: 60, heldOutRows: 64 },
})
  .stage('corpus', async ({ config: { data }, key }) => {
    const steps = [normalise(), deduplicate({ threshold: 0.9 }), mix({ shares: data.shares, key: fold(key, 'mix') })];
    return splitDocuments(await load(data).through(...steps), data.heldOut, fold(key, 'split'));
  })
  .stage('tokenizer', ({ config, corpus, progress }) => trainBpe(corpus.train, config.tokenizer, progress))
  .stage(
    'base',
    ({ config, corpus, tokenizer, key, metrics, progress, checkpoints, signal, group }) =>
      pretrain(decoder({ ...config.model, vocabularySize: tokenizer.size }), {
        data: pack(corpus.train, tokenizer, config.model.context),
        heldOut: pack(corpus.heldOut, tokenizer, config.model.context),
        ...config.train,
        key,
        metrics,
        progress,
        checkpoints,
        signal,
        group,
      }),
    {
      estimate: ({ model, tokenizer, train }) =>
        estimateSeconds(decoder({ ...model, vocabularySize: tokenizer.vocabularySize }), train),
    },
  )
  .stage('score', ({ base, corpus, tokenizer, progress }) =>
    evaluate(base, pack(corpus.heldOut, tokenizer, base.architecture.config.context), { progress }),
  )
  .stage('routing', async ({ base, corpus, tokenizer }) => {
    const { context } = base.architecture.config;
    const { tokens } = pack(corpus.heldOut, tokenizer, context);
    return expertRouting(base, Array.from(tokens.slice(0, context)));
  });
