import {
  adamw,
  causalLanguageModel,
  constant,
  engineInfo,
  key,
  loadModel,
  loader,
  lora,
  reportTo,
  train,
  withLora,
  wholeModel,
  type Trainee,
} from 'trainbook';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';
import { pausedBlocks } from './paused-blocks.js';
import { packedRows } from './sft-recipe.js';
import type { SftRecipe } from './sft-recipe.js';

/** Input of `start`; sft_peer.py takes the same. */
export type SftStart = {
  readonly folder: string;
  readonly recipe: SftRecipe;
  /** What is trained. */
  readonly trained: 'whole' | 'lora';
  /** Of the peer: `trainer` or `eager`. */
  readonly form: string;
  readonly threads: number;
};

/** Answer to `start`: memory in MB above the RSS after import; null where the system does not tell. */
export type SftStarted = { readonly losses: readonly number[]; readonly peakOfSteps: number | null };

let block: () => Promise<number>;
const losses: number[] = [];
let numRows = 0;
/** What a run does with each step's numbers, but for the disk. */
const report = reportTo(
  'bench',
  () => numRows++,
  () => undefined,
);

export const answers = {
  start: async ({ folder, recipe, trained }: SftStart): Promise<SftStarted> => {
    engineInfo();
    const imported = residentMegabytes();
    const model = await loadModel(folder);
    const { rank, alpha, targets } = recipe;
    block =
      trained === 'lora'
        ? blocksOf(withLora(model, lora({ rank, alpha, targets: [...targets] }), key(1)), recipe)
        : blocksOf(wholeModel(model), recipe);
    await block();
    resetPeak();
    await block();
    const peak = peakMegabytes();
    return { losses: losses.slice(0, 3), peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Seconds for a block of steps. */
  block: (): Promise<number> => block(),
};

/** Blocks of steps of what `fineTune` runs: `train` on answers, with AdamW and clipping. */
function blocksOf<Weights>({ trainable, files }: Trainee<Weights>, recipe: SftRecipe): () => Promise<number> {
  const { batchSize, blockSteps, learningRate, lossChunks } = recipe;
  return pausedBlocks((evaluate) =>
    train(trainable, {
      objective: causalLanguageModel(),
      data: (options) => loader(packedRows(recipe), options),
      optimizer: adamw({ learningRate: constant(learningRate), beta2: 0.999, weightDecay: 0, clipNorm: 1 }),
      plan: { steps: 1_000_000, batchSize, lossChunks, evaluateEvery: blockSteps, checkpointEvery: 1_000_000 },
      key: key(1),
      files,
      evaluate,
      on: (event) => {
        if (event.type === 'step') losses.push(event.result.loss);
        report(event);
      },
    }),
  );
}
