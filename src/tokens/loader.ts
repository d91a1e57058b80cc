import { fold, permutation, uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Packed } from './pack.js';
import { documentsOfRow } from './row-documents.js';

/** What a step of training sees: rows of tokens and, one place further, the tokens to predict. All are [batchSize, context]. */
export interface Batch {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
  /** 1 where the target counts, 0 where it is padding or not to be learned. */
  readonly weights: Float32Array;
  readonly batchSize: number;
  readonly context: number;
  /** Equal numbers within a row are one document, to keep attention inside it. There if the rows say so; as in `Packed`. */
  readonly documents?: Int32Array;
  /** The place of each input within its document. There if the rows say so. */
  readonly positions?: Int32Array;
  /** How many first tokens of each row see each other, and are seen by all: [batchSize]. There if the rows say so. */
  readonly prefix?: Int32Array;
  /** The place of each input within the blank that it fills, 0 outside of blanks. There if the rows say so. */
  readonly blockPositions?: Int32Array;
}

/** Where a loader stands: plain, to be saved with a checkpoint. `row` counts the rows given in this epoch, to all readers. */
export interface Cursor {
  readonly epoch: number;
  readonly row: number;
}

/** Gives batches without end. A loader made with another's cursor goes on as that one would. */
export interface Loader<B = Batch> {
  next(): B;
  readonly cursor: Cursor;
  /** Rows in an epoch. */
  readonly numRows: number;
  /** The rows of the last batch, those of all readers, in its order. There if the loader knows. */
  readonly lastRows?: readonly number[];
  /** The ids of the documents in a row. There if the loader knows. */
  readonly documentsOf?: (row: number) => readonly string[];
  /** Whether an epoch ends with a batch, of which some places then stay empty. By default a batch goes on with the next epoch. */
  readonly endsBatches?: boolean;
}

/** One of several processes that share each batch: reader `index` of `count` has its rows index, index + count, … */
export interface Reader {
  readonly index: number;
  readonly count: number;
}

export interface LoaderOptions {
  /** Rows of a batch, of all readers together. */
  readonly batchSize: number;
  readonly key: Key;
  /** Where to go on; by default at the start. It may be the cursor of any reader, of any number of readers. */
  readonly cursor?: Cursor;
  /** Which part of each batch is given; by default all of it. */
  readonly reader?: Reader;
}

/**
 * Batches of packed rows: in each epoch every row once, in an order given by the key and the number of the epoch. A batch in
 * which an epoch ends goes on with the first rows of the next, so all batches have one shape; where there are fewer rows than
 * `batchSize`, a batch has rows of several epochs.
 *
 * @throws TrainbookError if the batch size is not a positive integer or not a multiple of the readers, or the cursor lies
 *   outside the rows.
 * @example
 * const batches = loader(packed, { batchSize: 8, key });
 * const { inputs, targets, weights } = batches.next(); // [8, context]
 */
export function loader(packed: Packed, options: LoaderOptions): Loader {
  const { context, numRows, rowDocuments } = packed;
  return endless<Batch>('loader', options, {
    numRows,
    empty: (batchSize) => emptyBatch(batchSize, context, packed.documents !== undefined),
    order: (key) => listed(permutation(key, numRows)),
    copy: (row, batch, place) => {
      copyRow(packed, row, batch, place);
    },
    ...(rowDocuments && { documentsOf: (row) => documentsOfRow(rowDocuments, row) }),
  });
}

/**
 * Batches of windows that begin anywhere in one long stream of tokens, drawn evenly and independently by key, as nanoGPT
 * draws them. An epoch is as many windows as would cover the stream once: ⌊tokens / context⌋.
 *
 * @throws TrainbookError if the stream is shorter than context + 1 tokens, or as `loader` does.
 * @example
 * const batches = windows(concatenate(documents, tokenizer), { context: 64, batchSize: 12, key });
 */
export function windows(tokens: Int32Array, options: LoaderOptions & { readonly context: number }): Loader {
  const { context } = options;
  if (!Number.isInteger(context) || context < 1 || tokens.length <= context) {
    throw new TrainbookError({
      what: 'windows: the stream is shorter than one window',
      received: `${tokens.length} tokens, context ${context}`,
      expected: 'at least context + 1 tokens, context a positive integer',
      fix: 'give more text, or a smaller context',
    });
  }
  const numRows = Math.floor(tokens.length / context);
  return endless<Batch>('windows', options, {
    numRows,
    empty: (batchSize) => emptyBatch(batchSize, context, false),
    order: (key) =>
      listed(uniformNumbers(key, numRows).map((number) => Math.floor(number * (tokens.length - context)))),
    copy(start, batch, place) {
      batch.inputs.set(tokens.subarray(start, start + context), place * context);
      batch.targets.set(tokens.subarray(start + 1, start + 1 + context), place * context);
      batch.weights.fill(1, place * context, (place + 1) * context);
    },
  });
}

/**
 * All packed rows once, in their order, in batches of one shape: what the last batch lacks are rows of weight 0. For evaluation.
 *
 * @example
 * for (const batch of inOrder(packed, 8)) losses.push(await loss(batch));
 */
export function* inOrder(packed: Packed, batchSize: number): Generator<Batch> {
  const { context, numRows } = packed;
  yield* once<Batch>('inOrder', batchSize, {
    numRows,
    empty: (size) => emptyBatch(size, context, packed.documents !== undefined),
    copy: (row, batch, place) => {
      copyRow(packed, row, batch, place);
    },
  });
}

