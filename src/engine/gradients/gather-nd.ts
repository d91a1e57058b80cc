import * as tf from '@tensorflow/tfjs';
import { at, registerGradient, zerosFor } from './gradient.js';

/** y[i…] = params[index[i…, :]]: ∂params = scatterND(index, dy), where rows that were read twice add up. */
registerGradient({
  kernel: 'GatherNd',
  inputs: ['params', 'indices'],
  backward: (dys, kept) => ({
    params: () => tf.scatterND(asInt32(at(kept, 1)), at(dys, 0), at(kept, 0).shape),
    indices: () => zerosFor(at(kept, 1)),
  }),
});

/** y = Σ of updates[i…] at index[i…, :] in zeros: ∂updates = gatherND(dy, index). */
registerGradient({
  kernel: 'ScatterNd',
  inputs: ['indices'],
  backward: (dys, kept) => ({
    updates: () => tf.gatherND(at(dys, 0), asInt32(at(kept, 0))),
    indices: () => zerosFor(at(kept, 0)),
  }),
});

/** y = tensor with updates[i…] written at index[i…, :]: ∂updates = gatherND(dy, index), ∂tensor = dy with zeros written there. */
registerGradient({
  kernel: 'TensorScatterUpdate',
  inputs: ['indices', 'updates'],
  backward: (dys, kept) => ({
    tensor: () => tf.tensorScatterUpdate(at(dys, 0), asInt32(at(kept, 0)), zerosFor(at(kept, 1))),
    updates: () => tf.gatherND(at(dys, 0), asInt32(at(kept, 0))),
    indices: () => zerosFor(at(kept, 0)),
  }),
});

function asInt32(indices: tf.Tensor): tf.Tensor {
  return indices.dtype === 'int32' ? indices : tf.cast(indices, 'int32');
}
