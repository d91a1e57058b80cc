import type * as tf from '@tensorflow/tfjs';
import { byHead, mixHeads } from '../attention.js';
import type { AttentionContext, AttentionWeights, Heads } from '../attention.js';
import type { LayerCache } from '../key-value-cache.js';
import { linear, linears } from '../linear.js';

/** What cross attention looks at, and which of it. */
export interface CrossContext extends Pick<AttentionContext, 'mix' | 'dropout'> {
  /** The keys and values of what is looked at: [batch, keyValueHeads, sourceTime, headSize] each. */
  readonly memory: LayerCache;
}

/**
 * K and V of each head of what is to be looked at: [batch, sourceTime, width] → [batch, keyValueHeads, sourceTime, headSize] each. They
 * do not depend on the queries: in decoding they are made once.
 *
 * @example
 * const memory = memoryOf(heads, weights.cross, encoded);
 */
export function memoryOf(
  { keyValueHeads, headSize }: Heads,
  weights: Pick<AttentionWeights, 'key' | 'value'>,
  encoded: tf.Tensor,
): LayerCache {
  const [batch, time] = encoded.shape as [number, number, number];
  const [keys, values] = linears([weights.key, weights.value], encoded);
  const shape: [number, number, number, number] = [batch, time, keyValueHeads, headSize];
  return { keys: byHead(keys, shape), values: byHead(values, shape) };
}

/**
 * softmax(scale · Q Kᵀ + mask) V, with queries of one sequence, x [batch, time, width], and keys and values of another: encoder–decoder
 * attention, Vaswani 2017 (1706.03762), section 3.2.3.
 *
 * @example
 * attendTo(heads, weights.cross, x, { memory, mix: maskedMixing(mask) });
 */
export function attendTo(
  heads: Heads,
  weights: Pick<AttentionWeights, 'query' | 'output'>,
  x: tf.Tensor,
  context: CrossContext,
): tf.Tensor {
  const [batch, time] = x.shape as [number, number, number];
  const queries = byHead(linear(weights.query, x), [batch, time, heads.heads, heads.headSize]);
  return mixHeads(heads, weights.output, { queries, ...context.memory }, context);
}
