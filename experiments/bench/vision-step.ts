import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fold, imageClassifier, key, saveImageModel, swin, uniformNumbers, vit } from 'trainbook';
import type { Swin, ViT } from 'trainbook';
import type { Benchmark } from '../../src/commands/bench.js';
import { writeSafetensors } from './built.js';
import { adamwNumbers } from './gpt-recipe.js';
import { compareAll, numBatches, timing } from './transformers-step.js';

/** A trunk and the size of its batches. */
interface Recipe {
  readonly name: string;
  readonly trunk: ViT | Swin;
  readonly batchSize: number;
}

const numClasses = 10;

function recipes(quick: boolean): readonly Recipe[] {
  if (quick) {
    const tiny = { image: [16, 16] as const, channels: 3 };
    return [
      { name: 'ViT', trunk: vit({ ...tiny, patch: 4, layers: 1, width: 16, heads: 2 }), batchSize: 2 },
      {
        name: 'Swin',
        trunk: swin({ ...tiny, patch: 2, depths: [2, 1], width: 8, heads: [1, 2], window: 4 }),
        batchSize: 2,
      },
    ];
  }
  return [
    {
      name: 'ViT of 6 × 192 on 64 × 64',
      trunk: vit({ image: [64, 64], patch: 8, layers: 6, width: 192, heads: 3 }),
      batchSize: 32,
    },
    {
      name: 'Swin of 2 + 2 + 2 from 48 on 56 × 56',
      trunk: swin({ image: [56, 56], patch: 2, depths: [2, 2, 2], width: 48, heads: [3, 6, 12], window: 7 }),
      batchSize: 16,
    },
  ];
}

/** Training steps of a small ViT and a small Swin against the same models in transformers: same weights, batches and AdamW. */
export const visionStep: Benchmark = {
  name: 'vision-step',
  title: 'a training step of a small ViT and a small Swin (forward, backward, AdamW), beside Hugging Face transformers',
  workload: (quick) => ({
    models: recipes(quick).map(({ name, trunk, batchSize }) => ({ name, batchSize, config: { ...trunk.config } })),
    adamw: adamwNumbers,
    dtype: 'float32',
    dropout: 0,
    classes: numClasses,
    weights: 'drawn by key(1)',
    threads: availableParallelism(),
    ...timing(quick),
  }),
  run: async (context) => {
    const compared = recipes(context.quick).map(({ name, trunk, batchSize }) => ({
      name,
      kind: 'imageClassifier' as const,
      unit: 'images/s',
      prepare: async (folder: string): Promise<void> => {
        const classes = Array.from({ length: numClasses }, (_, index) => `class ${index}`);
        const architecture = imageClassifier<ViT | Swin>(trunk, { classes });
        await saveImageModel({ architecture, weights: architecture.init(key(1)) }, folder);
        await writeBatches(trunk, batchSize, folder);
      },
    }));
    return compareAll(compared, context);
  },
};

/** Pixels and classes drawn evenly by key: the speed does not depend on them. */
async function writeBatches({ inputShape }: ViT | Swin, batchSize: number, folder: string): Promise<void> {
  const size = numBatches * batchSize;
  const pixels = inputShape.reduce((product, length) => product * length, size);
  const drawn = (name: string, count: number): readonly number[] =>
    Array.from(uniformNumbers(fold(key(1), name), count));
  await writeSafetensors(join(folder, 'batches.safetensors'), {
    tensors: new Map([
      [
        'images',
        {
          shape: [numBatches, batchSize, ...inputShape],
          elements: Float32Array.from(drawn('images', pixels), (number) => 4 * number - 2),
        },
      ],
      [
        'labels',
        {
          shape: [numBatches, batchSize],
          elements: Int32Array.from(drawn('labels', size), (number) => Math.floor(number * numClasses)),
        },
      ],
    ]),
    metadata: {},
  });
}
