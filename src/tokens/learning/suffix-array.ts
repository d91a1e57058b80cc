/** Words as numbers of characters, end to end, in a fixed order. No string that is looked at here crosses the end of a word. */
export interface CharacterWords {
  /** 0 … numCharacters − 1 in the order of code points. [numPlaces] */
  readonly characters: Int32Array;
  /** From each place to the end of its word, itself included. [numPlaces] */
  readonly remaining: Int32Array;
  readonly numCharacters: number;
}

/**
 * The places of all words in the order of the strings that begin there, compared up to the end of the word, a prefix before what
 * it begins; of strings with `depth` equal characters the order is arbitrary, but fixed.
 *
 * Prefix doubling: who knows the order by the first h characters gets that by 2h from two counting sorts, so
 * O(numPlaces · log depth). Manber, Myers 1993 (Suffix arrays: a new method for on-line string searches).
 */
export function suffixArray({ characters, remaining, numCharacters }: CharacterWords, depth: number): Int32Array {
  const numPlaces = characters.length;
  let ranks = characters.slice();
  let numRanks = numCharacters;
  let order = sortByRank(Int32Array.from(characters.keys()), ranks, numRanks);
  for (let h = 1; h < depth && numRanks < numPlaces; h *= 2) {
    // In the order of the string h further on: first those that have none, then by the order known.
    const bySecond = new Int32Array(numPlaces);
    let filled = 0;
    for (let place = 0; place < numPlaces; place++) if ((remaining[place] ?? 0) <= h) bySecond[filled++] = place;
    for (const place of order) if (place >= h && (remaining[place - h] ?? 0) > h) bySecond[filled++] = place - h;
    order = sortByRank(bySecond, ranks, numRanks);
    const second = (place: number): number => ((remaining[place] ?? 0) > h ? (ranks[place + h] ?? 0) : -1);
    const finer = new Int32Array(numPlaces);
    let rank = -1;
    let last = -1;
    for (const place of order) {
      if (last < 0 || ranks[place] !== ranks[last] || second(place) !== second(last)) rank++;
      finer[place] = rank;
      last = place;
    }
    ranks = finer;
    numRanks = rank + 1;
  }
  return order;
}

/** Counting sort: places by their rank, equal ones as they came. */
function sortByRank(places: Int32Array, ranks: Int32Array, numRanks: number): Int32Array {
  const next = new Int32Array(numRanks + 1);
  for (const rank of ranks) next[rank + 1] = (next[rank + 1] ?? 0) + 1;
  for (let rank = 0; rank < numRanks; rank++) next[rank + 1] = (next[rank + 1] ?? 0) + (next[rank] ?? 0);
  const sorted = new Int32Array(places.length);
  for (const place of places) {
    const rank = ranks[place] ?? 0;
    const to = next[rank] ?? 0;
    sorted[to] = place;
    next[rank] = to + 1;
  }
  return sorted;
}

/** How many characters each string has in common with that before it in the order, `depth` at most. [numPlaces] */
export function commonPrefixes(
  { characters, remaining }: CharacterWords,
  order: Int32Array,
  depth: number,
): Int32Array {
  const common = new Int32Array(order.length);
  for (let index = 1; index < order.length; index++) {
    const place = order[index] ?? 0;
    const before = order[index - 1] ?? 0;
    const longest = Math.min(depth, remaining[place] ?? 0, remaining[before] ?? 0);
    let length = 0;
    while (length < longest && characters[place + length] === characters[before + length]) length++;
    common[index] = length;
  }
  return common;
}
