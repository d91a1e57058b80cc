/**
 * Pairs of neighbouring tokens and how often each occurs: a hash table with open addressing in typed arrays, since there are
 * millions of pairs and a `Map` would need a key made of two numbers.
 */
export interface PairTable {
  numPairs: number;
  /** The tokens of each pair. [numPairs] */
  left: Int32Array;
  right: Int32Array;
  /** [numPairs] */
  counts: Float64Array;
  /** The latest queue entry of each pair, or −1. [numPairs] */
  entries: Int32Array;
  /** Pair + 1 at the place of its hash or after, 0 where free; a power of two long. */
  slots: Int32Array;
}

export function pairTable(): PairTable {
  const capacity = 1 << 12;
  return {
    numPairs: 0,
    left: new Int32Array(capacity),
    right: new Int32Array(capacity),
    counts: new Float64Array(capacity),
    entries: new Int32Array(capacity),
    slots: new Int32Array(2 * capacity),
  };
}

/** The number of a pair, which is added with count 0 if it is not there yet. */
export function pairIndex(table: PairTable, left: number, right: number): number {
  const { slots } = table;
  const mask = slots.length - 1;
  for (let place = hash(left, right) & mask; ; place = (place + 1) & mask) {
    const pair = (slots[place] ?? 0) - 1;
    if (pair < 0) return addPair(table, place, left, right);
    if (table.left[pair] === left && table.right[pair] === right) return pair;
  }
}

function hash(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 7;
}

function addPair(table: PairTable, place: number, left: number, right: number): number {
  const pair = table.numPairs++;
  if (pair === table.left.length) {
    grow(table);
    return insert(table, pair, left, right);
  }
  table.left[pair] = left;
  table.right[pair] = right;
  table.entries[pair] = -1;
  table.slots[place] = pair + 1;
  return pair;
}

function insert(table: PairTable, pair: number, left: number, right: number): number {
  const mask = table.slots.length - 1;
  let place = hash(left, right) & mask;
  while (table.slots[place] !== 0) place = (place + 1) & mask;
  table.slots[place] = pair + 1;
  table.left[pair] = left;
  table.right[pair] = right;
  table.entries[pair] = -1;
  return pair;
}

/** Twice the room; at most half of the slots are ever taken. */
function grow(table: PairTable): void {
  const { left, right, counts, entries } = table;
  const capacity = 2 * left.length;
  table.left = new Int32Array(capacity);
  table.right = new Int32Array(capacity);
  table.counts = new Float64Array(capacity);
  table.entries = new Int32Array(capacity);
  table.slots = new Int32Array(2 * capacity);
  for (let pair = 0; pair < left.length; pair++) insert(table, pair, left[pair] ?? 0, right[pair] ?? 0);
  table.counts.set(counts);
  table.entries.set(entries);
}
