// “to be …” (id 0a94…) was packed into rows 12 and 13 of 340. Batches of 8 rows, 60 steps:
//   row 12   step 4, place 2 (epoch 0)   step 51, place 7 (epoch 1)
//   row 13   step 30, place 0 (epoch 0)  not again: training ended before
import { fold, permutation } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { LoaderOptions } from './loader.js';
import type { Packed } from './pack.js';

/** One time that a row with tokens of the document was in a batch. */
export interface DocumentBatch {
  /** The step of training that got the batch, from 1. */
  readonly step: number;
  /** The row's place in the batch, from 0; of several readers number `place % count` has it. */
  readonly place: number;
  readonly row: number;
  /** From 0. */
  readonly epoch: number;
}

/** Where a document went after it was kept. */
export interface DocumentBatches {
  readonly id: string;
  /** The rows of the packing that have tokens of it, in order. */
  readonly rows: readonly number[];
  readonly numRows: number;
  /** In the order of training; empty if it ended before any of its rows came. */
  readonly batches: readonly DocumentBatch[];
  readonly steps: number;
  /** The step at which the first of its rows comes, also if training ended before. */
  readonly firstStep: number;
  /** The same in lines that continue those of `ledger.why`. */
  text(): string;
}

export interface DocumentBatchesOptions extends Omit<LoaderOptions, 'reader'> {
  /** How many steps the training took. */
  readonly steps: number;
}

/** Batches that the text names; the rest is counted. */
const MOST_TOLD = 6;

/**
 * Follows a document from the packing into the batches of a training: in which rows it lies, and at which steps they were seen,
 * and how often. It is computed from the key, as `loader` draws its order, and not looked up: nothing was written down while
 * training. `pretrain` and `train` with a key give the loader `fold(key, 'order')`.
 *
 * @param id the document's id, or its beginning
 * @throws TrainbookError if the rows do not say which documents they have, or no document, or several, have this id.
 * @example
 * const packed = pack(corpus.train, tokenizer, 256);
 * const fate = batchesOf(packed, '3f2a', { batchSize: 8, steps: 300, key: fold(key, 'order') });
 * console.log(corpus.train.ledger.why('3f2a'), fate.text());
 */
export function batchesOf(packed: Packed, id: string, options: DocumentBatchesOptions): DocumentBatches {
  const { batchSize, key, steps, cursor = { epoch: 0, row: 0 } } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1 || !Number.isInteger(steps) || steps < 0) {
    throw new TrainbookError({
      what: 'batchesOf: there is no such training',
      received: `${steps} steps of ${batchSize} rows`,
      expected: 'whole numbers, a batch size above 0',
    });
  }
  const { numRows } = packed;
  const found = rowsOf(packed, id);
  const isOwn = new Set(found.rows);
  const start = cursor.epoch * numRows + cursor.row;
  const end = start + steps * batchSize;
  const batches: DocumentBatch[] = [];
  let firstStep = Infinity;
  // Each epoch has every row once, so that the search for the first ends within two.
  for (let epoch = cursor.epoch; epoch * numRows < end || firstStep === Infinity; epoch++) {
    permutation(fold(key, epoch), numRows).forEach((row, position) => {
      const at = epoch * numRows + position;
      if (!isOwn.has(row) || at < start) return;
      const step = Math.floor((at - start) / batchSize) + 1;
      firstStep = Math.min(firstStep, step);
      if (at < end) batches.push({ step, place: (at - start) % batchSize, row, epoch });
    });
  }
  const result = { ...found, numRows, batches, steps, firstStep };
  return { ...result, text: () => textOf(result) };
}

/** The id of the document that is meant, and its rows. */
function rowsOf({ rowDocuments, numRows }: Packed, prefix: string): Pick<DocumentBatches, 'id' | 'rows'> {
  if (rowDocuments === undefined) {
    throw new TrainbookError({
      what: 'batchesOf: these rows do not say which documents they have',
      expected: 'what pack made of documents',
      fix: 'pack the documents again',
    });
  }
  const { ids, ends, numbers } = rowDocuments;
  const exact = ids.includes(prefix);
  const isMeant = ids.map((one) => (exact ? one === prefix : one.startsWith(prefix)));
  const meant = new Set(ids.filter((_, index) => isMeant[index]));
  const [id] = meant;
  if (id === undefined || meant.size > 1) {
    throw new TrainbookError({
      what: `batchesOf: ${id === undefined ? 'no document' : `${meant.size} documents`} of this id in the packing`,
      received: prefix,
      expected: `the id of one document, or its beginning, such as ${ids[0]?.slice(0, 8) ?? ''}`,
      fix: id === undefined ? 'ledger.why tells whether it was dropped before' : 'give more characters of the id',
    });
  }
  const rows: number[] = [];
  for (let row = 0, at = 0; row < numRows; row++) {
    const stop = ends[row] ?? at;
    if (numbers.subarray(at, stop).some((number) => isMeant[number] === true)) rows.push(row);
    at = stop;
  }
  return { id, rows };
}

function textOf({ rows, numRows, batches, steps, firstStep }: Omit<DocumentBatches, 'text'>): string {
  const list = rows.length > MOST_TOLD ? `${rows[0]} … ${rows.at(-1)}` : rows.join(', ');
  const packed = `  pack: ${rows.length === 1 ? 'row' : `${rows.length} rows,`} ${list} of ${numRows}`;
  if (batches.length === 0) {
    return `${packed}\n  batches: none; its first row comes at step ${firstStep}, and training ended after ${steps}`;
  }
  const told = batches
    .slice(0, MOST_TOLD)
    .map(({ step, place, row, epoch }) => `step ${step} (row ${row} at place ${place}, epoch ${epoch})`);
  const more = batches.length > told.length ? `, and ${batches.length - told.length} more` : '';
  return `${packed}\n  batches: seen ${batches.length} times in ${steps} steps: ${told.join(', ')}${more}`;
}
