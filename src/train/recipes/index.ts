// Recipes: a model, data and a loss, put together for one purpose.
export { recipe, type RecipeOptions, type RecipeParts } from './recipe.js';
export { wholeModel, withLora, type Trainee } from './trainee.js';
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
