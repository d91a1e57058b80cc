/**
 * The text of a new experiment: the quickstart's stages on the user's own files. A small model, so that the first run ends
 * in minutes on a laptop.
 */
export function experimentText(name: string, source: string): string {
  return `import { z } from 'zod';
import {
  bpeOptions,
  decoder,
  decoderOptions,
  deduplicate,
  estimateSeconds,
  evaluate,
  experiment,
  fraction,
  load,
  normalise,
  pack,
  pretrain,
  sample,
  splitDocuments,
  trainBpe,
  trainOptions,
} from 'trainbook';

const schema = z.strictObject({
  data: z.strictObject({ files: z.string(), heldOut: fraction() }),
  tokenizer: bpeOptions,
  model: decoderOptions,
  train: trainOptions,
  samples: z.strictObject({ prompts: z.array(z.string()), temperature: z.number(), topP: z.number() }),
});

export default experiment(${quoted(name)}, schema, {
  data: { files: ${quoted(source)}, heldOut: 0.1 },
  tokenizer: { vocabularySize: 1024 },
  model: { layers: 3, width: 192, heads: 3, context: 128 },
  train: { steps: 360, batchSize: 16, learningRate: 3e-3, warmupSteps: 40, evaluateEvery: 60, heldOutRows: 64 },
  samples: { prompts: ['The'], temperature: 0.7, topP: 0.9 },
})
  // read → clean → held out by document
  .stage('corpus', async ({ config, key }) => {
    const clean = await load(config.data.files).through(normalise(), deduplicate({ threshold: 0.9 }));
    return splitDocuments(clean, config.data.heldOut, key);
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
  .stage('samples', ({ config, base, tokenizer, key, progress, metrics }) => {
    const { prompts, temperature, topP } = config.samples;
    return sample(base, tokenizer, prompts, { temperature, topP, maxTokens: 120, key, progress, metrics });
  });
`;
}

/** A string literal in the house style. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
