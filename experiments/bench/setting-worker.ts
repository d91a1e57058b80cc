import {
  causalLanguageModel,
  engineInfo,
  key,
  startTraining,
  compactState,
  type Batch,
  type DecoderWeights,
  type StateStorage,
  type Training,
} from 'trainbook';
import { adamwNumbers, architectureOf, drawBatch, optimizerOf, type GptRecipe } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';

/** How a step is computed: fields of a plan. A type, not an interface, so that it counts as JSON. */
export type Setting = {
  readonly microBatch?: number;
  readonly recompute?: boolean;
  readonly lossChunks?: number;
  readonly optimizerState?: StateStorage;
};

/** Answer to `start`: memory in MB above the RSS after import, null where the system does not tell. */
export type SettingStarted = {
  readonly losses: readonly number[];
  readonly peakOfSteps: number | null;
};

let training: Training<DecoderWeights, Batch>;
let batch: Batch;
let step = 0;

export const answers = {
  start: async ({ recipe, setting }: { recipe: GptRecipe; setting: Setting }): Promise<SettingStarted> => {
    const { optimizerState = 'float32', ...rest } = setting;
    engineInfo();
    const imported = residentMegabytes();
    const architecture = architectureOf(recipe);
    const weights = architecture.init(key(1));
    training = startTraining(causalLanguageModel()(architecture), {
      weights,
      optimizer: compactState(optimizerOf(adamwNumbers), optimizerState),
      ...rest,
    });
    batch = drawBatch(recipe, 0);
    const losses: number[] = [];
    while (losses.length < recipe.checkSteps) losses.push((await training.step(batch, ++step)).loss);
    resetPeak();
    await training.step(batch, ++step);
    await training.step(batch, ++step);
    const peak = peakMegabytes();
    return { losses, peakOfSteps: peak === null ? null : peak - imported };
  },
  /** Steps for about so many seconds; seconds per step. */
  block: async ({ seconds }: { readonly seconds: number }): Promise<number> => {
    const started = performance.now();
    let numSteps = 0;
    while (numSteps === 0 || performance.now() - started < seconds * 1000) {
      await training.step(batch, ++step);
      numSteps++;
    }
    return (performance.now() - started) / 1000 / numSteps;
  },
};
