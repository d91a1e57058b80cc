import * as tf from '@tensorflow/tfjs';
import { foldTensor } from '../../engine/random.js';
import type { RandomKey } from '../../engine/random.js';
import type { Dropout } from '../dropout.js';

/** Folded into a step's key for stochastic depth: the dropouts of elements are numbered from 0. */
const depthDropout = -1;

/**
 * Stochastic depth of one of several blocks: the share grows from 0 at the first to `rate` at the last, since later blocks can be spared more
 * easily: Huang 2016 (1603.09382), equation 4.
 */
export function depthRate(
  rate: number,
  block: number,
  blocks: number,
  key: RandomKey,
  batch: number,
): Dropout | undefined {
  const own = blocks === 1 ? rate : (rate * block) / (blocks - 1);
  if (own === 0) return undefined;
  const keyOf = (data: number, from: RandomKey): RandomKey => foldTensor(from, tf.scalar(data, 'int32'));
  return { rate: own, key: keyOf(block, keyOf(depthDropout, key)), rows: batch };
}

/** What a block costs depends on. */
export interface BlockSizes {
  readonly width: number;
  readonly hidden: number;
  readonly heads: number;
  /** Of an image. */
  readonly tokens: number;
  /** Keys that each token is compared with. */
  readonly keys: number;
}

/**
 * Bytes that a block keeps of an image for the backward pass, as `encoderCost` counts them: nine tensors of the stream's width, two of the MLP's
 * inside, and the softmax.
 */
export function blockActivations({ width, hidden, heads, tokens, keys }: BlockSizes): number {
  return 4 * tokens * (9 * width + 2 * hidden + heads * keys);
}

/** FLOPs of a block for an image: 2 for each weight and token, and 4 × width for each token and key, Q Kᵀ and the weighted sum of V. */
export function blockFlops({ width, hidden, tokens, keys }: BlockSizes): number {
  return 2 * tokens * (4 * width ** 2 + 2 * width * hidden) + 4 * tokens * keys * width;
}
