import { commonPrefixes, suffixArray } from './suffix-array.js';
import type { CharacterWords } from './suffix-array.js';

/**
 * Pieces as strings of the words, and where they are: pieces that begin at the same place are prefixes of each other, so each
 * place knows the longest, and each piece the next shorter one.
 */
export interface Pieces {
  /** A place where the piece begins, and its length. Single characters come first, by number. [numPieces] */
  readonly places: Int32Array;
  readonly lengths: Uint8Array;
  /** The longest piece that begins like this one and is shorter; −1 for single characters. A lower number. [numPieces] */
  readonly shorter: Int32Array;
  /** The longest piece that begins at each place. [numPlaces] */
  readonly longest: Int32Array;
}

interface Candidate {
  /** Where its strings begin in the suffix array. */
  readonly begin: Int32Array;
  readonly lengths: Uint8Array;
  /** Occurrences in all words · length. */
  readonly scores: Float64Array;
}

/**
 * The first pieces of a unigram model: all single characters, and of the strings of 2 to `maxLength` characters that occur
 * twice the `most` whose occurrences · length are highest; only those that are not always followed by the same character.
 * Kudo 2018 (1804.10959), 3.2. A score goes with each: that number.
 *
 * @param weights How often the word of each place occurs. [numPlaces]
 * @param isForbidden Whether a string may not be a piece, by place and length.
 */
export function seedPieces(
  words: CharacterWords,
  weights: Float64Array,
  { maxLength, most }: { readonly maxLength: number; readonly most: number },
  isForbidden: (place: number, length: number) => boolean,
): { readonly pieces: Pieces; readonly scores: Float64Array } {
  const order = suffixArray(words, maxLength + 1);
  const common = commonPrefixes(words, order, maxLength + 1);
  const all = candidates(words, order, common, weights, maxLength);
  const kept = best(all, most, (index) => isForbidden(order[all.begin[index] ?? 0] ?? 0, all.lengths[index] ?? 0));
  return nest(words, order, common, weights, all, kept);
}

/** All strings that repeat: intervals of the suffix array, found with a stack; those that begin first come last. */
function candidates(
  { remaining }: CharacterWords,
  order: Int32Array,
  common: Int32Array,
  weights: Float64Array,
  maxLength: number,
): Candidate {
  const begin: number[] = [];
  const lengths: number[] = [];
  const scores: number[] = [];
  // Occurrences of the strings before each index of the order.
  const before = new Float64Array(order.length + 1);
  for (let index = 0; index < order.length; index++)
    before[index + 1] = (before[index] ?? 0) + (weights[order[index] ?? 0] ?? 0);
  const add = (first: number, end: number, length: number): void => {
    const frequency = (before[end] ?? 0) - (before[first] ?? 0);
    if (length < 2 || length > maxLength || frequency < 2) return;
    begin.push(first);
    lengths.push(length);
    scores.push(frequency * length);
  };
  const open: { first: number; length: number }[] = [];
  for (let index = 0; index <= order.length; index++) {
    const length = index < order.length ? (common[index] ?? 0) : 0;
    let first = index;
    // What ends here: first a whole string that is not the beginning of another one, then intervals from the inside out.
    if (index > 0) {
      const whole = remaining[order[index - 1] ?? 0] ?? 0;
      if (whole > length && whole > (common[index - 1] ?? 0)) add(index - 1, index, whole);
      first = index - 1;
    }
    for (let top = open.at(-1); top !== undefined && top.length > length; top = open.at(-1)) {
      open.pop();
      add(top.first, index, top.length);
      first = top.first;
    }
    if (length > 0 && open.at(-1)?.length !== length) open.push({ first, length });
  }
  return { begin: Int32Array.from(begin), lengths: Uint8Array.from(lengths), scores: Float64Array.from(scores) };
}

/** The candidates with the highest scores; of equal ones those found first. */
function best({ scores }: Candidate, most: number, isForbidden: (index: number) => boolean): number[] {
  const allowed: number[] = [];
  for (let index = 0; index < scores.length; index++) if (!isForbidden(index)) allowed.push(index);
  if (allowed.length <= most) return allowed;
  const sorted = Float64Array.from(allowed, (index) => scores[index] ?? 0).sort();
  const threshold = sorted[sorted.length - most] ?? 0;
  const above = allowed.filter((index) => (scores[index] ?? 0) > threshold).length;
  let ties = most - above;
  return allowed.filter((index) => {
    const score = scores[index] ?? 0;
    return score > threshold || (score === threshold && ties-- > 0);
  });
}

/** Numbers the pieces in the order of the suffix array, a piece before those that begin with it, and finds them at all places. */
function nest(
  { characters, numCharacters }: CharacterWords,
  order: Int32Array,
  common: Int32Array,
  weights: Float64Array,
  all: Candidate,
  kept: readonly number[],
): { readonly pieces: Pieces; readonly scores: Float64Array } {
  const numPieces = numCharacters + kept.length;
  const places = new Int32Array(numPieces);
  const lengths = new Uint8Array(numPieces).fill(1, 0, numCharacters);
  const shorter = new Int32Array(numPieces).fill(-1);
  const longest = new Int32Array(order.length);
  const scores = new Float64Array(numPieces);
  // Of candidates that begin together the longer was found first: backwards, each comes before those within it.
  const inward = kept.toReversed();
  const starts = new Int32Array(order.length + 1);
  for (const index of inward) starts[(all.begin[index] ?? 0) + 1] = (starts[(all.begin[index] ?? 0) + 1] ?? 0) + 1;
  for (let index = 0; index < order.length; index++)
    starts[index + 1] = (starts[index + 1] ?? 0) + (starts[index] ?? 0);
  const next = starts.slice();
  const sorted = new Int32Array(kept.length);
  for (const index of inward) {
    const first = all.begin[index] ?? 0;
    const to = next[first] ?? 0;
    sorted[to] = index;
    next[first] = to + 1;
  }
  const open: number[] = [];
  for (let index = 0; index < order.length; index++) {
    const place = order[index] ?? 0;
    const character = characters[place] ?? 0;
    while (open.length > 0 && (lengths[open.at(-1) ?? 0] ?? 0) > (common[index] ?? 0)) open.pop();
    if (open.length === 0) {
      places[character] = place;
      open.push(character);
    }
    scores[character] = (scores[character] ?? 0) + (weights[place] ?? 0);
    for (let at = starts[index] ?? 0; at < (starts[index + 1] ?? 0); at++) {
      const candidate = sorted[at] ?? 0;
      const piece = numCharacters + at;
      places[piece] = place;
      lengths[piece] = all.lengths[candidate] ?? 0;
      scores[piece] = all.scores[candidate] ?? 0;
      shorter[piece] = open.at(-1) ?? -1;
      open.push(piece);
    }
    longest[place] = open.at(-1) ?? -1;
  }
  return { pieces: { places, lengths, shorter, longest }, scores };
}
