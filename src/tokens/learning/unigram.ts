import { TrainbookError } from '../../error.js';
import type { Learner } from './learner.js';
import { seedPieces } from './seed-pieces.js';
import { fitUnigram } from './unigram-model.js';

export interface UnigramPieceOptions {
  /** How many pieces, special tokens not among them. */
  readonly numPieces: number;
  /** How many tokens there are beside: named in errors. */
  readonly numOthers: number;
  /** What no piece may be. */
  readonly forbidden: readonly string[];
}

/** Pieces and their log-probabilities, the most probable first. */
export type ScoredPieces = readonly (readonly [string, number])[];

/** Characters in a piece at most. */
const LONGEST_PIECE = 16;

/** As many pieces as this are tried. */
const MOST_SEEDS = 1_000_000;

/** U+2581, which stands for a space. */
export const SPACE = '▁';

/** Learns the pieces of a unigram model from words that begin with a space: text as NFKC, cut before each space. */
export const unigram = {
  words(text) {
    if (text === '') return [];
    const spaced = text
      .replaceAll(/\p{Surrogate}/gu, '\uFFFD')
      .normalize('NFKC')
      .replaceAll(' ', SPACE);
    return (spaced.startsWith(SPACE) ? spaced : SPACE + spaced).match(/▁[^▁]*/gu) ?? [];
  },
  learn(counts, { numPieces, numOthers, forbidden }, report) {
    // In a fixed order: sums of floating-point numbers depend on it.
    const words = [...counts.keys()].sort();
    const characters = new Set<string>();
    for (const word of words) for (const character of word) characters.add(character);
    const alphabet = [...characters].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
    if (numPieces < alphabet.length) throw tooSmall(numPieces + numOthers, alphabet.length + numOthers);
    const places = lay(words, counts, alphabet);
    const unwanted = new Set(forbidden);
    const text = (place: number, length: number): string =>
      Array.from(places.characters.subarray(place, place + length), (character) => alphabet[character] ?? '').join('');
    const lengths = new Set(forbidden.map((token) => Array.from(token).length));
    const seeds = seedPieces(
      { ...places, numCharacters: alphabet.length },
      places.weights,
      { maxLength: LONGEST_PIECE, most: MOST_SEEDS },
      (place, length) => lengths.has(length) && unwanted.has(text(place, length)),
    );
    const most = seeds.scores.length;
    if (most < numPieces) throw tooLarge(numPieces + numOthers, most + numOthers);
    const { pieces, logs } = fitUnigram(places, seeds, { numPieces, numCharacters: alphabet.length }, report);
    return Array.from(
      logs,
      (log, piece) => [text(pieces.places[piece] ?? 0, pieces.lengths[piece] ?? 0), log] as const,
    ).sort(([, a], [, b]) => b - a);
  },
} satisfies Learner<UnigramPieceOptions, ScoredPieces>;

/** The characters of all words end to end, and at each how far its word goes on and how often it occurs. */
function lay(words: readonly string[], counts: ReadonlyMap<string, number>, alphabet: readonly string[]) {
  const numbers = new Map(alphabet.map((character, number) => [character, number]));
  const lengths = words.map((word) => Array.from(word).length);
  const numPlaces = lengths.reduce((sum, length) => sum + length, 0);
  const characters = new Int32Array(numPlaces);
  const remaining = new Int32Array(numPlaces);
  const weights = new Float64Array(numPlaces);
  const starts = new Int32Array(words.length + 1);
  let place = 0;
  words.forEach((word, index) => {
    let left = lengths[index] ?? 0;
    for (const character of word) {
      characters[place] = numbers.get(character) ?? 0;
      remaining[place] = left--;
      weights[place++] = counts.get(word) ?? 0;
    }
    starts[index + 1] = place;
  });
  return {
    characters,
    remaining,
    weights,
    starts,
    counts: Float64Array.from(words, (word) => counts.get(word) ?? 0),
    longestWord: lengths.reduce((longest, length) => Math.max(longest, length), 0),
  };
}

function tooSmall(vocabularySize: number, smallest: number): TrainbookError {
  return new TrainbookError({
    what: 'trainUnigram: the documents have too many different characters',
    received: `a vocabulary of ${vocabularySize}`,
    expected: `at least ${smallest}: every character is a token`,
    fix: `set vocabularySize to ${smallest} or more, or leave out documents with rare characters`,
  });
}

function tooLarge(vocabularySize: number, largest: number): TrainbookError {
  return new TrainbookError({
    what: 'trainUnigram: the documents have too few different words',
    received: `a vocabulary of ${vocabularySize}`,
    expected: `at most ${largest}: there are no more strings that repeat`,
    fix: `give more text, or set vocabularySize to ${largest} or less`,
  });
}
