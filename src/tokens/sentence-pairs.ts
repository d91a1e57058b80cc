import { fold, uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';

/*
 * One pair: is the second segment what follows the first?
 *
 *   tokens  [CLS] the man went to the store [SEP] he bought milk [SEP]
 *   types     0    0   0   0   0  0    0      0    1    1    1     1
 *   isNext  true
 */

/** Two segments as BERT sees them: [CLS] first [SEP] second [SEP]. */
export interface SentencePair {
  readonly tokens: Int32Array;
  /** 0 for [CLS], the first segment and its [SEP]; 1 for the second and its own. */
  readonly types: Uint8Array; // [tokens.length]
  /** Whether the second segment follows the first in its document, or is from another one. */
  readonly isNext: boolean;
}

export interface SentencePairsOptions {
  /** The most tokens of a pair, [CLS] and both [SEP] included. */
  readonly context: number;
  /** The id of [CLS]. */
  readonly classify: number;
  /** The id of [SEP]. */
  readonly separate: number;
  /** Which share of the pairs is made shorter, of a length drawn evenly from 2 tokens on: as texts in use are; 0.1 by default. */
  readonly shortShare?: number;
  /** Decides all that is random; another key, other pairs. */
  readonly key: Key;
}

/** A document: the tokens of each of its sentences. */
type Sentences = readonly ArrayLike<number>[];

/**
 * Pairs for next-sentence prediction, as in BERT (Devlin et al. 2018, 1810.04805, appendix A.2), in the order of the documents:
 *
 * 1. Sentences of a document are gathered until they fill a pair (or the document ends), at least two.
 * 2. A cut is drawn evenly between two of them; the sentences before it are the first segment.
 * 3. With probability 1/2 the second segment is the sentences after the cut. Else it is sentences of another document, drawn
 *    evenly, from a sentence drawn evenly on; the sentences after the cut are then used again.
 * 4. While a pair is too long, the longer segment loses a token, in front or behind with equal chance.
 *
 * A last sentence that is left alone makes no pair, so that `isNext` is a fair coin in all documents (in the original such
 * pairs are never next). What pairs a document makes depends on the key and its number.
 *
 * @throws TrainbookError if there are fewer than two documents with text, or the context does not hold two tokens.
 * @example
 * const pairs = sentencePairs(documents, { context: 128, classify: 101, separate: 102, key });
 */
export function sentencePairs(documents: readonly Sentences[], options: SentencePairsOptions): SentencePair[] {
  const { context, key } = options;
  const numTokens = context - 3; // of both segments
  const filled = documents.map((sentences) => sentences.filter(({ length }) => length > 0));
  const withText = filled.filter(({ length }) => length > 0);
  if (withText.length < 2 || !Number.isInteger(context) || numTokens < 2) {
    throw new TrainbookError({
      what: 'sentencePairs: no pairs can be made',
      received: `${withText.length} documents with text, context ${context}`,
      expected: 'at least two documents, a context of at least 5 tokens',
    });
  }
  return withText.flatMap((_, index) => pairsOf(withText, index, numTokens, options, draws(fold(key, index))));
}

function pairsOf(
  documents: readonly Sentences[],
  index: number,
  numTokens: number,
  { classify, separate, shortShare = 0.1 }: SentencePairsOptions,
  draw: Draw,
): SentencePair[] {
  const sentences = documents[index] ?? [];
  const pairs: SentencePair[] = [];
  let start = 0;
  while (sentences.length - start >= 2) {
    const target = draw.chance(shortShare) ? 2 + draw.below(numTokens - 1) : numTokens;
    let end = start + 1;
    let length = sentences[start]?.length ?? 0;
    while (end < sentences.length && (length < target || end - start < 2)) length += sentences[end++]?.length ?? 0;
    const cut = start + 1 + draw.below(end - start - 1);
    const first = sentences.slice(start, cut).flatMap((sentence) => Array.from(sentence));
    const isNext = draw.chance(0.5);
    const second = isNext
      ? sentences.slice(cut, end).flatMap((sentence) => Array.from(sentence))
      : elsewhere(documents, index, target - first.length, draw);
    shorten(first, second, target, draw);
    const types = new Uint8Array(first.length + second.length + 3).fill(1, first.length + 2);
    pairs.push({ tokens: Int32Array.of(classify, ...first, separate, ...second, separate), types, isNext });
    start = isNext ? end : cut;
  }
  return pairs;
}

/** Sentences of another document from a random one on, at least one, until they have `numTokens`. */
function elsewhere(documents: readonly Sentences[], own: number, numTokens: number, draw: Draw): number[] {
  const other = draw.below(documents.length - 1);
  const sentences = documents[other < own ? other : other + 1] ?? [];
  const tokens: number[] = [];
  for (let at = draw.below(sentences.length); at < sentences.length; at++) {
    for (const token of Array.from(sentences[at] ?? [])) tokens.push(token);
    if (tokens.length >= numTokens) break;
  }
  return tokens;
}

/** Takes tokens off the longer segment, in place, until both fit. */
function shorten(first: number[], second: number[], numTokens: number, draw: Draw): void {
  while (first.length + second.length > numTokens) {
    const longer = first.length > second.length ? first : second;
    if (draw.chance(0.5)) longer.shift();
    else longer.pop();
  }
}

/** Random numbers one after another. */
interface Draw {
  /** True with this probability. */
  chance(probability: number): boolean;
  /** An integer from 0 to bound − 1. */
  below(bound: number): number;
}

function draws(key: Key): Draw {
  let numbers = new Float64Array(0);
  let block = 0;
  let used = 0;
  const next = (): number => {
    if (used === numbers.length) {
      numbers = Float64Array.from(uniformNumbers(fold(key, block++), 256));
      used = 0;
    }
    return numbers[used++] ?? 0;
  };
  return { chance: (probability) => next() < probability, below: (bound) => Math.floor(next() * bound) };
}
