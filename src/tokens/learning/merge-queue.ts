import type { PairTable } from './pair-table.js';

/**
 * Merges to come, the most frequent pair on top: a binary heap. Counts in the heap may be out of date (lazy deletion): who takes
 * the top compares it with the table and gives it back with the present count.
 *
 * Before other entries comes that with the higher count; of equal counts that whose left token, then whose right token has the
 * lower id; of the same pair the earlier entry. So the order is total: it does not depend on how entries came in.
 */
export interface MergeQueue {
  readonly pairs: PairTable;
  numEntries: number;
  /** The pair of each entry, and its count when it was last put into the heap. [numEntries] */
  pair: Int32Array;
  count: Float64Array;
  /** The words in which the pair was when the entry was opened; gone when it is taken. [numEntries] */
  readonly words: (number[] | undefined)[];
  /** Entries, each before the two below it. [size] */
  heap: Int32Array;
  size: number;
}

export function mergeQueue(pairs: PairTable): MergeQueue {
  const capacity = 1 << 12;
  return {
    pairs,
    numEntries: 0,
    pair: new Int32Array(capacity),
    count: new Float64Array(capacity),
    words: [],
    heap: new Int32Array(capacity),
    size: 0,
  };
}

/** An entry for a pair, not in the heap yet, without words. */
export function openEntry(queue: MergeQueue, pair: number): number {
  const entry = queue.numEntries++;
  if (entry === queue.pair.length) {
    queue.pair = longer(queue.pair, Int32Array);
    queue.count = longer(queue.count, Float64Array);
    queue.heap = longer(queue.heap, Int32Array);
  }
  queue.pair[entry] = pair;
  queue.words.push([]);
  queue.pairs.entries[pair] = entry;
  return entry;
}

function longer<A extends Int32Array | Float64Array>(array: A, make: new (length: number) => A): A {
  const twice = new make(2 * array.length);
  twice.set(array);
  return twice;
}

/** Puts an entry into the heap with the present count of its pair, or drops it if that is 0. */
export function pushEntry(queue: MergeQueue, entry: number): void {
  const count = queue.pairs.counts[queue.pair[entry] ?? 0] ?? 0;
  if (count <= 0) {
    queue.words[entry] = undefined;
    return;
  }
  queue.count[entry] = count;
  const { heap } = queue;
  let place = queue.size++;
  while (place > 0) {
    const above = (place - 1) >> 1;
    const other = heap[above] ?? 0;
    if (!isBefore(queue, entry, other)) break;
    heap[place] = other;
    place = above;
  }
  heap[place] = entry;
}

/** Takes the entry whose pair is the most frequent now; −1 from an empty queue. */
export function takeEntry(queue: MergeQueue): number {
  const { heap, pair, count, pairs } = queue;
  while (queue.size > 0) {
    const top = heap[0] ?? 0;
    const present = pairs.counts[pair[top] ?? 0] ?? 0;
    if (count[top] === present) {
      const last = heap[--queue.size] ?? 0;
      if (queue.size > 0) siftDown(queue, last);
      return top;
    }
    count[top] = present;
    siftDown(queue, top);
  }
  return -1;
}

/** Lets an entry sink from the top to its place. */
function siftDown(queue: MergeQueue, entry: number): void {
  const { heap, size } = queue;
  let place = 0;
  for (;;) {
    let below = 2 * place + 1;
    if (below >= size) break;
    if (below + 1 < size && isBefore(queue, heap[below + 1] ?? 0, heap[below] ?? 0)) below++;
    const other = heap[below] ?? 0;
    if (!isBefore(queue, other, entry)) break;
    heap[place] = other;
    place = below;
  }
  heap[place] = entry;
}

function isBefore({ pair, count, pairs }: MergeQueue, a: number, b: number): boolean {
  const difference = (count[a] ?? 0) - (count[b] ?? 0);
  if (difference !== 0) return difference > 0;
  const first = pair[a] ?? 0;
  const second = pair[b] ?? 0;
  const left = (pairs.left[first] ?? 0) - (pairs.left[second] ?? 0);
  if (left !== 0) return left < 0;
  const right = (pairs.right[first] ?? 0) - (pairs.right[second] ?? 0);
  return right !== 0 ? right < 0 : a < b;
}
