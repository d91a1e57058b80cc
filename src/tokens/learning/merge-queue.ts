import type { PairTable } from './pair-table.js';

/**
 * Pairs to be merged, the most frequent on top: a binary heap. Counts in it may be out of date (lazy deletion): when a pair
 * comes to the top with another count than it has now, it is put back with that.
 *
 * First comes the pair with the higher count; of equal ones that whose left token, then whose right token has the lower id. So
 * the order is total: it does not depend on how pairs came in.
 */
export interface MergeQueue {
  readonly pairs: PairTable;
  /** The count with which each pair was last put in. [numPairs] */
  counts: Float64Array;
  /** Pairs, each before the two below it. [size] */
  heap: Int32Array;
  size: number;
}

export function mergeQueue(pairs: PairTable): MergeQueue {
  const capacity = pairs.left.length;
  return { pairs, counts: new Float64Array(capacity), heap: new Int32Array(capacity), size: 0 };
}

/** Puts a pair in, once. */
export function pushPair(queue: MergeQueue, pair: number): void {
  const capacity = queue.pairs.left.length;
  if (queue.heap.length < capacity) {
    const { counts, heap } = queue;
    queue.counts = new Float64Array(capacity);
    queue.counts.set(counts);
    queue.heap = new Int32Array(capacity);
    queue.heap.set(heap);
  }
  queue.counts[pair] = queue.pairs.counts[pair] ?? 0;
  const { heap } = queue;
  let place = queue.size++;
  while (place > 0) {
    const above = (place - 1) >> 1;
    const other = heap[above] ?? 0;
    if (!isBefore(queue, pair, other)) break;
    heap[place] = other;
    place = above;
  }
  heap[place] = pair;
}

/** Takes out the pair that is the most frequent now; −1 from an empty queue. */
export function takePair(queue: MergeQueue): number {
  const { heap, counts, pairs } = queue;
  while (queue.size > 0) {
    const top = heap[0] ?? 0;
    const present = pairs.counts[top] ?? 0;
    if (counts[top] === present) {
      const last = heap[--queue.size] ?? 0;
      if (queue.size > 0) siftDown(queue, last);
      return top;
    }
    counts[top] = present;
    siftDown(queue, top);
  }
  return -1;
}

/** Lets a pair sink from the top to its place. */
function siftDown(queue: MergeQueue, pair: number): void {
  const { heap, size } = queue;
  let place = 0;
  for (;;) {
    let below = 2 * place + 1;
    if (below >= size) break;
    if (below + 1 < size && isBefore(queue, heap[below + 1] ?? 0, heap[below] ?? 0)) below++;
    const other = heap[below] ?? 0;
    if (!isBefore(queue, other, pair)) break;
    heap[place] = other;
    place = below;
  }
  heap[place] = pair;
}

function isBefore({ counts, pairs: { left, right } }: MergeQueue, a: number, b: number): boolean {
  const more = (counts[a] ?? 0) - (counts[b] ?? 0);
  if (more !== 0) return more > 0;
  const lower = (left[b] ?? 0) - (left[a] ?? 0);
  return lower !== 0 ? lower > 0 : (right[a] ?? 0) < (right[b] ?? 0);
}
