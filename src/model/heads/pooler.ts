import * as tf from '@tensorflow/tfjs';
import { linearSpec } from '../encoder-specs.js';
import { linear } from '../linear.js';
import type { Linear } from '../linear.js';
import { headOf } from './head.js';
import type { Head, HeadReading, Trunk } from './head.js';
import { firstToken } from './pooling.js';

export type PoolerWeights<Leaf = tf.Tensor> = { readonly dense: Linear<Leaf> };

/** A vector for a text, as BERT's heads for whole texts read it. */
export interface Pooler extends Head<PoolerWeights> {
  /** [batch, time, width] → [batch, width]; `mask` as for a pooling. */
  forward(weights: PoolerWeights, states: tf.Tensor, reading?: Pick<HeadReading, 'mask'>): tf.Tensor2D;
}

/**
 * tanh(W x₀ + b), where x₀ is the state of the first token: Devlin 2018, "BERT" (1810.04805).
 *
 * @example
 * const head = pooler(bert('base'));
 * const vectors = head.forward(weights.head, states, { mask }); // [batch, 768]
 */
export function pooler({ config: { width, initDeviation } }: Trunk): Pooler {
  return {
    ...headOf<PoolerWeights>({ dense: linearSpec(width, width, initDeviation) }),
    forward: ({ dense }, states, { mask } = {}) => tf.tanh(linear(dense, firstToken(states, mask))) as tf.Tensor2D,
  };
}
