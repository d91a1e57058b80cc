import { permutation } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { endless, listed, once } from '../loader.js';
import type { Loader, LoaderOptions } from '../loader.js';
import type { PreferencePair } from './preference-pair.js';
import type { TextSizes } from '../texts.js';

/** Rows of prompt and answer, filled up on the right. All are [batchSize, context]. */
export interface AnswerRows {
  /** The whole text, so that a reward model reads its last token too. */
  readonly inputs: Int32Array;
  /** The token after each; padding after the last. */
  readonly targets: Int32Array;
  /** 1 where the target is a token of the answer. */
  readonly weights: Float32Array;
  /** 1 for the tokens of a text, 0 for padding. */
  readonly mask: Int32Array;
  readonly context: number;
}

/** What a step sees that learns preferences. */
export interface PreferenceBatch {
  readonly chosen: AnswerRows;
  readonly rejected: AnswerRows;
  /** How much each pair counts; 0 for an empty place. */
  readonly weights: Float32Array; // [batchSize]
  readonly margins: Float32Array; // [batchSize]
  /** ln p of the answers in a frozen model. There if the pairs say so. */
  readonly reference?: { readonly chosen: Float32Array; readonly rejected: Float32Array }; // [batchSize]
  readonly batchSize: number;
}

/**
 * Batches of pairs of answers: in each epoch every pair once, in an order given by the key and the number of the epoch.
 *
 * @throws TrainbookError as `loader` does, or if a pair has an empty prompt or answer, does not fit into a row, or only some pairs
 *   have a reference.
 * @example
 * const batches = preferenceLoader([{ prompt: [5, 6], chosen: [7, 2], rejected: [8, 2] }], { context: 16, padding: 0 }, { batchSize: 1, key });
 */
export function preferenceLoader(
  pairs: readonly PreferencePair[],
  sizes: TextSizes,
  options: LoaderOptions,
): Loader<PreferenceBatch> {
  checkPairs('preferenceLoader', pairs, sizes);
  return endless<PreferenceBatch>('preferenceLoader', options, {
    numRows: pairs.length,
    empty: (batchSize) => emptyBatch(pairs, batchSize, sizes),
    order: (key) => listed(permutation(key, pairs.length)),
    copy: (row, batch, place) => {
      copyPair(pairs[row], batch, place);
    },
  });
}

/**
 * All pairs once, in their order, in batches of one shape: what the last batch lacks are pairs of weight 0. For evaluation.
 *
 * @example
 * await train(model, { heldOut: () => preferencesInOrder(unseen, { context: 512, padding: 0 }, 8), … });
 */
export function* preferencesInOrder(
  pairs: readonly PreferencePair[],
  sizes: TextSizes,
  batchSize: number,
): Generator<PreferenceBatch> {
  checkPairs('preferencesInOrder', pairs, sizes);
  yield* once<PreferenceBatch>('preferencesInOrder', batchSize, {
    numRows: pairs.length,
    empty: (size) => emptyBatch(pairs, size, sizes),
    copy: (row, batch, place) => {
      copyPair(pairs[row], batch, place);
    },
  });
}

function emptyBatch(pairs: readonly PreferencePair[], batchSize: number, sizes: TextSizes): PreferenceBatch {
  const numbers = (): Float32Array => new Float32Array(batchSize);
  return {
    chosen: emptyAnswers(batchSize, sizes),
    rejected: emptyAnswers(batchSize, sizes),
    weights: numbers(),
    margins: numbers(),
    ...(pairs[0]?.reference && { reference: { chosen: numbers(), rejected: numbers() } }),
    batchSize,
  };
}

function copyPair(pair: PreferencePair | undefined, batch: PreferenceBatch, place: number): void {
  if (pair === undefined) return;
  copyAnswer(pair.prompt, pair.chosen, batch.chosen, place);
  copyAnswer(pair.prompt, pair.rejected, batch.rejected, place);
  batch.weights[place] = 1;
  batch.margins[place] = pair.margin ?? 0;
  if (batch.reference === undefined || pair.reference === undefined) return;
  batch.reference.chosen[place] = pair.reference.chosen;
  batch.reference.rejected[place] = pair.reference.rejected;
}

/** Rows of padding. */
export function emptyAnswers(batchSize: number, { context, padding }: TextSizes): AnswerRows {
  const size = batchSize * context;
  return {
    inputs: new Int32Array(size).fill(padding),
    targets: new Int32Array(size).fill(padding),
    weights: new Float32Array(size),
    mask: new Int32Array(size),
    context,
  };
}

/** Puts a prompt and its answer at a place. */
export function copyAnswer(
  prompt: ArrayLike<number>,
  answer: ArrayLike<number>,
  rows: AnswerRows,
  place: number,
): void {
  const start = place * rows.context;
  const answerStart = start + prompt.length;
  const end = answerStart + answer.length;
  rows.inputs.set(prompt, start);
  rows.inputs.set(answer, answerStart);
  rows.targets.set(rows.inputs.subarray(start + 1, end), start);
  rows.weights.fill(1, answerStart - 1, end - 1);
  rows.mask.fill(1, start, end);
}

/**
 * @throws TrainbookError if there are no pairs, one has an empty prompt or answer or does not fit into a row, or only some have a
 *   reference.
 */
export function checkPairs(
  what: string,
  pairs: readonly PreferencePair[],
  { context }: Pick<TextSizes, 'context'>,
): void {
  if (pairs.length === 0) {
    throw new TrainbookError({ what: `${what}: there are no pairs`, received: '[]', expected: 'at least one' });
  }
  const stored = pairs[0]?.reference !== undefined;
  pairs.forEach(({ prompt, chosen, rejected, reference }, index) => {
    checkAnswer(`${what}: the chosen answer of pair ${index}`, prompt, chosen, context);
    checkAnswer(`${what}: the rejected answer of pair ${index}`, prompt, rejected, context);
    if ((reference !== undefined) === stored) return;
    throw new TrainbookError({
      what: `${what}: only some pairs have the log-probabilities of a reference`,
      received: `pair ${index} ${stored ? 'has none' : 'has some'}, the first ${stored ? 'has' : 'has none'}`,
      expected: 'all or none',
      fix: 'storeReference(pairs, …) for all',
    });
  });
}

/** @throws TrainbookError if there is nothing to answer to, nothing to learn, or more than a row holds. */
export function checkAnswer(what: string, prompt: ArrayLike<number>, answer: ArrayLike<number>, context: number): void {
  const length = prompt.length + answer.length;
  if (prompt.length === 0 || answer.length === 0) {
    throw new TrainbookError({
      what: `${what} cannot be learned`,
      received: `${prompt.length} tokens of prompt, ${answer.length} of answer`,
      expected: 'at least one of each',
      fix: 'leave it out; a prompt begins at least with the token that texts begin with',
    });
  }
  if (length <= context) return;
  throw new TrainbookError({
    what: `${what} does not fit into a row`,
    received: `${length} tokens with its prompt`,
    expected: `at most ${context}, the context`,
    fix: 'cut the answer (truncatePairs does, for pairs), or take a longer context',
  });
}
