// Learning from rewards: rewards → advantages → the policy's loss, the critic's, and the distance to a reference.
export { checkedReward, scoreAnswers, type Reward, type Rewards, type RewardSample } from './reward.js';
export { judgeAnswers, type Judge, type JudgedRewards } from './judge.js';
export { arithmeticGoal, exactAnswer, hasFormat, type ArithmeticGoal, type ReadAnswer } from './verifiable-rewards.js';
export { taggedFormat, type TaggedFormat } from './tagged-format.js';
export { lastNumber, markedAnswer } from './final-answer.js';
export { evaluateArithmetic, type Evaluated } from './arithmetic.js';
export { parseRational, type Rational } from './rational.js';
export { overlongPenalty, type OverlongOptions } from './overlong-penalty.js';
export { decoupledAdvantages, weighRewards, type RewardsByName, type RewardWeights } from './multi-reward.js';
export { varyingGroups, type VaryingGroups } from './varying-groups.js';
export { groupAdvantages, type GroupAdvantageOptions } from './group-advantages.js';
export {
  generalisedAdvantages,
  whiten,
  type GeneralisedAdvantageOptions,
  type GeneralisedAdvantages,
  type ValuedAnswers,
} from './generalised-advantages.js';
export {
  clippedPolicyLoss,
  type ClippedPolicyOptions,
  type PolicyLoss,
  type PolicyStatistics,
  type PolicyTokens,
} from './clipped-policy-loss.js';
export { valueLoss, type ValueLoss, type ValueTokens } from './value-loss.js';
export { tokenMean, type SumAndCount, type TokenMean } from './token-mean.js';
export { entropies } from './entropy.js';
export {
  klEstimates,
  klShapedRewards,
  type KlEstimator,
  type KlPenalty,
  type ScoredAnswers,
  type ShapedRewards,
} from './kl.js';
export { adaptiveKl, type AdaptiveKl, type AdaptiveKlOptions } from './adaptive-kl.js';
