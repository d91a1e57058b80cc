// Preferences: ln p of answers → losses of pairs and of single judgements; rewards of texts.
export { answerLogProbabilities, type AnswerLogProbabilities } from './answer-log-probabilities.js';
export { preferenceMetrics, type OfPairs, type PreferenceLosses, type PreferenceMetrics } from './preference-losses.js';
export type { PreferenceObjective, Reference } from './preference-objective.js';
export { storeReference } from './store-reference.js';
export { dpo, dpoLosses, type DpoOptions } from './dpo.js';
export { ipo, ipoLosses, type IpoOptions } from './ipo.js';
export { kto, ktoLosses, mismatchedKl, type KtoLosses, type KtoOptions } from './kto.js';
export { orpo, orpoLosses, type OrpoOptions } from './orpo.js';
export { simpo, simpoLosses, type SimpoOptions } from './simpo.js';
export { bradleyTerry, bradleyTerryLosses, type BradleyTerryOptions } from './bradley-terry.js';
export { rankedBradleyTerry, type RewardReader } from './ranked-bradley-terry.js';
export {
  logRatioRewards,
  measurePreferences,
  modelRewards,
  perTokenRewards,
  type MeasuredPreferences,
  type PairRewards,
} from './measure-preferences.js';
