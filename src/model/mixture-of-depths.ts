import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { combine, dispatch } from './dispatch.js';
import type { Slots } from './dispatch.js';
import { linear } from './linear.js';
import type { Linear } from './linear.js';

// Legend: k = tokens of a row that go through a block.

/**
 * Blocks that only some tokens go through, as an experiment writes it.
 *
 * @example
 * depthsOptions.parse({ capacity: 0.125 });
 */
export const depthsOptions = z.strictObject({
  capacity: z
    .number()
    .positive()
    .max(1)
    .describe('share of the tokens of a row that go through a block; 0.125 in the paper'),
  every: z.int().positive().default(2).describe('one block in so many is gone through by some alone: the last of them'),
});
export type DepthsConfig = z.output<typeof depthsOptions>;

/** Whether only some tokens go through a layer. */
export function isPartial(depths: DepthsConfig | undefined, layer: number): boolean {
  return depths !== undefined && layer % depths.every === depths.every - 1;
}

/** The tokens of each row that go through a block, and how they get there and back. */
export interface ChosenTokens {
  /** int32 [batch, k], in the order of the row. */
  readonly places: tf.Tensor;
  readonly slots: Slots;
  /** [batch × time, 1] */
  readonly gates: tf.Tensor;
}

/**
 * The k = ⌈capacity · time⌉ tokens of each row with the highest scores r = x w, and the gates σ(r) of all. x [batch, time, width].
 *
 * Raposo 2024, "Mixture-of-Depths" (2404.02258). There what a block adds is multiplied by r itself, here by σ(r), so that a block whose
 * router is still 0 adds half of what it would, and learns. Which tokens are chosen depends on the whole row, later ones too.
 *
 * @example
 * const chosen = chooseTokens({ capacity: 0.125, every: 2 }, router, x);
 */
export function chooseTokens({ capacity }: DepthsConfig, router: Linear, x: tf.Tensor): ChosenTokens {
  const [batch, time] = x.shape as [number, number, number];
  const k = Math.ceil(capacity * time);
  const int = (value: number): tf.Scalar => tf.scalar(value, 'int32');
  const scores = tf.reshape(linear(router, x), [batch, time]);
  const { indices } = tf.topk(scores, k);
  // In the order of the row: the highest of the negatives come first.
  const places = tf.cast(tf.neg(tf.topk(tf.neg(tf.cast(indices, 'float32')), k).values), 'int32');
  const rows = tf.reshape(tf.range(0, batch * time, time, 'int32'), [batch, 1]);
  const assignments = tf.reshape(tf.add(places, rows), [batch * k]);
  const numbers = tf.add(tf.range(0, batch * k, 1, 'int32'), int(1));
  const slotsFrom1 = tf.tensorScatterUpdate(
    tf.zeros([batch * time], 'int32'),
    tf.reshape<tf.Rank.R2>(assignments, [batch * k, 1]),
    numbers,
  );
  return {
    places,
    gates: tf.reshape(tf.sigmoid(scores), [batch * time, 1]),
    slots: {
      slots: tf.reshape(tf.maximum(tf.sub(slotsFrom1, int(1)), int(0)), [1, batch * time]),
      kept: tf.cast(tf.reshape(tf.greater(slotsFrom1, int(0)), [1, batch * time]), 'float32'),
      assignments,
      filled: tf.ones([batch * k]),
    },
  };
}

/** x of the chosen tokens: [batch, time, width] → [batch, k, width]. */
export function takeChosen({ places, slots }: ChosenTokens, x: tf.Tensor): tf.Tensor {
  const [, , width] = x.shape as [number, number, number];
  return tf.reshape(dispatch(tf.reshape(x, [-1, width]), slots), [...places.shape, width]);
}

/** x + σ(r) · (what the block adds) of the chosen tokens, x of the others. `after` is the block's result, [batch, k, width]. */
export function putChosen(chosen: ChosenTokens, x: tf.Tensor, before: tf.Tensor, after: tf.Tensor): tf.Tensor {
  const width = x.shape[2] ?? 0;
  const added = tf.reshape(tf.sub(after, before), [-1, width]);
  return tf.add(x, tf.reshape(combine(added, chosen.gates, chosen.slots), x.shape));
}
