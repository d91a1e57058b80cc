import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fold, imageClassifier, key, saveImageModel, swin, uniformNumbers, vit } from 'trainbook';
import type { Swin, ViT } from 'trainbook';
import type { BenchContext, Benchmark, Measurement } from '../../src/commands/bench.js';
import { alternate } from './blocks.js';
import { defaultTargets, writeSafetensors } from './built.js';
import { start, startModule, withChildren } from './child.js';
import { adamwNumbers } from './gpt-recipe.js';
import { report } from './transformers-step.js';
import type { StepStarted } from './transformers-worker.js';
import type { VisionStart } from './vision-worker.js';

/** A trunk and the size of its batches. */
interface Recipe {
  readonly name: string;
  readonly trunk: ViT | Swin;
  readonly batchSize: number;
}

const numClasses = 10;
const numBatches = 4;
const timing = (quick: boolean) => ({ rounds: quick ? 2 : 5, secondsPerBlock: quick ? 0.2 : 8, checkSteps: 3 });

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
    const measurements: Measurement[] = [];
    const notes: string[] = [];
    for (const recipe of recipes(context.quick)) {
      const found = await compare(recipe, context);
      measurements.push(...found.measurements);
      notes.push(...found.notes);
    }
    if (context.peer === undefined) notes.push('no PyTorch: --peer-python names a Python that has it and transformers');
    return { measurements, notes };
  },
};

async function compare(
  { name: model, trunk, batchSize }: Recipe,
  { quick, peer, folder: parent, say }: BenchContext,
): Promise<{ measurements: Measurement[]; notes: string[] }> {
  const folder = join(parent, trunk.kind);
  const classes = Array.from({ length: numClasses }, (_, index) => `class ${index}`);
  const architecture = imageClassifier<ViT | Swin>(trunk, { classes });
  await saveImageModel({ architecture, weights: architecture.init(key(1)) }, folder);
  await writeBatches(trunk, batchSize, folder);
  const { rounds, secondsPerBlock, checkSteps } = timing(quick);
  const worker = new URL('vision-worker.ts', import.meta.url).href;
  const script = fileURLToPath(new URL('vision_peer.py', import.meta.url));
  const ours = { name: 'ours', target: defaultTargets.float32, child: startModule(worker) };
  const peers = (peer === undefined ? [] : ['eager', 'compile']).map((target) => ({
    name: `transformers, ${target}`,
    target,
    child: start(peer?.python ?? 'python3', [script]),
  }));
  const contestants = [ours, ...peers];
  return withChildren(
    contestants.map(({ child }) => child),
    async () => {
      const started: StepStarted[] = [];
      for (const { name, target, child } of contestants) {
        say(`${model}: ${name}: first steps`);
        const input: VisionStart = { folder, target, threads: availableParallelism(), adamw: adamwNumbers, checkSteps };
        started.push(await child.ask<StepStarted>('start', input));
      }
      say(`${model}: ${rounds} rounds of blocks of ${secondsPerBlock} s`);
      const blocks = await alternate(
        contestants.map(
          ({ child }) =>
            () =>
              child.ask<number>('block', { seconds: secondsPerBlock }),
        ),
        rounds,
      );
      const results = contestants.map(({ name }, index) => ({
        name,
        started: started[index] as StepStarted,
        speeds: blocks[index] ?? [],
      }));
      return report(model, results, 'images/s');
    },
  );
}

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
