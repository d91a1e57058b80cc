import * as tf from '@tensorflow/tfjs';
import { adamw, causalLanguageModel, decoder, engineInfo, key, startTraining, trainingMemory } from 'trainbook';
import { drawBatch } from './gpt-recipe.js';
import { peakMegabytes, residentMegabytes, resetPeak } from './memory.js';
import type { MemorySetting } from './training-memory.js';

/** In MB above the RSS after import; null where the system does not tell. */
export type MeasuredMemory = { readonly estimated: number; readonly peak: number | null };

export const answers = {
  /** The highest memory of a process that draws weights, compiles a step and takes three. */
  measure: async ({ model, plan }: MemorySetting): Promise<MeasuredMemory> => {
    engineInfo();
    const imported = residentMegabytes();
    resetPeak();
    const architecture = decoder(model);
    const weights = architecture.init(key(1));
    const training = startTraining(causalLanguageModel()(architecture), {
      weights,
      optimizer: adamw({ learningRate: 1e-3 }),
      ...plan,
    });
    tf.dispose(weights as unknown as tf.TensorContainer); // the training has its own
    const sizes = { ...model, ...plan, numBatches: 1, checkSteps: 0, rounds: 0, secondsPerBlock: 0 };
    const batch = drawBatch(sizes, 0);
    for (let step = 1; step <= 3; step++) await training.step(batch, step);
    const peak = peakMegabytes();
    const estimated = trainingMemory(architecture, plan).total / 1e6;
    return { estimated, peak: peak === null ? null : peak - imported };
  },
};
