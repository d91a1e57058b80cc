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
  table.left[pair] = left;
  table.right[pair] = right;
  table.slots[place] = pair + 1;
  if (table.numPairs === table.left.length) grow(table);
  return pair;
}

/** Twice the room; at most half of the slots are ever taken. */
function grow(table: PairTable): void {
  const { left, right, counts } = table;
  const capacity = 2 * left.length;
  table.left = new Int32Array(capacity);
  table.left.set(left);
  table.right = new Int32Array(capacity);
  table.right.set(right);
  table.counts = new Float64Array(capacity);
  table.counts.set(counts);
  const slots = new Int32Array(2 * capacity);
  const mask = slots.length - 1;
  for (let pair = 0; pair < left.length; pair++) {
    let place = hash(left[pair] ?? 0, right[pair] ?? 0) & mask;
    while (slots[place] !== 0) place = (place + 1) & mask;
    slots[place] = pair + 1;
  }
  table.slots = slots;
}
