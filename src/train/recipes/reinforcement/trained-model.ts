import * as tf from '@tensorflow/tfjs';
import type { Model } from '../../../model/model.js';
import type { Trainee } from '../trainee.js';

/** The model of the weights that a training gives; their tensors are let go of. */
export async function withModel<Weights>(trainee: Trainee<Weights>, train: () => Promise<Weights>): Promise<Model> {
  const weights = await train();
  const model = trainee.model(weights);
  tf.dispose(weights as tf.TensorContainer);
  return model;
}
