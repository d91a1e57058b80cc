// Recipes: a model, data and a loss, put together for one purpose.
export { recipe, type RecipeOptions, type RecipeParts } from './recipe.js';
export { wholeModel, withLora, type Trainee } from './trainee.js';
export { prefer, type PreferAnswers, type PreferOptions, type PreferPairs, type PreferSettings } from './prefer.js';
export { trainRewardModel, type Judgements, type TrainRewardModelOptions } from './train-reward-model.js';
export { fineTune, fineTuneAdapter, type FineTuneOptions, type FineTuneTask } from './fine-tune.js';
export type { FineTuneCurriculum } from './answered-examples.js';
export { checkChat } from './check-chat.js';
