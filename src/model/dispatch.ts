import * as tf from '@tensorflow/tfjs';

// Legend: tokens = batch × time; E = experts, k = experts of a token, C = room of each expert, in tokens. An assignment is one of
// a token's k; assignments are numbered by choice, then token: all first choices come before the second ones.

/** The place of each assignment among those of its expert. */
export interface Placed {
  readonly experts: tf.Tensor; // int32 [k, tokens]
  /** 0 for the expert's first assignment, 1 for the next, … */
  readonly ranks: tf.Tensor; // int32 [k, tokens]
  /** Assignments of each expert. int32 [E] */
  readonly counts: tf.Tensor;
  /** Where those of each expert begin in the order. int32 [E] */
  readonly starts: tf.Tensor;
  /** All assignments: those of expert 0 by rank, then those of expert 1, … int32 [k × tokens] */
  readonly order: tf.Tensor;
}

/** Blocks of rows for what is beyond the room of the experts, each of one expert. How many are needed is known only when it runs. */
export interface Blocks {
  /** Rows of a block. */
  readonly rows: number;
  /** The expert of each block, for as many as there may be. int32 [blocks] */
  readonly owners: tf.Tensor;
  /** Those that are needed, the first ones: int32 scalar. */
  readonly count: tf.Scalar;
  /** The first block of each expert. int32 [E] */
  readonly starts: tf.Tensor;
}

/** Slots for assignments: E × C, and those of blocks if there are any; and which assignment is in which. */
export interface Slots {
  /** The slot of each assignment; any where it has none. int32 [k, tokens] */
  readonly slots: tf.Tensor;
  /** 1 where an assignment has a slot. float32 [k, tokens] */
  readonly kept: tf.Tensor;
  /** The assignment in each slot; 0 in empty ones. int32 [slots] */
  readonly assignments: tf.Tensor;
  /** 1 where a slot has one. float32 [slots] */
  readonly filled: tf.Tensor;
}

const int = (value: number): tf.Scalar => tf.scalar(value, 'int32');
const range = (end: number): tf.Tensor1D => tf.range(0, end, 1, 'int32');

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
  const counts = tf.sum(totals, 0); // [E]
  const starts = tf.cumsum(counts, 0, true); // [E]
  const places = tf.add(tf.sum(tf.mul(ones, starts), 1), ranks); // in the order of experts, then ranks
  return {
    experts: byChoice,
    ranks: tf.cast(tf.reshape(ranks, [active, tokens]), 'int32'),
    counts: tf.cast(counts, 'int32'),
    starts: tf.cast(starts, 'int32'),
    order: tf.tensorScatterUpdate(
      tf.zeros([size], 'int32'),
      tf.cast<tf.Tensor2D>(tf.reshape(places, [size, 1]), 'int32'),
      range(size),
    ),
  };
}

/** Blocks for the assignments whose rank is `room` or more. */
export function blocksBeyond({ counts, order }: Placed, room: number, rows: number, tokens: number): Blocks {
  const number = counts.size;
  const beyond = tf.cast(tf.maximum(tf.sub(counts, int(room)), int(0)), 'float32');
  const needed = tf.ceil(tf.div(beyond, rows)); // [E]
  const ends = tf.cumsum(needed);
  const places = tf.expandDims(tf.range(0, mostBlocks(number, order.size, tokens, room, rows)), 1); // [blocks, 1]
  const passed = tf.sum(tf.cast(tf.lessEqual(ends, places), 'int32'), 1); // experts whose blocks all come before
  return {
    rows,
    owners: tf.minimum(passed, int(number - 1)),
    count: tf.cast(tf.sum<tf.Scalar>(needed), 'int32'),
    starts: tf.cast(tf.sub(ends, needed), 'int32'),
  };
}

/**
 * The most blocks that assignments may need: if m experts have more than their room, at most m (tokens − room) and (all − m · room)
 * assignments are beyond it, and each of the m has a block that may not be full.
 */
