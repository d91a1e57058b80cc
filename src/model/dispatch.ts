import * as tf from '@tensorflow/tfjs';

// Legend: tokens = batch × time; E = experts, k = experts of a token, C = room of each expert, in tokens. An assignment is one of
// a token's k; assignments are numbered by choice, then token: all first choices come before the second ones.

/** The place of each assignment among those of its expert. */
export interface Placed {
  readonly experts: tf.Tensor; // int32 [k, tokens]
  /** 0 for the expert's first assignment, 1 for the next, … */
  readonly ranks: tf.Tensor; // int32 [k, tokens]
  /** Assignments of the fullest expert: int32 scalar. */
  readonly fullest: tf.Scalar;
}

/** Rows of E × C slots, and which assignment is in which. */
export interface Slots {
  readonly room: number;
  /** The slot of each assignment; any where it has none. int32 [k, tokens] */
  readonly slots: tf.Tensor;
  /** 1 where an assignment has a slot. float32 [k, tokens] */
  readonly kept: tf.Tensor;
  /** The assignment in each slot; 0 in empty ones. int32 [E × C] */
  readonly assignments: tf.Tensor;
  /** 1 where a slot has one. float32 [E × C] */
  readonly filled: tf.Tensor;
}

/**
 * Counts assignments by expert, first choices first. Sums of ones, in two levels: XLA computes a running sum of n numbers in n² steps.
 *
 * @param experts int32 [tokens, k]
 */
export function placeAssignments(experts: tf.Tensor, number: number): Placed {
  const [tokens, active] = experts.shape as [number, number];
  const byChoice = tf.transpose(experts); // [k, tokens]
  const size = active * tokens;
  const block = Math.max(1, Math.ceil(Math.sqrt(size)));
  const numBlocks = Math.ceil(size / block);
  const ones = tf.oneHot(tf.reshape(byChoice, [size]), number, 1, 0, 'float32');
  const padded = tf.reshape(tf.pad(ones, [[0, numBlocks * block - size], [0, 0]]), [numBlocks, block, number]); // prettier-ignore
  const within = tf.cumsum(padded, 1, true); // before each, in its block
  const totals = tf.sum(padded, 1); // [blocks, E]
  const before = tf.add(within, tf.expandDims(tf.cumsum(totals, 0, true), 1));
  const ranks = tf.sum(tf.mul(tf.slice(tf.reshape(before, [-1, number]), [0, 0], [size, number]), ones), 1);
  return {
    experts: byChoice,
    ranks: tf.cast(tf.reshape(ranks, [active, tokens]), 'int32'),
    fullest: tf.cast(tf.max<tf.Scalar>(tf.sum(totals, 0)), 'int32'),
  };
}

/** Slots for the assignments of ranks `first` … `first + room − 1` of each expert. */
export function slotsFrom({ experts, ranks }: Placed, number: number, room: number, first: tf.Scalar): Slots {
  const size = experts.size;
  const int = (value: number): tf.Scalar => tf.scalar(value, 'int32');
  const place = tf.sub(ranks, first);
  const fits = tf.logicalAnd(tf.greaterEqual(place, int(0)), tf.less(place, int(room)));
  const own = tf.add(tf.mul(experts, int(room)), place);
  const slots = tf.where(fits, own, tf.zerosLike(own));
  // Assignments count from 1 here, so that 0 is an empty slot; those without a slot go to one beyond the last.
  const places = tf.where(fits, own, tf.mul(tf.onesLike(own), int(number * room)));
  const numbers = tf.add(tf.range(0, size, 1, 'int32'), int(1));
  const inSlots = tf.slice(
    tf.tensorScatterUpdate(tf.zeros([number * room + 1], 'int32'), tf.reshape<tf.Rank.R2>(places, [size, 1]), numbers),
    [0],
    [number * room],
  );
  return {
    room,
    slots,
    kept: tf.cast(fits, 'float32'),
    assignments: tf.maximum(tf.sub(inSlots, int(1)), int(0)),
    filled: tf.cast(tf.greater(inSlots, int(0)), 'float32'),
  };
}

/** Row i's index j as an index of the matrix's numbers end to end: int32 [rows, k] → the same shape. */
export function flatRows(indices: tf.Tensor, rows: number, columns: number): tf.Tensor {
  return tf.add(indices, tf.reshape(tf.range(0, rows * columns, columns, 'int32'), [rows, 1]));
}

/**
 * The rows of x in the slots that they have: [tokens, width] → [E × C, width]; in empty slots some row. The gradient of a row is the sum
 * of those of its slots, which are known: nothing is scattered.
 */
export function dispatch(x: tf.Tensor, { slots, kept, assignments }: Slots): tf.Tensor {
  const tokens = tf.mod(assignments, tf.scalar(x.shape[0], 'int32'));
  const apply = tf.customGrad((...args) => {
    const [rows, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([slots, kept]);
    return {
      value: tf.gather(rows, tokens),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [places, counted] = saved as [tf.Tensor, tf.Tensor];
        return [tf.sum(tf.mul(tf.gather(dy, places), tf.expandDims(counted, 2)), 0)];
      },
    };
  });
  return apply(x);
}

/**
 * y[t] = Σⱼ gate[t, j] · ys[slot of t's j-th expert], of those that have one: ys [E × C, width], gates [tokens, k] → [tokens, width].
 * ∂ys and ∂gates are gathered, too.
 */
export function combine(ys: tf.Tensor, gates: tf.Tensor, { slots, kept, assignments, filled }: Slots): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [rows, weights, save] = args as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([rows, weights, slots, kept, assignments, filled]);
    const counted = tf.mul(tf.transpose(weights), kept); // [k, tokens]
    return {
      value: tf.sum(tf.mul(tf.gather(rows, slots), tf.expandDims(counted, 2)), 0),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [from, factors, places, has, own, full] = saved as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const ofSlots = tf.mul(tf.gather(tf.reshape(tf.transpose(factors), [-1]), own), full); // [E × C]
        const tokens = tf.mod(own, tf.scalar(dy.shape[0], 'int32'));
        const products = tf.sum(tf.mul(tf.gather(from, places), tf.expandDims(dy, 0)), 2); // [k, tokens]
        return [tf.mul(tf.gather(dy, tokens), tf.expandDims(ofSlots, 1)), tf.transpose(tf.mul(products, has))];
      },
    };
  });
  return apply(ys, gates);
}
