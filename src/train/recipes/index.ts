// Recipes: a model, data and a loss, put together for one purpose.
export { recipe, type RecipeOptions, type RecipeParts } from './recipe.js';
export { wholeModel, withLora, type Trainee } from './trainee.js';
export { reptile, type ReptileTask } from './reptile.js';
export { firstOrderMaml, type FirstOrderMamlOptions, type MamlTask } from './first-order-maml.js';
export type { MetaLearningOptions } from './meta-learning.js';
export { federate, type Federated, type FederatedOptions } from './federated.js';
export { clientPrivacyOptions, type ClientPrivacy } from './client-privacy.js';
export { fineTune, fineTuneAdapter, type FineTuneOptions, type FineTuneTask } from './fine-tune.js';
export type { FineTuneCurriculum } from './answered-examples.js';
export { checkChat } from './check-chat.js';
export { prefer, type PreferAnswers, type PreferOptions, type PreferPairs, type PreferSettings } from './prefer.js';
export { reinforce, type ReinforceOptions } from './reinforce.js';
export * from './reinforcement/index.js';
export { distil, type DistilData, type DistilOptions } from './distil.js';
export {
  fromAnswers,
  fromAttention,
  fromHiddenStates,
  fromLogits,
  fromRelations,
  type Lesson,
  type MakeLesson,
} from './distillation/lessons.js';
export type { OnPolicy } from './distillation/own-answers.js';
export { selfImprove, type SelfImproved, type SelfImproveOptions } from './self-improve.js';
export { keepAnswers, type KeepOptions, type KeptAnswers, type ScoredAnswer } from './self-improvement/keep-answers.js';
export { improvementFigure, type ImprovementRound } from './self-improvement/rounds.js';
export type { Problem } from './problems.js';
export { trainRewardModel, type Judgements, type TrainRewardModelOptions } from './train-reward-model.js';
export { trainImageClassifier, type TrainImagesOptions } from './train-image-classifier.js';
