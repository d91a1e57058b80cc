import { loadWeights, saveWeights } from '../../model/tree-weights.js';
import type { ModelFiles } from './checkpoint.js';

/**
 * Checkpoints of weights of any structure: `saveWeights` and `loadWeights`.
 *
 * @example
 * await train(model, { …, files: treeFiles(model.weights) });
 */
export function treeFiles<Weights>(like: Weights): ModelFiles<Weights> {
  return { write: saveWeights, read: (folder) => loadWeights(like, folder) };
}
