import { permutation } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { emptyBatch, endless, listed, once } from './loader.js';
import type { Batch, Loader, LoaderOptions } from './loader.js';

/** Something that is not text, such as the pixels of an image or the spectrogram of a recording, and the text that goes with it. */
export interface PairedText {
  /** The numbers of the input, row by row: as many as its shape says. */
  readonly input: Float32Array;
  /** What stands before the answer, such as a start token and a question: at least one token. It is not learned. */
  readonly prompt: ArrayLike<number>;
  /** What is to be said, its end too. */
  readonly answer: ArrayLike<number>;
}

/** What a step sees that learns to say something of inputs. */
export interface PairedBatch extends Batch {
  readonly media: Float32Array; // [batchSize, …shape]
  readonly shape: readonly number[];
}

/** The sizes of inputs and of rows of text. */
export interface PairedSizes {
  /** The axes of an input: the encoder's `inputShape`. */
  readonly shape: readonly number[];
  /** Tokens of a row of text: prompt and answer without its last token. */
  readonly context: number;
  /** The token to fill up with. */
  readonly padding: number;
}

/**
 * Batches of inputs with their texts: in each epoch every pair once, in an order given by the key and the number of the epoch. Only answers
 * count in the loss.
 *
 * @throws TrainbookError as `loader` does, or if there are no pairs, an input is not of the shape, or a text does not fit into a row.
 * @example
 * const pairs = [{ input: pixels, prompt: [tokenizer.endOfText], answer: tokenizer.encode('a boot') }];
 * const batches = pairedLoader(pairs, { shape: encoder.inputShape, context: 8, padding: 0 }, { batchSize: 16, key });
 */
export function pairedLoader(
  pairs: readonly PairedText[],
  sizes: PairedSizes,
  options: LoaderOptions,
): Loader<PairedBatch> {
  checkPairs('pairedLoader', pairs, sizes);
  return endless<PairedBatch>('pairedLoader', options, {
    ...rowsOf(pairs, sizes),
    order: (key) => listed(permutation(key, pairs.length)),
  });
}

/**
 * All pairs once, in their order, in batches of one shape: what the last batch lacks are rows of weight 0. For evaluation.
 *
 * @example
 * const { loss } = await measureLoss(objective(model))(weights, pairedInOrder(heldOut, sizes, 16));
 */
export function* pairedInOrder(
  pairs: readonly PairedText[],
  sizes: PairedSizes,
  batchSize: number,
): Generator<PairedBatch> {
  checkPairs('pairedInOrder', pairs, sizes);
  yield* once('pairedInOrder', batchSize, rowsOf(pairs, sizes));
}

function rowsOf(pairs: readonly PairedText[], { shape, context, padding }: PairedSizes) {
  const size = sizeOf(shape);
  return {
    numRows: pairs.length,
    empty: (batchSize: number): PairedBatch => {
      const text = emptyBatch(batchSize, context, false);
      text.inputs.fill(padding);
      return { ...text, media: new Float32Array(batchSize * size), shape };
    },
    copy: (row: number, batch: PairedBatch, place: number): void => {
      const { input, prompt, answer } = pairs[row] as PairedText;
      const tokens = [...Array.from(prompt), ...Array.from(answer)];
      const start = place * context;
      batch.media.set(input, place * size);
      batch.inputs.set(tokens.slice(0, -1), start);
      batch.targets.set(tokens.slice(1), start);
      batch.weights.fill(1, start + prompt.length - 1, start + tokens.length - 1);
    },
  };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, axis) => product * axis, 1);

function checkPairs(what: string, pairs: readonly PairedText[], { shape, context }: PairedSizes): void {
  if (pairs.length === 0)
    throw new TrainbookError({ what: `${what}: there are no pairs`, received: '[]', expected: 'at least one' });
  const size = sizeOf(shape);
  pairs.forEach(({ input, prompt, answer }, index) => {
    const time = prompt.length + answer.length - 1;
    if (input.length !== size)
      throw new TrainbookError({
        what: `${what}: input ${index} is not of the shape`,
        received: `${input.length} numbers`,
        expected: `${size}: [${shape.join(', ')}]`,
      });
    if (prompt.length > 0 && answer.length > 0 && time <= context) return;
    throw new TrainbookError({
      what: `${what}: the text of pair ${index} does not fit`,
      received: `${prompt.length} tokens of prompt, ${answer.length} of answer`,
      expected: `at least one of each, at most ${context + 1} together`,
      fix: 'begin each prompt with the end-of-text token; shorten the answer, or take a longer context',
    });
  });
}
