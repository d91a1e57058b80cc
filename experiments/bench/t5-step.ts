import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fold, key, saveEncoderDecoder, t5, t5V11, uniformNumbers, type EncoderDecoder } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { writeSafetensors } from './built.js';
import { adamwNumbers } from './gpt-recipe.js';
import { allOf, compareAll, numBatches, timing } from './transformers-step.js';

/** Sizes of the batches: T5's own lengths, 114 tokens left out of 568, at a quarter. */
const sizes = (quick: boolean) =>
  quick ? { batchSize: 2, source: 16, target: 8 } : { batchSize: 8, source: 128, target: 28 };

function architectures(quick: boolean): Readonly<Record<string, EncoderDecoder>> {
  const tiny = { layers: 1, width: 32, heads: 2, headSize: 16, hidden: 64, vocabularySize: 65 };
  const options = { dropout: 0, ...(quick ? tiny : {}) };
  return { 'T5 small': t5('small', options), 'T5 v1.1 small': t5V11('small', options) };
}

const comparison = (quick: boolean) =>
  allOf(architectures(quick), 'encoderDecoder', async (architecture, folder) => {
    await saveEncoderDecoder({ architecture, weights: architecture.init(key(1)) }, folder);
    await writeBatches(architecture, sizes(quick), folder);
  });

/** Training steps of T5 small, v1.0 and v1.1, against the same models in transformers: same weights, batches and AdamW. */
export const t5Step: Benchmark = {
  name: 't5-step',
  title: 'a training step of T5 (forward, backward, AdamW), beside Hugging Face transformers',
  workload: (quick) => ({
    models: comparison(quick).models,
    ...sizes(quick),
    adamw: adamwNumbers,
    dtype: 'float32',
    dropout: 0,
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
    ...timing(quick),
  }),
  run: (context) => compareAll(comparison(context.quick).compared, context),
};

/** Tokens drawn evenly by key: the speed does not depend on them. */
async function writeBatches(
  { config }: EncoderDecoder,
  { batchSize, source, target }: ReturnType<typeof sizes>,
  folder: string,
): Promise<void> {
  const drawn = (name: string, time: number) => ({
    shape: [numBatches, batchSize, time],
    elements: Int32Array.from(uniformNumbers(fold(key(1), name), numBatches * batchSize * time), (number) =>
      Math.floor(number * config.vocabularySize),
    ),
  });
  const counted = {
    shape: [numBatches, batchSize, target],
    elements: new Float32Array(numBatches * batchSize * target).fill(1),
  };
  await writeSafetensors(join(folder, 'batches.safetensors'), {
    tensors: new Map<string, { shape: number[]; elements: Int32Array | Float32Array }>([
      ['inputs', drawn('inputs', source)],
      ['targets', drawn('targets', target)],
      ['counted', counted],
    ]),
    metadata: {},
  });
}
