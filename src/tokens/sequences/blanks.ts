import { fold, permutation, uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { endless, emptyBatch, listed } from '../loader.js';
import type { Loader, LoaderOptions } from '../loader.js';
import { checkTexts } from '../texts.js';
import type { TextSizes, TokenText } from '../texts.js';
import type { PrefixBatch } from './prefix-loader.js';

/*
 * Du's example (2103.10360, figure 2), with x₃ and x₅ x₆ left out, the second first:
 *
 *   inputs           x₁ x₂ [M] x₄ [M] [S] x₅ x₆ [S] x₃
 *   targets                            x₅ x₆ [E] x₃ [E]
 *   positions        1  2  3   4  5   5   5  5  3   3     (here from 0 on)
 *   blockPositions   0  0  0   0  0   1   2  3  1   2
 */

/** How blanks are drawn, and what marks them. */
export interface BlankOptions {
  /** Which share of the tokens is left out at least. Default: 0.15. */
  readonly density?: number;
  /** The mean of the Poisson distribution that lengths of blanks are drawn from; empty ones are drawn again. Default: 3. */
  readonly meanBlank?: number;
  /** The id of [MASK], which stands for a blank. */
  readonly mask: number;
  /** The id of what a blank's tokens begin with, and of what they end with. */
  readonly start: number;
  readonly end: number;
}

/** A row for filling blanks: the text with its blanks, and what fills them. */
export interface BlankedText {
  readonly inputs: readonly number[];
  readonly targets: readonly number[];
  /** 1 where a target is to be predicted. */
  readonly weights: readonly number[];
  /** How many tokens the text with blanks has: they see each other, and all others see them. */
  readonly prefix: number;
  readonly positions: readonly number[];
  readonly blockPositions: readonly number[];
}

/**
 * Leaves blanks in a text, to be filled from left to right, in an order that is drawn, each seeing the whole text around the blanks and the
 * blanks filled before it: autoregressive blank infilling, Du 2021, "GLM" (2103.10360), section 2.1.
 *
 * Lengths are drawn until enough is left out; the blanks are then put into the text so that between two of them there is a token, all
 * ways alike.
 *
 * @param key Decides what is left out.
 * @throws TrainbookError if the text has no room for a blank.
 * @example
 * const { inputs, targets, prefix } = leaveBlanks(tokens, { mask: 103, start: 1, end: 2 }, key(1));
 */
export function leaveBlanks(tokens: ArrayLike<number>, options: BlankOptions, key: Key): BlankedText {
  const { density = 0.15, meanBlank = 3 } = options;
  checkBlanks(tokens.length, density, meanBlank);
  const lengths = drawLengths(tokens.length, { density, meanBlank }, fold(key, 'lengths'));
  const blanks = placeBlanks(tokens.length, lengths, fold(key, 'places'));
  const order = [...permutation(fold(key, 'order'), blanks.length)];
  return fillBlanks(tokens, blanks, order, options);
}

/** A run of a text's tokens: from `start` on, up to `end`, which is not in it. */
export interface Blank {
  readonly start: number;
  readonly end: number;
}

/** The row of a text with given blanks, in the order of the text, which are filled in the order `order`. */
export function fillBlanks(
  tokens: ArrayLike<number>,
  blanks: readonly Blank[],
  order: readonly number[],
  { mask, start, end }: Pick<BlankOptions, 'mask' | 'start' | 'end'>,
): BlankedText {
  const text = Array.from(tokens);
  const inputs: number[] = [];
  const places = blanks.map((blank, index) => {
    inputs.push(...text.slice(blanks[index - 1]?.end ?? 0, blank.start), mask);
    return inputs.length - 1;
  });
  inputs.push(...text.slice(blanks.at(-1)?.end ?? 0));
  const prefix = inputs.length;
  const positions = inputs.map((_, place) => place);
  const blockPositions = inputs.map(() => 0);
  const targets = inputs.map(() => 0);
  for (const index of order) {
    const { start: from, end: to } = blanks[index] as Blank;
    const filled = text.slice(from, to);
    inputs.push(start, ...filled);
    targets.push(...filled, end);
    for (let place = 1; place <= filled.length + 1; place++) {
      positions.push(places[index] ?? 0);
      blockPositions.push(place);
    }
  }
  return {
    inputs,
    targets,
    weights: inputs.map((_, place) => Number(place >= prefix)),
    prefix,
    positions,
    blockPositions,
  };
}

/** Lengths from a Poisson distribution, none 0, until their sum is enough; the last is cut so that tokens stay between them. */
function drawLengths(
  length: number,
  { density, meanBlank }: Required<Pick<BlankOptions, 'density' | 'meanBlank'>>,
  key: Key,
): number[] {
  const wanted = Math.max(1, Math.ceil(density * length));
  const lengths: number[] = [];
  let sum = 0;
  for (let draw = 0; sum < wanted; draw++) {
    const [uniform = 0] = uniformNumbers(fold(key, draw), 1);
    const drawn = poisson(meanBlank, uniform);
    const room = length - sum - lengths.length; // one token between two blanks
    if (room < 1) break;
    if (drawn === 0) continue;
    lengths.push(Math.min(drawn, room));
    sum += lengths.at(-1) ?? 0;
  }
  return lengths;
}

/** The smallest k with P(X ≤ k) > u, for X of the Poisson distribution of a mean. */
function poisson(mean: number, uniform: number): number {
  let count = 0;
  let probability = Math.exp(-mean);
  for (let below = probability; uniform >= below && probability > 0; below += probability) {
    count++;
    probability *= mean / count;
  }
  return count;
}

/** Blanks stand in different gaps between the tokens that stay, before the first and after the last among them. */
function placeBlanks(length: number, lengths: readonly number[], key: Key): Blank[] {
  const kept = length - lengths.reduce((sum, one) => sum + one, 0);
  const gaps = [...permutation(key, kept + 1).subarray(0, lengths.length)].sort((a, b) => a - b);
  let before = 0; // tokens in earlier blanks
  return gaps.map((gap, index) => {
    const start = gap + before;
    before += lengths[index] ?? 0;
    return { start, end: gap + before };
  });
}

/** What a step sees that learns to fill blanks. */
export interface BlankBatch extends PrefixBatch {
  readonly positions: Int32Array;
  readonly blockPositions: Int32Array;
}

/**
 * Batches of texts with blanks: in each epoch every text once, with other blanks each time; `causalLanguageModel` learns to fill them, with a
 * decoder of `learned2d` positions. What is left out depends on key, epoch and text alone: any number of readers, from any cursor on, see
 * the same. A text of n tokens gives at most 2 n + 2 inputs.
 *
 * @throws TrainbookError as `loader` does, or if a text could become longer than the context.
 * @example
 * const blanks = { mask: 4, start: 5, end: 6, context: 128, padding: 0 };
 * await train(model, { objective: causalLanguageModel(), data: (options) => blankLoader(texts, blanks, options), … });
 */
export function blankLoader(
  texts: readonly TokenText[],
  blanks: BlankOptions & TextSizes,
  options: LoaderOptions,
): Loader<BlankBatch> {
  const { context, padding, density = 0.15, meanBlank = 3 } = blanks;
  checkTexts('blankLoader', texts, { padding, context: Math.floor((context - 2) / 2) });
  for (const { tokens } of texts) checkBlanks(tokens.length, density, meanBlank);
  const key = fold(options.key, 'blanks');
  return endless<BlankBatch>('blankLoader', options, {
    numRows: texts.length,
    empty: (batchSize) => {
      const batch = emptyBatch(batchSize, context, false);
      batch.inputs.fill(padding);
      const size = batchSize * context;
      return {
        ...batch,
        prefix: new Int32Array(batchSize),
        positions: new Int32Array(size),
        blockPositions: new Int32Array(size),
      };
    },
    order: (ofEpoch) => listed(permutation(ofEpoch, texts.length)),
    copy: (row, batch, place, epoch) => {
      const made = leaveBlanks(texts[row]?.tokens ?? [], blanks, fold(fold(key, epoch), row));
      for (const name of ['inputs', 'targets', 'weights', 'positions', 'blockPositions'] as const)
        batch[name].set(made[name], place * context);
      batch.prefix[place] = made.prefix;
    },
  });
}

function checkBlanks(length: number, density: number, meanBlank: number): void {
  if (length >= 1 && density > 0 && density <= 1 && meanBlank > 0) return;
  throw new TrainbookError({
    what: 'leaveBlanks: there are no such blanks',
    received: `a text of ${length} tokens, density ${density}, blanks of ${meanBlank} tokens`,
    expected: 'at least a token, a density above 0 up to 1, blanks of a mean length above 0',
  });
}
