// Distillation: what a teacher says → losses of a student.
export { divergences, forwardKl, jensenShannon, reverseKl, type Divergence } from './divergence.js';
export { distillLogits, type LogitOptions, type LogitSettings } from './logits.js';
export {
  distillHiddenStates,
  evenPairs,
  withProjections,
  type HiddenStateOptions,
  type ProjectedWeights,
  type StatePair,
} from './hidden-states.js';
export { distillAttention, distillRelations, type AttentionOptions, type RelationOptions } from './attention.js';
export type { LayeredModel } from './layered-model.js';
export { maskedTokens, nextTokens, type StudentBatch, type StudentRows } from './student-rows.js';
export type { Teacher } from './teacher.js';
