import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  adamw,
  causalLanguageModel,
  engineInfo,
  key,
  loadModel,
  reportTo,
  startTraining,
  train,
  warmupCosine,
  windows,
  type Batch,
  type DecoderWeights,
  type Loader,
  type LoaderOptions,
  type Training,
} from 'trainbook';
import type { LoopRecipe } from './loop-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';
import { pausedBlocks } from './paused-blocks.js';

/** Input of `start`; loop_peer.py takes the same. */
export type LoopStart = {
  readonly folder: string;
  readonly recipe: LoopRecipe;
  /** `step` or `loop`; PyTorch: `eager`, `compile` or `trainer`. */
  readonly form: string;
  readonly threads: number;
};

/** Answer to `start`: memory in MB above the RSS after import; null where the system does not tell. */
export type LoopStarted = { readonly loss: number; readonly peakOfSteps: number | null };

/** The learning rate rises over 100 steps and falls over many more than are measured. */
const rate = warmupCosine({ learningRate: 6e-4, warmupSteps: 100, steps: 100_000 });
/** AdamW with clipping, as in nanoGPT's train.py. */
const optimizer = adamw({ learningRate: rate, beta1: 0.9, beta2: 0.95, weightDecay: 0.1, clipNorm: 1 });

let block: () => Promise<number>;

export const answers = {
  start: async ({ folder, recipe, form }: LoopStart): Promise<LoopStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    const { architecture, weights } = await loadModel(folder);
    const file = await readFile(join(folder, 'stream.bin'));
    const tokens = Int32Array.from(new Uint16Array(file.buffer, file.byteOffset, file.length / 2));
    const batchesOf = (options: LoaderOptions): Loader => windows(tokens, { ...options, context: recipe.context });
    if (form === 'step') {
      const training = startTraining(causalLanguageModel()(architecture), { weights, optimizer });
      const batch = batchesOf({ batchSize: recipe.batchSize, key: key(1) }).next();
      block = bareBlock(training, batch, recipe);
    } else {
      block = pausedBlocks((evaluate) =>
        train(
          { architecture, weights },
          {
            objective: causalLanguageModel(),
            data: batchesOf,
            optimizer,
            plan: {
              steps: 1_000_000,
              batchSize: recipe.batchSize,
              evaluateEvery: recipe.blockSteps,
              checkpointEvery: 1_000_000,
            },
            key: key(1),
            inPlace: true, // as PyTorch does
            evaluate,
            on: (event) => {
              if (event.type === 'step') lastLoss = event.result.loss;
              report(event);
            },
          },
        ),
      );
    }
    await block();
    resetPeak();
    await block();
    const peak = peakMegabytes();
    return { loss: lastLoss, peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Seconds for a block of steps. */
  block: (): Promise<number> => block(),
};

let lastLoss = NaN;
let numRows = 0;
/** What a run does with each step's numbers, but for the disk. */
const report = reportTo(
  'bench',
  () => numRows++,
  () => undefined,
);

/** Steps on one batch, with nothing around them. */
function bareBlock(
  training: Training<DecoderWeights, Batch>,
  batch: Batch,
  { blockSteps }: LoopRecipe,
): () => Promise<number> {
  let step = 0;
  return async () => {
    const started = performance.now();
    for (let done = 0; done < blockSteps; done++) lastLoss = (await training.step(batch, ++step)).loss;
    return (performance.now() - started) / 1000;
  };
}
