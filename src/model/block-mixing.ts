import * as tf from '@tensorflow/tfjs';
import { loop } from '../engine/control.js';
import { dropout, nthDropout } from './dropout.js';
import type { Dropout } from './dropout.js';
import { masked } from './mixing.js';
import type { Mixing, Visibility } from './mixing.js';

// Legend: B = batch × keyValueHeads, R = group × block (the rows of a query block), K = block (its keys), D = headSize;
// queryBlocks and keyBlocks are the numbers of blocks.

/**
 * softmax(Q Kᵀ + mask) V without ever holding all scores: a loop over pairs of query and key blocks with an online softmax,
 * so that memory grows with the length and not with its square. FlashAttention-2: Dao 2023 (2307.08691).
 *
 * Forward, for a query block with running maximum m, sum l and output O, and each key block that it may see:
 *   S = Qᵢ Kⱼᵀ + mask, m′ = max(m, rowmax S), P = exp(S − m′), l ← l e^(m − m′) + rowsum P, O ← O e^(m − m′) + P Vⱼ;
 * at the end O / l, and L = m + ln l is kept for the backward pass. Backward, with P = exp(S − L) made again and δ = rowsum(dO ∘ O):
 *   dVⱼ += Pᵀ dOᵢ, dS = P ∘ (dOᵢ Vⱼᵀ − δ), dQᵢ += dS Kⱼ, dKⱼ += dSᵀ Qᵢ.
 *
 * Pairs that no query of the block may see are left out. With dropout, elements of P are left out where they meet V, by a mask that is
 * made again from the key and the pair's number.
 *
 * @param block Queries, and keys, of a block.
 * @example
 * architecture.forward(weights, tokens, { attention: blockMixing });
 */
