import * as tf from '@tensorflow/tfjs';
import { join } from 'node:path';
import { treeEntries, unflatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { readSafetensors, writeSafetensors } from '../model/files/safetensors.js';
import type { StoredTensor } from '../model/files/safetensors.js';
import type { ModelFiles } from './checkpoint.js';

/**
 * Weights of any structure: `model.safetensors` with each by its path in the tree, such as `layers.0.weight`.
 *
 * @example
 * await train(model, { …, files: treeFiles(model.weights) });
 */
export function treeFiles<Weights>(like: Weights): ModelFiles<Weights> {
  return {
    write: async (weights, folder) => {
      const tensors = new Map<string, StoredTensor>();
      for (const [path, tensor] of treeEntries<tf.Tensor>(weights as Tree<tf.Tensor>)) {
        tensors.set(path, { shape: tensor.shape, elements: await tensor.data() });
      }
      await writeSafetensors(join(folder, 'model.safetensors'), { tensors, metadata: {} });
    },
    read: async (folder) => {
      const path = join(folder, 'model.safetensors');
      const { tensors } = await readSafetensors(path);
      const structure = like as Tree<tf.Tensor>;
      const leaves = treeEntries<tf.Tensor>(structure).map(([name, { shape }]) => {
        const stored = tensors.get(name);
        if (stored?.shape.join() !== shape.join()) {
          throw new TrainbookError({
            what: `train: ${path} is not of this model: ${name}`,
            received: stored === undefined ? 'nothing' : `[${stored.shape.join(', ')}]`,
            expected: `[${shape.join(', ')}]`,
          });
        }
        return tf.tensor(stored.elements as Float32Array, [...stored.shape]);
      });
      return unflatten(structure, leaves) as Weights;
    },
  };
}
