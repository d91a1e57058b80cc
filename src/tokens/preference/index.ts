// Preferences: pairs of answers and single judgements → batches.
export {
  preferencePair,
  truncatePairs,
  type PreferencePair,
  type ReferenceLogProbabilities,
} from './preference-pair.js';
export { preferenceLoader, preferencesInOrder, type AnswerRows, type PreferenceBatch } from './preference-batch.js';
export { judgedLoader, type JudgedAnswer, type JudgedBatch } from './judged-answers.js';