export function blockMixing(visibility: Visibility, { block = 256 }: { readonly block?: number } = {}): Mixing {
  return (queries, keys, values, left) => {
    const [features = 0, valueFeatures = 0] = [queries.shape.at(-1), values.shape.at(-1)];
    if (features !== valueFeatures) {
      // Zeros change no score, and are cut off the means.
      const size = Math.max(features, valueFeatures);
      const widened = [queries, keys, values].map((x) => widen(x, size)) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const mixed = blockMixing(visibility, { block })(...widened, left);
      return tf.slice(mixed, [0, 0, 0, 0, 0], [...mixed.shape.slice(0, -1), valueFeatures]);
    }
    const apply = tf.customGrad((...args) => {
      const [q, k, v, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
      const layout = layOut(visibility, q, k, block);
      const { output, logSums } = forward(layout, q, k, v, left);
      save([q, k, v, output, logSums]);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => backward(layout, saved, dy, left);
      return { value: output, gradFunc };
    });
    return apply(queries, keys, values);
  };
}

/** With zeros up to so many features. */
function widen(x: tf.Tensor, size: number): tf.Tensor {
  return tf.pad(
    x,
    x.shape.map((own, axis) => [0, axis === x.rank - 1 ? size - own : 0]),
  );
}

/** How queries and keys are parted into blocks, and which pairs meet. */
interface Layout {
  readonly visibility: Visibility;
  readonly shape: readonly [batch: number, heads: number, group: number, time: number, headSize: number];
  readonly numKeys: number;
  readonly past: number;
  readonly block: number;
  readonly numQueryBlocks: number;
  readonly numKeyBlocks: number;
  /** The blocks of each pair. */
  readonly pairs: readonly (readonly [query: number, key: number])[];
}

function layOut(visibility: Visibility, queries: tf.Tensor, keys: tf.Tensor, wanted: number): Layout {
  const shape = queries.shape as [number, number, number, number, number];
  const [, , , time] = shape;
  const numKeys = keys.shape[2] as number;
  const past = numKeys - time;
  const block = Math.min(wanted, time);
  const [numQueryBlocks, numKeyBlocks] = [Math.ceil(time / block), Math.ceil(numKeys / block)];
  const { causal, window = Infinity, prefix } = visibility;
  const pairs: [number, number][] = [];
  for (let query = 0; query < numQueryBlocks; query++) {
    const [first, last] = [past + query * block, past + Math.min((query + 1) * block, time) - 1];
    for (let key = 0; key < numKeyBlocks; key++) {
      const [begin, end] = [key * block, (key + 1) * block - 1];
      const seen = !causal || prefix !== undefined || (begin <= last && (end > first - window || begin < past));
      if (seen) pairs.push([query, key]);
    }
  }
  return { visibility, shape, numKeys, past, block, numQueryBlocks, numKeyBlocks, pairs };
}

/** One pair in the loop: its blocks' numbers, known when it runs, and what of a stack belongs to each. */
interface Pair {
  readonly index: tf.Tensor;
  readonly query: tf.Tensor;
  readonly key: tf.Tensor;
}

/** Runs a step for each pair, over stacks that it changes. */
function overPairs(
  { pairs }: Layout,
  initial: readonly tf.Tensor[],
  step: (pair: Pair, stacks: readonly tf.Tensor[]) => readonly tf.Tensor[],
): tf.Tensor[] {
  const [queryOf, keyOf] = [0, 1].map((place) =>
    tf.tensor1d(
      pairs.map((pair) => pair[place] as number),
      'int32',
    ),
  ) as [tf.Tensor1D, tf.Tensor1D];
  const [, ...stacks] = loop(
    ([index]) => tf.less(index as tf.Tensor, tf.scalar(pairs.length, 'int32')),
    ([index, ...state]) => {
      const at = tf.reshape(index as tf.Tensor, [1]);
      const pair = { index: index as tf.Tensor, query: tf.gather(queryOf, at), key: tf.gather(keyOf, at) };
      return [tf.add(index as tf.Tensor, tf.scalar(1, 'int32')), ...step(pair, state)];
    },
    [tf.scalar(0, 'int32'), ...initial],
    { name: 'attention', length: pairs.length },
  );
  return stacks;
}

/** A stack's block: [numBlocks, …] → […]. */
function blockOf(stack: tf.Tensor, at: tf.Tensor): tf.Tensor {
  return tf.reshape(tf.gather(stack, at), stack.shape.slice(1));
}

/** The stack with another block. */
function withBlock(stack: tf.Tensor, at: tf.Tensor, block: tf.Tensor): tf.Tensor {
  return tf.tensorScatterUpdate(stack, tf.reshape(at, [1, 1]), tf.expandDims(block, 0));
}

function forward(
  layout: Layout,
  queries: tf.Tensor,
  keys: tf.Tensor,
  values: tf.Tensor,
  left: Dropout | undefined,
): { output: tf.Tensor; logSums: tf.Tensor } {
  const { shape, numQueryBlocks } = layout;
  const blocks = { q: queryStack(layout, queries), k: keyStack(layout, keys), v: keyStack(layout, values) };
  const [numRows, headSize] = [blocks.q.shape[2] as number, shape[4]];
  const column = [numQueryBlocks, shape[0] * shape[1], numRows, 1];
  const maskOf = pairMask(layout);
  const [sums, highest, totals] = overPairs(
    layout,
    [tf.zeros([...column.slice(0, 3), headSize]), tf.fill(column, lowest), tf.zeros(column)],
    (pair, [allSums, allHighest, allTotals]) => {
      const at = pair.query;
      const [sum, high, total] = [allSums, allHighest, allTotals].map((stack) => blockOf(stack as tf.Tensor, at)) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const scores = scoresOf(layout, blockOf(blocks.q, at), blockOf(blocks.k, pair.key), maskOf(pair)); // [B, R, K]
      const higher = tf.maximum(high, tf.max(scores, -1, true));
      const weights = tf.exp(tf.sub(scores, higher));
      const shrink = tf.exp(tf.sub(high, higher));
      const mixed = tf.matMul(dropout(weights, pairDropout(left, pair)), blockOf(blocks.v, pair.key)); // [B, R, D]
      return [
        withBlock(allSums as tf.Tensor, at, tf.add(tf.mul(sum, shrink), mixed)),
        withBlock(allHighest as tf.Tensor, at, higher),
        withBlock(allTotals as tf.Tensor, at, tf.add(tf.mul(total, shrink), tf.sum(weights, -1, true))),
      ];
    },
  ) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return {
    output: fromQueryStack(layout, tf.div(sums, totals)),
    logSums: tf.add(highest, tf.log(totals)), // [queryBlocks, B, R, 1]
  };
}

function backward(layout: Layout, saved: readonly tf.Tensor[], dy: tf.Tensor, left: Dropout | undefined): tf.Tensor[] {
  const [queries, keys, values, output, logSums] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const blocks = { q: queryStack(layout, queries), k: keyStack(layout, keys), v: keyStack(layout, values) };
  const dOutput = queryStack(layout, dy);
  const along = tf.sum(tf.mul(dOutput, queryStack(layout, output)), -1, true); // [queryBlocks, B, R, 1]
  const maskOf = pairMask(layout);
  const [dQueries, dKeys, dValues] = overPairs(
    layout,
    [tf.zerosLike(blocks.q), tf.zerosLike(blocks.k), tf.zerosLike(blocks.v)],
    (pair, [allQueries, allKeys, allValues]) => {
      const { query, key } = pair;
      const [q, k, v, dO] = [
        blockOf(blocks.q, query),
        blockOf(blocks.k, key),
        blockOf(blocks.v, key),
        blockOf(dOutput, query),
      ] as const;
      const weights = tf.exp(tf.sub(scoresOf(layout, q, k, maskOf(pair)), blockOf(logSums, query))); // [B, R, K]
      const drop = pairDropout(left, pair);
      const dWeights = dropout(tf.matMul(dO, v, false, true), drop);
      const dScores = tf.mul(weights, tf.sub(dWeights, blockOf(along, query)));
      const added = (stack: tf.Tensor | undefined, at: tf.Tensor, more: tf.Tensor): tf.Tensor =>
        withBlock(stack as tf.Tensor, at, tf.add(blockOf(stack as tf.Tensor, at), more));
      return [
        added(allQueries, query, tf.matMul(dScores, k)),
        added(allKeys, key, tf.matMul(dScores, q, true, false)),
        added(allValues, key, tf.matMul(dropout(weights, drop), dO, true, false)),
      ];
    },
  ) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return [
    fromQueryStack(layout, dQueries),
    fromKeyStack(layout, dKeys, keys.shape),
    fromKeyStack(layout, dValues, values.shape),
  ];
}

/** Where a running maximum begins: below all scores, masked ones too. */
const lowest = -1e30;

const pairDropout = (left: Dropout | undefined, { index }: Pair): Dropout | undefined => nthDropout(left, index);

/** Qᵢ Kⱼᵀ + mask: [B, R, D], [B, K, D] → [B, R, K]. */
function scoresOf({ shape, block }: Layout, q: tf.Tensor, k: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const [batch, heads, group] = shape;
  const scores = tf.matMul(q, k, false, true);
  const apart = tf.reshape(scores, [batch, heads, group, block, block]);
  return tf.reshape(tf.add(apart, mask), scores.shape);
}

/** The mask of a pair: 0 where a query sees a key. [1 or batch, 1, 1, block, block] */
function pairMask({
  visibility,
  shape,
  numKeys,
  past,
  block,
  numQueryBlocks,
  numKeyBlocks,
}: Layout): (pair: Pair) => tf.Tensor {
  const { causal, window, documents, prefix } = visibility;
  const [batch] = shape;
  const within = tf.range(0, block, 1, 'int32');
  const stacked = (all: tf.Tensor, numBefore: number, numBlocks: number, view: readonly number[]): tf.Tensor => {
    const padded = tf.pad(all, [
      [0, 0],
      [numBefore, numBlocks * block - numBefore - (all.shape[1] as number)],
    ]);
    return tf.reshape(tf.transpose(tf.reshape(padded, [batch, numBlocks, block]), [1, 0, 2]), [numBlocks, ...view]);
  };
  const ofQueries = documents && stacked(documents, 0, numQueryBlocks, [batch, 1, 1, block, 1]);
  const ofKeys = documents && stacked(documents, past, numKeyBlocks, [batch, 1, 1, 1, block]);
  return ({ query, key }) => {
    const size = tf.scalar(block, 'int32');
    const places = tf.reshape(tf.add(tf.add(tf.mul(query, size), within), tf.scalar(past, 'int32')), [
      1,
      1,
      1,
      block,
      1,
    ]);
    const rows = tf.reshape(tf.add(tf.mul(key, size), within), [1, 1, 1, 1, block]);
    let seen: tf.Tensor = tf.less(rows, tf.scalar(numKeys, 'int32'));
    if (causal) seen = tf.logicalAnd(seen, tf.lessEqual(rows, places));
    if (window !== undefined) seen = tf.logicalAnd(seen, tf.greater(rows, tf.sub(places, tf.scalar(window, 'int32'))));
    if (prefix !== undefined) {
      const within = tf.less(tf.sub(rows, tf.scalar(past, 'int32')), tf.reshape(prefix, [batch, 1, 1, 1, 1]));
      seen = tf.logicalOr(seen, tf.logicalAnd(within, tf.less(rows, tf.scalar(numKeys, 'int32'))));
    }
    if (ofQueries !== undefined && ofKeys !== undefined)
      seen = tf.logicalAnd(seen, tf.equal(blockOf(ofQueries, query), blockOf(ofKeys, key)));
    if (past > 0) seen = tf.logicalOr(seen, tf.less(rows, tf.scalar(past, 'int32')));
    return tf.mul(tf.cast(tf.logicalNot(seen), 'float32'), masked);
  };
}

/** [batch, heads, group, time, D] → [queryBlocks, B, R, D], padded with zeros. */
function queryStack({ shape, block, numQueryBlocks }: Layout, all: tf.Tensor): tf.Tensor {
  const [batch, heads, group, time, headSize] = shape;
  const padded = tf.pad(all, [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, numQueryBlocks * block - time],
    [0, 0],
  ]);
  const apart = tf.reshape(padded, [batch * heads, group, numQueryBlocks, block * headSize]);
  return tf.reshape(tf.transpose(apart, [2, 0, 1, 3]), [numQueryBlocks, batch * heads, group * block, headSize]);
}

