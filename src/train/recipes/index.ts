// Recipes: a model, data and a loss, put together for one purpose.
export { recipe, type RecipeOptions, type RecipeParts } from './recipe.js';
export { wholeModel, withLora, type Trainee } from './trainee.js';
export { reinforce, type ReinforceOptions } from './reinforce.js';
export * from './reinforcement/index.js';
