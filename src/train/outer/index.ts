// Small trainings inside of a larger one.
export { startLocalTraining, type LocalEnd, type LocalRun, type LocalTraining } from './local-training.js';
export { startBatchGradient, type BatchGradient } from './batch-gradient.js';
export { givenGradient } from './given-gradient.js';
export type { RoundOptions } from './train-in-rounds.js';
