import type { Report } from './learner.js';
import type { Pieces } from './seed-pieces.js';
import { bestCounts, expectedCounts, segmenter } from './unigram-lattice.js';
import type { WordPlaces } from './unigram-lattice.js';

/** Pieces with their log-probabilities. */
export interface UnigramModel {
  readonly pieces: Pieces;
  /** [numPieces] */
  readonly logs: Float64Array;
}

/** Numbers of Kudo's program: this share of the pieces stays in each round, of so many steps of EM. */
const SHRINKING = 0.75;
const STEPS = 2;

/** A piece that is expected less often than this in all documents goes. */
const RARE = 0.5;

/** By this factor there are more pieces than wanted when the rounds end; the last are chosen at once. */
const SURPLUS = 1.1;

/**
 * A unigram model of just `numPieces` pieces: in turn, expectation–maximisation finds their probabilities, and those go whose loss
 * would cost the likelihood of the words least. The first `numCharacters` pieces always stay. Kudo 2018 (1804.10959), 3.2.
 *
 * @param scores In proportion to these, pieces are probable at first. [numPieces]
 */
export function fitUnigram(
  words: WordPlaces,
  seeds: { readonly pieces: Pieces; readonly scores: Float64Array },
  { numPieces, numCharacters }: { readonly numPieces: number; readonly numCharacters: number },
  report: Report,
): UnigramModel {
  const total = seeds.scores.reduce((sum, score) => sum + score, 0);
  let model: UnigramModel = { pieces: seeds.pieces, logs: seeds.scores.map((score) => Math.log(score / total)) };
  const most = Math.floor(SURPLUS * numPieces);
  const rounds = Math.max(1, Math.ceil(Math.log(most / seeds.scores.length) / Math.log(SHRINKING)));
  for (let round = 0; ; round++) {
    for (let step = 0; step < STEPS; step++) {
      model = maximise(words, model, Math.max(numPieces, numCharacters), numCharacters);
      const done = (round + step / STEPS) / (rounds + 1);
      report(Math.min(done, 1), `${model.logs.length} pieces`);
    }
    const size = model.logs.length;
    if (size <= most) break;
    model = prune(words, model, Math.max(most, Math.floor(SHRINKING * size)), numCharacters);
  }
  return maximise(words, prune(words, model, numPieces, numCharacters), numPieces, numCharacters);
}

/**
 * One step of EM: pieces that are expected too rarely go, as long as enough stay; of the others, c the expected count,
 * log p = ψ(c) − ψ(Σ c): the Bayesian form, which favours few pieces (Kudo's program; Liang, Klein 2007).
 */
function maximise(words: WordPlaces, model: UnigramModel, least: number, numCharacters: number): UnigramModel {
  const { expected } = expectedCounts(words, model.pieces, model.logs);
  const rare = [...expected.keys()].filter((piece) => piece >= numCharacters && (expected[piece] ?? 0) < RARE);
  const spare = expected.length - least;
  const gone = rare.length <= spare ? rare : inOrder(rare, expected).slice(0, Math.max(0, spare));
  const kept = new Uint8Array(expected.length).fill(1);
  for (const piece of gone) kept[piece] = 0;
  const counts = expected.filter((_, piece) => kept[piece] === 1).map((count) => Math.max(count, RARE));
  const all = digamma(counts.reduce((sum, count) => sum + count, 0));
  return { pieces: keep(model.pieces, kept), logs: counts.map((count) => digamma(count) - all) };
}

/** Pieces by rising value, equal ones by number. */
function inOrder(pieces: readonly number[], values: Float64Array): number[] {
  return pieces.toSorted((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
}

/**
 * Keeps `size` pieces: single characters, those that are not in the best rows of any other pieces, and those without which the
 * likelihood would fall most. What it falls by, if in the best row of every word the piece is replaced by its own best row of
 * others: with f and g its frequency and theirs, F = Σ f, and k others,
 *
 *     loss = f · (log f/F − Σ log (g + f)/(F + (k − 1) f)).
 */
function prune(words: WordPlaces, model: UnigramModel, size: number, numCharacters: number): UnigramModel {
  const { pieces, logs } = model;
  const found = bestCounts(words, pieces, logs);
  const sum = found.reduce((sum, count) => sum + count, 0);
  const segment = segmenter(pieces, logs, 255);
  const losses = new Float64Array(logs.length).fill(Infinity, 0, numCharacters);
  for (let piece = numCharacters; piece < logs.length; piece++) {
    const count = found[piece] ?? 0;
    const { row } = segment(pieces.places[piece] ?? 0, pieces.lengths[piece] ?? 0, piece);
    if (count === 0) {
      losses[piece] = -Infinity;
      continue;
    }
    const replaced = Math.log(sum + count * (row.length - 1));
    let others = 0;
    for (const other of row) others += Math.log((found[other] ?? 0) + count) - replaced;
    losses[piece] = count * (Math.log(count) - Math.log(sum) - others);
  }
  const worst = inOrder([...losses.keys()].slice(numCharacters), losses);
  const kept = new Uint8Array(logs.length).fill(1);
  for (const piece of worst.slice(0, Math.max(0, logs.length - size))) kept[piece] = 0;
  return { pieces: keep(pieces, kept), logs: logs.filter((_, piece) => kept[piece] === 1) };
}

/** The pieces that are kept, numbered anew in the same order. */
function keep({ places, lengths, shorter, longest }: Pieces, kept: Uint8Array): Pieces {
  // The number of each piece from now on; of one that goes, that of the longest that stays and begins it.
  const numbers = new Int32Array(kept.length);
  let numPieces = 0;
  for (let piece = 0; piece < kept.length; piece++) {
    numbers[piece] = kept[piece] === 1 ? numPieces++ : (numbers[shorter[piece] ?? 0] ?? 0);
  }
  const stays = (_: number, piece: number): boolean => kept[piece] === 1;
  return {
    places: places.filter(stays),
    lengths: lengths.filter(stays),
    shorter: shorter.map((piece) => (piece < 0 ? -1 : (numbers[piece] ?? 0))).filter(stays),
    longest: longest.map((piece) => numbers[piece] ?? 0),
  };
}

/** ψ(x) = d/dx log Γ(x) for x > 0: by ψ(x) = ψ(x + 1) − 1/x up to 8, there by its asymptotic series, exact to 1e-12. */
export function digamma(x: number): number {
  let less = 0;
  let y = x;
  for (; y < 8; y++) less += 1 / y;
  const square = 1 / (y * y);
  const series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132))));
  return Math.log(y) - 1 / (2 * y) - series - less;
}
