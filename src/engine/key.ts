import { createHash } from 'node:crypto';
import { TrainbookError } from '../error.js';
import { philox } from './philox.js';
import type { Words2 } from './philox.js';

/**
 * A random key: a plain value of 64 bits from which numbers and further keys are computed. A key is never used up or
 * changed; the same key always gives the same numbers, in every process and on every backend. Use each key for one draw:
 * derive a child with `fold` or `split` for each further one.
 *
 * @example
 * const root = key(42);
 * const weights = fold(root, 'weights');
 * const order = permutation(fold(root, 'order'), 1000);
 */
export interface Key {
  readonly words: Words2;
}

/**
 * The third word of the Philox counter keeps apart what a key is used for, so that children never meet the numbers drawn
 * from their parent, nor a fold by number a fold by string. Draws have 0 there.
 */
const FOLD_NUMBER = 1;
const FOLD_STRING = 2;
const SPLIT = 3;

/** The counter domain of `fold(key, number)`; `foldTensor` computes the same on tensors. */
export const foldNumberDomain = FOLD_NUMBER;

/**
 * The key of a seed: an integer is taken as it is (64 bits, two's complement), a string by the first 8 bytes of its SHA-256.
 *
 * @throws TrainbookError if the number is not an integer within ±(2⁵³ − 1).
 * @example
 * key(7).words; // [7, 0]
 */
export function key(seed: number | string): Key {
  return { words: typeof seed === 'string' ? hashWords(seed) : integerWords('key', seed) };
}

/**
 * The child of a key named by `data`: the first two words of philox(key, counter = (data as 64 bits, domain, 0)).
 * A number and a string that look alike, `1` and `'1'`, give different children.
 *
 * @throws TrainbookError if the number is not an integer within ±(2⁵³ − 1).
 * @example
 * const dropout = fold(fold(key(7), 'dropout'), step);
 */
export function fold(parent: Key, data: number | string): Key {
  return typeof data === 'string'
    ? derive(parent, hashWords(data), FOLD_STRING)
    : derive(parent, integerWords('fold', data), FOLD_NUMBER);
}

/**
 * `count` children of a key, different from all that `fold` gives; the first of them do not depend on `count`.
 *
 * @throws TrainbookError if `count` is not a whole number.
 * @example
 * const [attention, mlp] = split(key(7), 2);
 */
export function split(parent: Key, count: number): Key[] {
  checkCount('split', count);
  return Array.from({ length: count }, (_, index) => derive(parent, integerWords('split', index), SPLIT));
}

/**
 * A uniformly drawn order of 0 … count − 1: Fisher–Yates, where each bounded integer is unbiased (Lemire 2019, "Fast random
 * integer generation in an interval", 1805.10941: draws that would favour some results are thrown away).
 *
 * @throws TrainbookError if `count` is not a whole number below 2³².
 * @example
 * permutation(key(1), 4); // Uint32Array of 0, 1, 2, 3 in some order
 */
export function permutation(from: Key, count: number): Uint32Array {
  checkCount('permutation', count);
  const order = new Uint32Array(count);
  for (let index = 0; index < count; index++) order[index] = index;
  const nextWord = wordStream(from, count);
  for (let last = count - 1; last > 0; last--) {
    const chosen = below(last + 1, nextWord);
    const moved = order[last] ?? 0;
    order[last] = order[chosen] ?? 0;
    order[chosen] = moved;
  }
  return order;
}

/**
 * `count` numbers uniform in [0, 1) with 53 bits each: k · 2⁻⁵³ with k from two words of the key's stream.
 *
 * @throws TrainbookError if `count` is not a whole number below 2³².
 * @example
 * const [coin] = uniformNumbers(key(1), 1);
 */
export function uniformNumbers(from: Key, count: number): Float64Array {
  checkCount('uniformNumbers', count);
  const words = philox(from.words, [0, 0, 0, 0], 2 * count);
  return Float64Array.from({ length: count }, (_, index) => {
    const high = (words[2 * index] ?? 0) >>> 5; // 27 bits
    const low = (words[2 * index + 1] ?? 0) >>> 6; // 26 bits
    return (high * 2 ** 26 + low) * 2 ** -53;
  });
}

/** An integer uniform in [0, bound), bound ≤ 2³²: ⌊word · bound / 2³²⌋, unless the fraction says that the word is one too many. */
function below(bound: number, nextWord: () => number): number {
  const excess = 2 ** 32 % bound;
  for (;;) {
    const word = nextWord();
    // word · bound as two exact parts: it may need 64 bits.
    const low = Math.imul(word, bound) >>> 0;
    if (low >= excess) return multiplyHigh(word, bound);
  }
}

function multiplyHigh(a: number, b: number): number {
  return Math.floor((a * (b >>> 16) + Math.floor((a * (b & 0xffff)) / 0x10000)) / 0x10000);
}

/** The words of a key's stream one by one, computed in chunks of about `expected`. */
function wordStream(from: Key, expected: number): () => number {
  const chunk = 4 * Math.ceil(Math.min(Math.max(expected, 4), 65_536) / 4);
  let words = new Uint32Array(0);
  let block = 0;
  let position = 0;
  return () => {
    if (position === words.length) {
      words = philox(from.words, [block >>> 0, Math.floor(block / 2 ** 32), 0, 0], chunk) as typeof words;
      block += chunk / 4;
      position = 0;
    }
    return words[position++] ?? 0;
  };
}

function derive(parent: Key, data: Words2, domain: number): Key {
  const [low = 0, high = 0] = philox(parent.words, [data[0], data[1], domain, 0], 2);
  return { words: [low, high] };
}

function hashWords(text: string): Words2 {
  const digest = createHash('sha256').update(text, 'utf8').digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

function integerWords(what: string, value: number): Words2 {
  if (!Number.isSafeInteger(value)) {
    throw new TrainbookError({
      what: `${what}: a random key needs a whole number or a string`,
      received: value,
      expected: 'an integer between -(2^53 - 1) and 2^53 - 1, or any string',
      fix: 'use a seed such as 42, or give the text itself as a string',
    });
  }
  return [value >>> 0, Math.floor(value / 2 ** 32) >>> 0];
}

function checkCount(what: string, count: number): void {
  if (!Number.isInteger(count) || count < 0 || count >= 2 ** 32) {
    throw new TrainbookError({
      what: `${what}: count must be a whole number`,
      received: count,
      expected: '0 ≤ count < 2^32',
    });
  }
}
