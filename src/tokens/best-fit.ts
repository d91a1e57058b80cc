/** Where best-fit-decreasing puts items. */
export interface Fitted {
  readonly numRows: number;
  /** The row of each item. */
  readonly rows: Int32Array; // [items]
  /** The items in the order in which they were placed: the largest first, equal ones as they were given. */
  readonly order: Uint32Array; // [items]
}

/**
 * Best-fit-decreasing bin packing: items from the largest to the smallest, each into the row with the least space that still
 * holds it, or into a row of its own. Of rows with equal space, the one that came to it last.
 *
 * An item takes `opening[i]` ≤ capacity of an empty row and `joining[i]` ≥ 1 of a row that has items; one whose `joining` is
 * above the capacity is always alone. The order is that of `joining`.
 *
 * Items are sorted by counting, and the spaces that occur are a set of bits with a tree of summaries above it, so n items
 * take O(n · log₃₂ capacity). Best fit needs at most 11/9 of the fewest rows, plus 1 (Johnson 1973). For documents: Ding et
 * al. 2024, "Fewer Truncations Improve Language Modeling", 2404.10830.
 */
export function bestFitDecreasing(opening: Int32Array, joining: Int32Array, capacity: number): Fitted {
  const order = largestFirst(joining, capacity + 1);
  const rows = new Int32Array(order.length);
  const spaces = setOfIntegers(capacity + 1);
  // Rows of equal space are a linked list: `first` by space, `after` by row.
  const first = new Int32Array(capacity + 1).fill(-1);
  const after = new Int32Array(order.length).fill(-1);
  let numRows = 0;
  for (const item of order) {
    const size = joining[item] ?? 0;
    const found = spaces.smallestFrom(size);
    let row = numRows;
    let left = capacity - (opening[item] ?? 0);
    if (found === -1) {
      numRows++;
    } else {
      row = first[found] ?? -1;
      first[found] = after[row] ?? -1;
      if (first[found] === -1) spaces.remove(found);
      left = found - size;
    }
    rows[item] = row;
    if (left === 0) continue;
    after[row] = first[left] ?? -1;
    if (first[left] === -1) spaces.add(left);
    first[left] = row;
  }
  return { numRows, rows, order };
}

/** Item numbers by size, the largest first, by counting: sizes are 0 … largest. */
function largestFirst(sizes: Int32Array, largest: number): Uint32Array {
  const starts = new Uint32Array(largest + 2); // of the items of each size, counted from the largest
  for (const size of sizes) starts[largest - size + 1] = (starts[largest - size + 1] ?? 0) + 1;
  for (let at = 1; at < starts.length; at++) starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
  const order = new Uint32Array(sizes.length);
  sizes.forEach((size, item) => {
    const place = starts[largest - size] ?? 0;
    order[place] = item;
    starts[largest - size] = place + 1;
  });
  return order;
}

/** A set of integers 0 … size − 1 that finds its smallest member from a number on. */
interface Integers {
  add(value: number): void;
  remove(value: number): void;
  /** The smallest member ≥ `from`, or −1. */
  smallestFrom(from: number): number;
}

/** Bits, 32 to a word; above them one bit for each word that is not 0, and so on up to a single word. */
function setOfIntegers(size: number): Integers {
  const levels: Int32Array[] = [];
  for (let width = size; levels.length === 0 || width > 1;) {
    width = Math.ceil(width / 32);
    levels.push(new Int32Array(width));
  }
  return {
    add(value) {
      let at = value;
      for (const words of levels) {
        words[at >>> 5] = (words[at >>> 5] ?? 0) | (1 << (at & 31));
        at >>>= 5;
      }
    },
    remove(value) {
      let at = value;
      for (const words of levels) {
        const rest = (words[at >>> 5] ?? 0) & ~(1 << (at & 31));
        words[at >>> 5] = rest;
        if (rest !== 0) return;
        at >>>= 5;
      }
    },
    smallestFrom(from) {
      let at = from;
      for (const [level, words] of levels.entries()) {
        const bits = (words[at >>> 5] ?? 0) & (-1 << (at & 31));
        if (bits !== 0) {
          let found = (at & ~31) + lowestBit(bits);
          for (let below = level - 1; below >= 0; below--) {
            found = 32 * found + lowestBit(levels[below]?.[found] ?? 0);
          }
          return found;
        }
        at = (at >>> 5) + 1;
      }
      return -1;
    },
  };
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
