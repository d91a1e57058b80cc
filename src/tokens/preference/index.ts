// Preferences: pairs of answers and single judgements → batches.
export {
  pairLength,
  preferencePair,
  truncatePairs,
  type PreferencePair,
  type ReferenceLogProbabilities,
} from './preference-pair.js';
export { preferenceLoader, preferencesInOrder, type AnswerRows, type PreferenceBatch } from './preference-batch.js';
export { judgedInOrder, judgedLoader, truncateJudged, type JudgedAnswer, type JudgedBatch } from './judged-answers.js';
export { preferencePairs, type LeftOutPair, type PreferencePairs } from './preference-pairs.js';
export {
  pairsOfRanks,
  rankedAnswers,
  rankedInOrder,
  rankedLoader,
  rankedPair,
  type RankedAnswers,
  type RankedBatch,
  type RankedSizes,
  type RankingOfTexts,
} from './ranked-answers.js';