function fromQueryStack({ shape, block, numQueryBlocks }: Layout, stack: tf.Tensor): tf.Tensor {
  const [batch, heads, group, time, headSize] = shape;
  const apart = tf.reshape(stack, [numQueryBlocks, batch * heads, group, block * headSize]);
  const whole = tf.reshape(tf.transpose(apart, [1, 2, 0, 3]), [batch, heads, group, numQueryBlocks * block, headSize]);
  return tf.slice(whole, [0, 0, 0, 0, 0], [batch, heads, group, time, headSize]);
}

/** [batch, heads, keys, D] → [keyBlocks, B, K, D], padded with zeros. */
function keyStack({ shape, block, numKeys, numKeyBlocks }: Layout, all: tf.Tensor): tf.Tensor {
  const [batch, heads, , , headSize] = shape;
  const padded = tf.pad(all, [
    [0, 0],
    [0, 0],
    [0, numKeyBlocks * block - numKeys],
    [0, 0],
  ]);
  const apart = tf.reshape(padded, [batch * heads, numKeyBlocks, block * headSize]);
  return tf.reshape(tf.transpose(apart, [1, 0, 2]), [numKeyBlocks, batch * heads, block, headSize]);
}

function fromKeyStack({ block, numKeyBlocks }: Layout, stack: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const [batch, heads, numKeys, headSize] = shape as [number, number, number, number];
  const apart = tf.reshape(stack, [numKeyBlocks, batch * heads, block * headSize]);
  const whole = tf.reshape(tf.transpose(apart, [1, 0, 2]), [batch, heads, numKeyBlocks * block, headSize]);
  return tf.slice(whole, [0, 0, 0, 0], [batch, heads, numKeys, headSize]);
}
