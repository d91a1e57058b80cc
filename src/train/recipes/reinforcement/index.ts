// Reinforcement learning: problems → answers → rewards → updates, by one method or another.
export { grpo, grpoOptions, type GrpoOptions } from './grpo.js';
export { ppo, ppoOptions, type PpoOptions } from './ppo.js';
export type { Overlong, ReinforceMethod } from './method.js';
export { samplesTable, type KeptSamples, type ReinforceSample, type SamplesTableOptions } from './samples.js';
