import type { Pieces } from './seed-pieces.js';

/** The different words: word w is the places starts[w] … starts[w + 1] − 1. */
export interface WordPlaces {
  /** [numWords + 1] */
  readonly starts: Int32Array;
  /** How often each word occurs. [numWords] */
  readonly counts: Float64Array;
  readonly longestWord: number;
}

/**
 * How often each piece is expected in the words, if a word is any row of pieces with the probability of their product: the
 * forward–backward algorithm over the pieces at each place, in logarithms. With a(t) the log-probability of all rows up to t
 * characters and b(t) of those from there on, a piece from t to u has a(t) + log p + b(u) − a(end).
 *
 * @param logs The log-probability of each piece. [numPieces]
 */
export function expectedCounts(
  { starts, counts, longestWord }: WordPlaces,
  { longest, shorter, lengths }: Pieces,
  logs: Float64Array,
): { readonly expected: Float64Array; readonly logLikelihood: number } {
  const expected = new Float64Array(logs.length);
  // A sum of exponentials is kept as its largest exponent and the sum relative to that.
  const peak = new Float64Array(longestWord + 1);
  const sum = new Float64Array(longestWord + 1);
  const ahead = new Float64Array(longestWord + 1);
  const behind = new Float64Array(longestWord + 1);
  let logLikelihood = 0;
  for (let word = 0; word < counts.length; word++) {
    const start = starts[word] ?? 0;
    const length = (starts[word + 1] ?? 0) - start;
    const count = counts[word] ?? 0;
    peak.fill(-Infinity, 0, length + 1);
    sum.fill(0, 0, length + 1);
    peak[0] = 0;
    sum[0] = 1;
    for (let from = 0; from < length; from++) {
      const reached = (peak[from] ?? 0) + Math.log(sum[from] ?? 0);
      ahead[from] = reached;
      for (let piece = longest[start + from] ?? -1; piece >= 0; piece = shorter[piece] ?? -1) {
        const to = from + (lengths[piece] ?? 0);
        const log = reached + (logs[piece] ?? 0);
        const top = peak[to] ?? 0;
        if (log <= top) sum[to] = (sum[to] ?? 0) + Math.exp(log - top);
        else {
          sum[to] = (sum[to] ?? 0) * Math.exp(top - log) + 1;
          peak[to] = log;
        }
      }
    }
    const all = (peak[length] ?? 0) + Math.log(sum[length] ?? 0);
    logLikelihood += count * all;
    behind[length] = 0;
    for (let from = length - 1; from >= 0; from--) {
      const base = (ahead[from] ?? 0) - all;
      let total = 0;
      for (let piece = longest[start + from] ?? -1; piece >= 0; piece = shorter[piece] ?? -1) {
        const share = Math.exp(base + (logs[piece] ?? 0) + (behind[from + (lengths[piece] ?? 0)] ?? 0));
        total += share;
        expected[piece] = (expected[piece] ?? 0) + count * share;
      }
      behind[from] = Math.log(total) - base;
    }
  }
  return { expected, logLikelihood };
}

/** How often each piece is in the best rows of pieces for the words (Viterbi). [numPieces] */
export function bestCounts(
  { starts, counts, longestWord }: WordPlaces,
  pieces: Pieces,
  logs: Float64Array,
): Float64Array {
  const found = new Float64Array(logs.length);
  const segment = segmenter(pieces, logs, longestWord);
  for (let word = 0; word < counts.length; word++) {
    const start = starts[word] ?? 0;
    const { row } = segment(start, (starts[word + 1] ?? 0) - start, -1);
    for (const piece of row) found[piece] = (found[piece] ?? 0) + (counts[word] ?? 0);
  }
  return found;
}

/** The best row of pieces for the string of a length at a place, the last first, without one piece; and its log-probability. */
export type Segment = (
  start: number,
  length: number,
  without: number,
) => { readonly row: readonly number[]; readonly log: number };

export function segmenter({ longest, shorter, lengths }: Pieces, logs: Float64Array, longestString: number): Segment {
  const best = new Float64Array(longestString + 1);
  const last = new Int32Array(longestString + 1);
  return (start, length, without) => {
    best.fill(-Infinity, 0, length + 1);
    best[0] = 0;
    for (let from = 0; from < length; from++) {
      const reached = best[from] ?? 0;
      for (let piece = longest[start + from] ?? -1; piece >= 0; piece = shorter[piece] ?? -1) {
        const to = from + (lengths[piece] ?? 0);
        if (to > length || piece === without) continue;
        const log = reached + (logs[piece] ?? 0);
        if (log > (best[to] ?? 0)) {
          best[to] = log;
          last[to] = piece;
        }
      }
    }
    const row: number[] = [];
    for (let to = length; to > 0; to -= lengths[last[to] ?? 0] ?? 0) row.push(last[to] ?? 0);
    return { row, log: best[length] ?? 0 };
  };
}
