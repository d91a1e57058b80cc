import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { TrainbookError } from '../error.js';
import type { AttentionPart } from './attention-part.js';
import type { AttentionContext } from './attention.js';
import { preNormBlock } from './block.js';
import type { BlockWeights, Network } from './block.js';
import type { KeyValueCache, LayerCache } from './key-value-cache.js';
import type { Norm } from './norm.js';
import type { DecoderWeights } from './weights.js';

/** When a token has gone through enough layers. */
export interface EarlyExit {
  /** `softmax`: p₁ − p₂, of the two likeliest next tokens by the layer's own state; `state`: the cosine of the states before and after a layer. */
  readonly confidence: 'softmax' | 'state';
  /** A token whose confidence is at least this goes through no further layer; above 1 all layers are gone through. */
  readonly threshold: number;
  /** Layers that every token goes through. Default: 1. */
  readonly from?: number;
}

/** @throws TrainbookError if a number is out of range. */
export function checkEarlyExit(what: string, { threshold, from = 1 }: EarlyExit, layers: number): void {
  if (!(threshold >= -1))
    throw new TrainbookError({ what: `${what}: threshold`, received: threshold, expected: 'a number from −1 on' });
  if (!Number.isInteger(from) || from < 1 || from > layers) {
    throw new TrainbookError({ what: `${what}: from`, received: from, expected: `an integer from 1 to ${layers}` });
  }
}

/**
 * How sure a layer is: [..., width] before and after it → [...]. Schuster 2022, "Confident Adaptive Language Modeling" (2207.07061),
 * section 3.5.
 *
 * @param logitsOf The logits of a layer's states: output(norm(states)).
 */
export function exitConfidence(
  kind: EarlyExit['confidence'],
  before: tf.Tensor,
  after: tf.Tensor,
  logitsOf: (states: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  if (kind === 'state') {
    const lengths = tf.mul(tf.norm(before, 2, -1), tf.norm(after, 2, -1));
    return tf.div(tf.sum(tf.mul(before, after), -1), tf.maximum(lengths, 1e-12));
  }
  const [first, second] = tf.split(tf.topk(tf.softmax(logitsOf(after)), 2).values, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.squeeze(tf.sub(first, second), [-1]);
}

/** What the layers of a decoder need, to be gone through one by one. */
export interface ExitingLayers {
  readonly norm: Norm;
  readonly attention: AttentionPart;
  readonly networkOf: (layer: number) => Network;
  readonly weights: DecoderWeights;
  readonly contexts: readonly AttentionContext[];
  readonly cache: KeyValueCache;
  readonly logitsOf: (states: tf.Tensor) => tf.Tensor;
}

/**
 * One token of each sequence, x [batch, 1, width], through as many layers as it needs. A sequence that is sure keeps its state; when all are,
 * further layers are not computed, but for the keys and values that they make of that state, which later tokens look at (Schuster 2022,
 * section 3.3). Whether a layer runs is known only then: it is a loop of one turn or none.
 */
export function throughLayers(
  layers: ExitingLayers,
  x: tf.Tensor,
  { confidence, threshold, from = 1 }: EarlyExit,
): { readonly states: tf.Tensor; readonly cache: KeyValueCache } {
  const [batch] = x.shape as [number, number, number];
  const { attention, weights, networkOf, norm, logitsOf } = layers;
  const one = tf.scalar(1, 'int32');
  let states = x;
  let open: tf.Tensor = tf.ones([batch]); // 1 for sequences that are not sure yet
  const after: LayerCache[] = [];
  weights.layers.forEach((block, layer) => {
    const context = layers.contexts[layer] as AttentionContext;
    const before = layers.cache[layer] as LayerCache;
    const goesOn = tf.cast(tf.any(tf.greater(open, 0.5)), 'int32');
    const [, next, stillOpen, keys, values] = onceIf(
      goesOn,
      [states, open, before.keys, before.values],
      (given, own) => {
        let kept: readonly tf.Tensor[] = [];
        const remember: AttentionContext['remember'] = (k, v) => {
          const all = context.remember(k, v);
          kept = all;
          return all;
        };
        const parts = { attend: attention.attend, norm, network: networkOf(layer) };
        const result = preNormBlock(parts, block, given, { attention: { ...context, remember }, dropsNone: true });
        const moved = tf.where(tf.greater(tf.reshape(own, [batch, 1, 1]), 0.5), result.states, given);
        const sure = tf.squeeze(exitConfidence(confidence, given, result.states, logitsOf), [1]);
        const unsure = layer + 1 < from ? own : tf.mul(own, tf.cast(tf.less(sure, threshold), 'float32'));
        return [moved, unsure, ...kept];
      },
    ) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [, allKeys, allValues] = onceIf(tf.sub(one, goesOn), [keys, values], () =>
      context.remember(...attention.kept(block.attention, normed(norm, block, next), context.rotate)),
    ) as [tf.Tensor, tf.Tensor, tf.Tensor];
    after.push({ keys: allKeys, values: allValues });
    states = next;
    open = stillOpen;
  });
  return { states, cache: after };
}

const normed = (norm: Norm, { attentionNorm }: BlockWeights, x: tf.Tensor): tf.Tensor => norm(attentionNorm, x);

/** The turns done, and the state: what `fn` makes of it if `count` is 1, else as it is. */
function onceIf(
  count: tf.Tensor,
  state: readonly tf.Tensor[],
  fn: (...state: [tf.Tensor, tf.Tensor]) => readonly tf.Tensor[],
): tf.Tensor[] {
  return loop(
    ([turn]) => tf.less(turn as tf.Tensor, count),
    ([turn, ...before]) => [
      tf.add(turn as tf.Tensor, tf.scalar(1, 'int32')),
      ...fn(...(before as [tf.Tensor, tf.Tensor])),
    ],
    [tf.scalar(0, 'int32'), ...state],
    { name: 'layer' },
  );
}