/** Puts a packed row at a place of a batch. */
export function copyRow(packed: Packed, row: number, batch: Batch, place: number): void {
  const { context, tokens, weights, documents, positions } = packed;
  const start = row * (context + 1);
  batch.inputs.set(tokens.subarray(start, start + context), place * context);
  batch.targets.set(tokens.subarray(start + 1, start + 1 + context), place * context);
  batch.weights.set(weights.subarray(row * context, (row + 1) * context), place * context);
  if (documents) batch.documents?.set(documents.subarray(row * context, (row + 1) * context), place * context);
  if (positions) batch.positions?.set(positions.subarray(row * context, (row + 1) * context), place * context);
}

/** What makes a kind of loader: how many rows an epoch has, which they are by its key, and how one gets into a batch. */
export interface Rows<B> {
  readonly numRows: number;
  /** Whether an epoch ends with a batch, of which some places then stay empty. By default a batch goes on with the next epoch. */
  readonly endsBatches?: boolean;
  /** A batch of that many places in which no row is yet. */
  empty(batchSize: number): B;
  /** The row at each place of an epoch; places are asked for in their order. */
  order(key: Key, epoch: number): (place: number) => number;
  copy(row: number, batch: B, place: number, epoch: number): void;
  /** The ids of the documents in a row. */
  readonly documentsOf?: (row: number) => readonly string[];
}

/** All rows once, in their order, in batches of one shape: what the last batch lacks stays empty. */
export function* once<B>(
  name: string,
  batchSize: number,
  { numRows, empty, copy }: Pick<Rows<B>, 'numRows' | 'empty' | 'copy'>,
): Generator<B> {
  checkBatchSize(name, batchSize);
  for (let first = 0; first < numRows; first += batchSize) {
    const batch = empty(batchSize);
    for (let place = 0; place < batchSize && first + place < numRows; place++) copy(first + place, batch, place, 0);
    yield batch;
  }
}

/** The loader of rows, whatever they are. */
export function endless<B>(name: string, options: LoaderOptions, rows: Rows<B>): Loader<B> {
  const { batchSize, key, cursor, reader = { index: 0, count: 1 } } = options;
  const { numRows, documentsOf } = rows;
  checkBatchSize(name, batchSize);
  checkReader(name, batchSize, reader);
  let { epoch, row } = cursor ?? { epoch: 0, row: 0 };
  if (!Number.isInteger(epoch) || epoch < 0 || !Number.isInteger(row) || row < 0 || row >= numRows) {
    throw new TrainbookError({
      what: `${name}: the cursor lies outside the rows`,
      received: JSON.stringify(cursor ?? null),
      expected: `an epoch from 0 on, a row from 0 to ${numRows - 1}`,
      fix: 'resume with the data that the cursor was saved with',
    });
  }
  let order = rows.order(fold(key, epoch), epoch);
  let lastRows: number[] = [];
  return {
    numRows,
    get lastRows() {
      return lastRows;
    },
    ...(documentsOf && { documentsOf }),
    ...(rows.endsBatches === true && { endsBatches: true }),
    get cursor() {
      return { epoch, row };
    },
    next() {
      const batch = rows.empty(batchSize / reader.count);
      lastRows = [];
      for (let place = 0; place < batchSize; place++) {
        const chosen = order(row);
        lastRows.push(chosen);
        if (place % reader.count === reader.index) rows.copy(chosen, batch, Math.floor(place / reader.count), epoch);
        row++;
        if (row < numRows) continue;
        row = 0;
        epoch++;
        order = rows.order(fold(key, epoch), epoch);
        if (rows.endsBatches === true) break;
      }
      return batch;
    },
  };
}

/** The order that a list says. */
export function listed(rows: ArrayLike<number>): (place: number) => number {
  return (place) => rows[place] ?? 0;
}

/** A batch of rows of weight 0. */
export function emptyBatch(batchSize: number, context: number, numbersDocuments: boolean): Batch {
  const size = batchSize * context;
  return {
    inputs: new Int32Array(size),
    targets: new Int32Array(size),
    weights: new Float32Array(size),
    batchSize,
    context,
    ...(numbersDocuments && { documents: new Int32Array(size), positions: new Int32Array(size) }),
  };
}

/** @throws TrainbookError if it is not a positive integer. */
export function checkBatchSize(name: string, batchSize: number): void {
  if (Number.isInteger(batchSize) && batchSize > 0) return;
  throw new TrainbookError({
    what: `${name}: the batch size must be positive`,
    received: batchSize,
    expected: 'an integer > 0',
    fix: 'set train.batchSize',
  });
}

function checkReader(name: string, batchSize: number, { index, count }: Reader): void {
  if (!Number.isInteger(count) || count < 1 || !Number.isInteger(index) || index < 0 || index >= count) {
    throw new TrainbookError({
      what: `${name}: there is no such reader`,
      received: `reader ${index} of ${count}`,
      expected: 'an index from 0 to count − 1',
    });
  }
  if (batchSize % count === 0) return;
  throw new TrainbookError({
    what: `${name}: a batch does not part evenly among the readers`,
    received: `${batchSize} rows, ${count} readers`,
    expected: 'a batch size that is a multiple of the readers',
    fix: 'set train.batchSize',
  });
}
