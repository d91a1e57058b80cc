/** The vocabulary of ablations: an experiment, varied → cells → a table that says what mattered. */
export {
  ablation,
  isAblation,
  type Ablation,
  type AblationOptions,
  type Halving,
  type Measure,
  type Measured,
} from './ablation.js';
export type { Axes, Axis, ConfigPath, Interval, ValueAt } from './axes.js';
export { runAblation, type AblationEvent, type AblationRun, type AblationRunOptions } from './run-ablation.js';
export { readAblation } from './cells.js';
export type { AblationRecord, AblationSpec, Arm, Cell as AblationCell } from './record.js';
export { compareArms, type ArmResult, type Difference } from './comparison.js';
export { verdict } from './verdict.js';
export { seedsNeeded } from './power.js';
