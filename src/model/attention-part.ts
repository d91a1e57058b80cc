import type * as tf from '@tensorflow/tfjs';
import { attend, attentionInputs } from './attention.js';
import type { AttentionContext, AttentionInputs, AttentionWeights, Heads } from './attention.js';
import type { CacheShape } from './key-value-cache.js';
import type { Linear } from './linear.js';
import type { NormWeights } from './norm.js';
import type { WeightSpec } from './weights.js';

/** How first weights are drawn. */
export interface Drawing {
  readonly matrix: (shape: readonly [number, number], kind: 'input' | 'inner' | 'output') => Linear<WeightSpec>;
  readonly gain: (size: number) => NormWeights<WeightSpec>;
}

/** A decoder's attention: functions, chosen once. Each is given weights of the part's own specs. */
export interface AttentionPart {
  specs(drawing: Drawing, width: number): AttentionWeights<WeightSpec>;
  readonly attend: (weights: AttentionWeights, x: tf.Tensor, context: AttentionContext) => tf.Tensor;
  /** Queries, keys and values of each head, before they are compared. */
  inputs(weights: AttentionWeights, x: tf.Tensor, rotate: AttentionContext['rotate']): AttentionInputs;
  /** What of x `attend` remembers. */
  kept(
    weights: AttentionWeights,
    x: tf.Tensor,
    rotate: AttentionContext['rotate'],
  ): readonly [keys: tf.Tensor, values: tf.Tensor];
  /** What a cache keeps of each token. */
  readonly cache: CacheShape;
}

/** Attention with keys and values of their own for each head, or group of heads: `attention.ts`. */
export function headedAttention(heads: Heads, queryKeyNorm: boolean): AttentionPart {
  const { keyValueHeads, headSize } = heads;
  return {
    specs: ({ matrix, gain }, width) => ({
      query: matrix([width, heads.heads * headSize], 'input'),
      key: matrix([width, keyValueHeads * headSize], 'input'),
      value: matrix([width, keyValueHeads * headSize], 'input'),
      output: matrix([heads.heads * headSize, width], 'output'),
      ...(queryKeyNorm ? { queryNorm: gain(headSize), keyNorm: gain(headSize) } : {}),
    }),
    attend: (weights, x, context) => attend(heads, weights, x, context),
    inputs: (weights, x, rotate) => attentionInputs(heads, weights, x, rotate),
    kept: (weights, x, rotate) => {
      const { keys, values } = attentionInputs(heads, weights, x, rotate);
      return [keys, values];
    },
    cache: { heads: keyValueHeads, keySize: headSize, valueSize: headSize },
  };
}
