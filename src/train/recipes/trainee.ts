import type * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { mapTree } from '../../engine/tree.js';
import type { Lora, LoraWeights } from '../../model/lora.js';
import { mergeLora } from '../../model/lora-merge.js';
import type { Model } from '../../model/model.js';
import { decoderPolicy, loraPolicy } from '../../model/policy.js';
import type { Policy } from '../../model/policy.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { ModelFiles } from '../checkpoints/checkpoint.js';
import { decoderFiles } from '../checkpoints/decoder-files.js';
import { treeFiles } from '../checkpoints/tree-files.js';
import type { TokenPredictor } from '../objectives/token-predictor.js';
import type { Trainable } from '../train.js';

/** What of a model is trained: all of its weights, or those of an adapter beside it. Recipes take either. */
export interface Trainee<Weights> {
  /** The weights, and how tokens are predicted with them: what `train` and objectives take. */
  readonly trainable: Trainable<TokenPredictor<Weights>, Weights>;
  /** How answers are written with the same weights. */
  readonly policy: Policy<Weights>;
  /** How a checkpoint keeps the weights. */
  readonly files: ModelFiles<Weights>;
  /** What these weights make of the model; an adapter's are merged into it. The tensors are its own. */
  model(weights: Weights): Model;
}

/**
 * All weights of a model, which are copied.
 *
 * @example
 * const trainee = wholeModel(base);
 */
export function wholeModel(model: Model): Trainee<DecoderWeights> {
  const { architecture } = model;
  return {
    trainable: model,
    policy: decoderPolicy(architecture),
    files: decoderFiles(architecture),
    model: (weights) => ({
      architecture,
      weights: mapTree<tf.Tensor, tf.Tensor>(weights, (tensor) => tensor.clone()) as unknown as DecoderWeights,
    }),
  };
}

/**
 * A LoRA adapter beside a model, whose own weights stay: they are a reference for free.
 *
 * @example
 * const trainee = withLora(base, lora({ rank: 16, targets: 'all-linear' }), key(1));
 */
export function withLora(model: Model, method: Lora, key: Key): Trainee<LoraWeights> {
  const weights = method.init(model, fold(key, 'adapter'));
  return {
    trainable: { architecture: method.adapt(model), weights },
    policy: loraPolicy(model, method),
    files: treeFiles(weights),
    model: (trained) => mergeLora(model, { kind: 'lora', method, weights: trained }),
  };
}
