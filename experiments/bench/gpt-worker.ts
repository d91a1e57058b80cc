import { join } from 'node:path';
import {
  causalLanguageModel,
  engineInfo,
  loadModel,
  type Batch,
  type DecoderWeights,
  type Precision,
  startTraining,
  type Training,
} from 'trainbook';
import { readSafetensors } from './built.js';
import { adamwNumbers, optimizerOf, type GptRecipe } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** Input of `start`. */
export type GptStart = {
  readonly folder: string;
  readonly recipe: GptRecipe;
  readonly precision: Precision;
  /** `xla` or `graph`; PyTorch: `eager` or `compile`. */
  readonly target: string;
  readonly threads: number;
  readonly adamw: typeof adamwNumbers;
};

/** Answer to `start`. Memory in MB above the RSS after import; null where the system does not tell. */
export type GptStarted = {
  readonly losses: readonly number[];
  /** The highest from the start on, compilation included. */
  readonly peakWithCompilation: number | null;
  /** The highest of steps after that. */
  readonly peakOfSteps: number | null;
  readonly secondsToFirstLoss: number;
};

let training: Training<DecoderWeights, Batch> | undefined;
let batches: readonly Batch[];
let step = 0;

async function nextStep(): Promise<number> {
  if (training === undefined) throw new Error('no training was started');
  const batch = batches[step % batches.length] as Batch;
  return (await training.step(batch, ++step)).loss;
}

export const answers = {
  /** Loads, compiles, trains the first steps. */
  start: async ({ folder, recipe, precision, target }: GptStart): Promise<GptStarted> => {
    engineInfo(); // loads the library, as `import torch` does
    const imported = residentMegabytes();
    resetPeak();
    const above = (): number | null => {
      const peak = peakMegabytes();
      return peak === null ? null : peak - imported;
    };
    const started = performance.now();
    const { architecture, weights } = await loadModel(folder);
    batches = await readBatches(folder);
    const optimizer = optimizerOf(adamwNumbers);
    training?.dispose();
    step = 0;
    training = startTraining(causalLanguageModel()(architecture), {
      weights,
      optimizer,
      precision,
      target: target as 'xla' | 'graph',
    });
    const losses = [await nextStep()];
    const secondsToFirstLoss = (performance.now() - started) / 1000;
    while (losses.length < recipe.checkSteps) losses.push(await nextStep());
    const peakWithCompilation = above();
    resetPeak();
    await nextStep();
    await nextStep();
    return { losses, peakWithCompilation, peakOfSteps: above(), secondsToFirstLoss };
  },
  /** Steps for about so many seconds; tokens per second. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const [first] = batches;
    const started = performance.now();
    let numSteps = 0;
    while (numSteps === 0 || performance.now() - started < seconds * 1000) {
      await nextStep();
      numSteps++;
    }
    const tokens = numSteps * (first?.inputs.length ?? 0);
    return tokens / ((performance.now() - started) / 1000);
  },
};

async function readBatches(folder: string): Promise<Batch[]> {
  const { tensors } = await readSafetensors(join(folder, 'batches.safetensors'));
  const { shape = [], elements: inputs } = tensors.get('inputs') ?? {};
  const { elements: targets } = tensors.get('targets') ?? {};
  const [numBatches = 0, batchSize = 0, context = 0] = shape;
  const size = batchSize * context;
  return Array.from({ length: numBatches }, (_, index) => ({
    inputs: (inputs as Int32Array).slice(index * size, (index + 1) * size),
    targets: (targets as Int32Array).slice(index * size, (index + 1) * size),
    weights: new Float32Array(size).fill(1),
    batchSize,
    context,
  }));
}
