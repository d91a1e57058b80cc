// Mixing: how much of what. Selecting: which.
export { shares } from './shares.js';
export { mix, type MixOptions, type SizeUnit } from './mix.js';
export { planMix, type MixPlan, type MixTargets, type PlannedStratum, type StratumSize } from './plan-mix.js';
export { withRepeats } from './with-repeats.js';
