/**
 * The quickstart: real text → clean → tokenizer → a small GPT, pretrained → evaluated → samples, in about two minutes on two
 * cores. `npm start` runs it; `notebooks/01-quickstart.ipynb` goes through it cell by cell.
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
  fold,
  fraction,
  load,
  mix,
  normalise,
  pack,
  pretrain,
  sample,
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

export default experiment('quickstart', schema, {
  data: { shares: { shakespeare: 0.6, brown: 0.4 }, heldOut: 0.1 },
  tokenizer: { vocabularySize: 1024 },
  model: { layers: 3, width: 192, heads: 3, context: 128 },
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
  .stage('samples', ({ base, tokenizer, key, progress, metrics }) =>
    sample(base, tokenizer, ['ROMEO:', 'The city'], {
      temperature: 0.7,
      topP: 0.9,
      maxTokens: 120,
      key,
      progress,
      metrics,
    }),
  );
