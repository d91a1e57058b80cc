// Mixing: how much of what. Selecting: which.
export { shares } from './shares.js';
export { mix, type MixOptions, type SizeUnit } from './mix.js';
export { planMix, type MixPlan, type MixTargets, type PlannedStratum, type StratumSize } from './plan-mix.js';
export { withRepeats } from './with-repeats.js';
export { mixedStrata, mixFigure, mixTable, type MixedStratum } from './mix-table.js';
export { yieldTable, type YieldTableOptions } from './yield-table.js';
export { stratifiedSample, type StratifiedSampleOptions } from './stratified-sample.js';
export { selectPrivately, type PrivateSelection, type SelectPrivatelyOptions } from './select-privately.js';
export { privacyAccount, type Composition, type PrivacyAccount } from './privacy-account.js';
export { selectDiverse, type SelectDiverseOptions } from './select-diverse.js';
export { selectByTarget, type SelectByTargetOptions } from './select-by-target.js';