function mostBlocks(experts: number, assignments: number, tokens: number, room: number, rows: number): number {
  const byFull = Array.from({ length: experts }, (_, index) => {
    const full = index + 1;
    const beyond = Math.min(full * (tokens - room), assignments - full * room);
    return beyond < full ? 0 : Math.floor((beyond + full * (rows - 1)) / rows);
  });
  return Math.max(1, ...byFull);
}

/** Slots for the first `room` assignments of each expert, and for those beyond where there are blocks for them. */
export function slotsFrom({ experts, ranks, counts, starts, order }: Placed, room: number, blocks?: Blocks): Slots {
  const number = counts.size;
  const within = tf.less(ranks, int(room));
  const inRoom = tf.add(tf.mul(experts, int(room)), ranks);
  // Each slot as an expert and a rank.
  const ofRoom = { owners: tile(range(number), room), ranks: tf.tile(range(room), [number]) };
  const ofBlocks = blocks && slotsOfBlocks(blocks, room);
  const owners = ofBlocks ? tf.concat([ofRoom.owners, ofBlocks.owners]) : ofRoom.owners;
  const ofSlots = ofBlocks ? tf.concat([ofRoom.ranks, ofBlocks.ranks]) : ofRoom.ranks;
  const filled = tf.less(ofSlots, tf.gather(counts, owners));
  const places = tf.add(tf.gather(starts, owners), ofSlots);
  const assignments = tf.gather(order, tf.minimum(places, int(order.size - 1)));
  const beyond =
    blocks &&
    tf.add(
      tf.mul(tf.gather(blocks.starts, experts), int(blocks.rows)),
      tf.add(ranks, int(number * room - room)), // blocks come after all rooms
    );
  return {
    slots: tf.where(within, inRoom, beyond ?? tf.zerosLike(inRoom)),
    kept: blocks ? tf.ones(ranks.shape) : tf.cast(within, 'float32'),
    assignments: tf.mul(assignments, tf.cast(filled, 'int32')),
    filled: tf.cast(filled, 'float32'),
  };
}

/** The expert and the rank of each slot of blocks. */
function slotsOfBlocks({ rows, owners, starts }: Blocks, room: number): Record<'owners' | 'ranks', tf.Tensor> {
  const number = owners.size;
  const ofExpert = tf.sub(range(number), tf.gather(starts, owners)); // how many blocks of its expert come before each
  const first = tf.add(tf.mul(ofExpert, int(rows)), int(room));
  return {
    owners: tile(owners, rows),
    ranks: tf.reshape(tf.add(tf.expandDims(first, 1), tf.expandDims(range(rows), 0)), [number * rows]),
  };
}

/** Each number so many times in a row: [n] → [n · times]. */
function tile(numbers: tf.Tensor, times: number): tf.Tensor {
  return tf.reshape(tf.tile(tf.expandDims(numbers, 1), [1, times]), [numbers.size * times]);
}

/** Row i's index j as an index of the matrix's numbers end to end: int32 [rows, k] → the same shape. */
export function flatRows(indices: tf.Tensor, rows: number, columns: number): tf.Tensor {
  return tf.add(indices, tf.reshape(tf.range(0, rows * columns, columns, 'int32'), [rows, 1]));
}

/**
 * The rows of x in the slots that they have: [tokens, width] → [slots, width]; in empty slots some row. The gradient of a row is the sum
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
 * y[t] = Σⱼ gate[t, j] · ys[slot of t's j-th expert], of those that have one: ys [slots, width], gates [tokens, k] → [tokens, width].
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
        const ofSlots = tf.mul(tf.gather(tf.reshape(tf.transpose(factors), [-1]), own), full); // [slots]
        const tokens = tf.mod(own, tf.scalar(dy.shape[0], 'int32'));
        const products = tf.sum(tf.mul(tf.gather(from, places), tf.expandDims(dy, 0)), 2); // [k, tokens]
        return [tf.mul(tf.gather(dy, tokens), tf.expandDims(ofSlots, 1)), tf.transpose(tf.mul(products, has))];
      },
    };
  });
  return apply(ys, gates);
}
