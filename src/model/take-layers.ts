import * as tf from '@tensorflow/tfjs';
import { mapTree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import { decoder } from './decoder.js';
import type { Model } from './model.js';
import type { DecoderWeights } from './weights.js';

/**
 * Every n-th layer of a model, from the first on, and all else as it is: a student that begins with what its teacher knows. Sanh 2019,
 * "DistilBERT" (1910.01108), takes one layer out of two. The weights are copies.
 *
 * @throws TrainbookError if `every` is not an integer from 1 on.
 * @example
 * const student = takeLayers(teacher, { every: 2 }); // layers 0, 2, 4, … of the teacher
 */
export function takeLayers({ architecture, weights }: Model, { every }: { readonly every: number }): Model {
  const { config } = architecture;
  if (!Number.isInteger(every) || every < 1) {
    throw new TrainbookError({ what: 'takeLayers: every', received: every, expected: 'an integer from 1 on' });
  }
  const taken = weights.layers.filter((_, layer) => layer % every === 0);
  const { window, experts, ...rest } = config;
  // Layers keep their windows: those below `fromLayer` see all.
  const fromLayer = window && Math.ceil(window.fromLayer / every);
  const kept =
    window && fromLayer !== undefined && fromLayer < taken.length ? { window: { ...window, fromLayer } } : {};
  const fromExperts = experts && Math.ceil(experts.fromLayer / every);
  const sparse =
    experts && fromExperts !== undefined && fromExperts < taken.length
      ? { experts: { ...experts, fromLayer: fromExperts } }
      : {};
  const student = decoder({ ...rest, ...kept, ...sparse, layers: taken.length });
  const copied = mapTree<tf.Tensor, tf.Tensor>({ ...weights, layers: taken }, (tensor) => tf.clone(tensor));
  return { architecture: student, weights: copied as unknown as DecoderWeights };
}
