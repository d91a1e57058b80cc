import { fold, permutation } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { emptyBatch, endless } from './loader.js';
import type { Batch, Loader, LoaderOptions } from './loader.js';
import type { Packed } from './pack.js';
import { documentsOfRow } from './row-documents.js';

/** Packed rows of one kind, and how much there is of them. */
export interface InterleavedKind {
  /** One packing after another in each epoch: a curriculum. Within each, rows come in random order. Mostly there is one. */
  readonly stages: readonly Packed[];
  /** Of all rows, the part that are of the kind. */
  readonly share: number;
  /** What the weights of its targets are multiplied by. Default: 1. */
  readonly weight?: number;
  /** Whether an epoch lasts until the kind has given all of its rows. Default: true. */
  readonly endsEpoch?: boolean;
}

/**
 * Batches in which rows of several kinds stand beside each other. Row n is of the kind that lacks most of its share: the largest
 * share · (n + 1) − (rows given). So a kind never has a row more than share · n, whatever the batch size, and one batch has one shape and
 * is computed in one pass. (`mixedLoader` gives batches apart, for kinds with losses of their own.)
 *
 * An epoch is over when each kind that may end it has given all of its rows; those that are short begin again. Rows that are shorter than
 * the longest are filled up at weight 0.
 *
 * @throws TrainbookError if there are no rows, the shares do not add up to 1, or as `loader` does.
 * @example
 * const batches = interleavedLoader(
 *   { answers: { stages: [chats], share: 0.85 }, text: { stages: [packed], share: 0.15, endsEpoch: false } },
 *   { batchSize: 16, key },
 * );
 */
export function interleavedLoader(kinds: Readonly<Record<string, InterleavedKind>>, options: LoaderOptions): Loader {
  checkKinds(kinds);
  let first = 0; // number of the kind's first row among those of all
  const parts = Object.entries(kinds).map(([name, { stages, share, weight = 1, endsEpoch = true }]) => {
    const numRows = sum(stages.map((stage) => stage.numRows));
    const part = { name, stages, share, weight, endsEpoch, numRows, first, orderKey: fold(options.key, name) };
    first += numRows;
    return part;
  });
  const packings = parts.flatMap(({ stages }) => stages);
  const context = Math.max(...packings.map((packing) => packing.context));
  const numbersDocuments = packings.some(({ documents }) => documents !== undefined);
  const numRows = Math.max(
    ...parts.flatMap((part) => (part.endsEpoch ? [Math.ceil(part.numRows / part.share - 1e-9)] : [])),
  );
  /** Where a row among those of all lies. */
  const placeOf = (row: number): { packed: Packed; row: number; weight: number } => {
    const part = parts.findLast((each) => row >= each.first) ?? (parts[0] as (typeof parts)[0]);
    let within = row - part.first;
    for (const packed of part.stages) {
      if (within < packed.numRows) return { packed, row: within, weight: part.weight };
      within -= packed.numRows;
    }
    throw new Error(`internal: no row ${row}`);
  };
  const orders = parts.map((part) => ordersOf(part.orderKey, part.stages));
  const dealt = dealer(parts.map(({ share }) => share));
  return endless<Batch>('interleavedLoader', options, {
    numRows,
    empty: (batchSize) => emptyBatch(batchSize, context, numbersDocuments),
    order: (_key, epoch) => (place) => {
      const { kind, before } = dealt(epoch * numRows + place);
      const part = parts[kind] as (typeof parts)[0];
      return part.first + (orders[kind]?.(Math.floor(before / part.numRows))[before % part.numRows] ?? 0);
    },
    copy: (row, batch, place) => {
      const found = placeOf(row);
      copyRow(found.packed, found.row, found.weight, batch, place);
    },
    documentsOf: (row) => {
      const found = placeOf(row);
      return found.packed.rowDocuments ? documentsOfRow(found.packed.rowDocuments, found.row) : [];
    },
  });
}

/** Says of which kind row n is, and how many rows of that kind came before it; n never falls. */
function dealer(shares: readonly number[]): (n: number) => { readonly kind: number; readonly before: number } {
  const given = shares.map(() => 0);
  let next = 0;
  const deal = (): number => {
    const lacking = shares.map((share, kind) => share * (next + 1) - (given[kind] ?? 0));
    const kind = lacking.indexOf(Math.max(...lacking));
    given[kind] = (given[kind] ?? 0) + 1;
    next++;
    return kind;
  };
  return (n) => {
    while (next < n) deal(); // rows before a cursor
    const kind = deal();
    return { kind, before: (given[kind] ?? 0) - 1 };
  };
}

/** The rows of each epoch: stage after stage, those of one in random order. */
function ordersOf(key: Key, stages: readonly Packed[]): (epoch: number) => Int32Array {
  let current: { readonly epoch: number; readonly rows: Int32Array } | undefined;
  return (epoch) => {
    if (current?.epoch === epoch) return current.rows;
    const rows = new Int32Array(sum(stages.map(({ numRows }) => numRows)));
    let first = 0;
    stages.forEach(({ numRows }, stage) => {
      permutation(fold(fold(key, epoch), stage), numRows).forEach((row, place) => {
        rows[first + place] = first + row;
      });
      first += numRows;
    });
    current = { epoch, rows };
    return rows;
  };
}

/** Puts a row at a place of a batch that may be wider. Without documents of its own a row is one. */
function copyRow(packed: Packed, row: number, factor: number, batch: Batch, place: number): void {
  const { context, tokens, weights, documents, positions } = packed;
  const start = row * (context + 1);
  const to = place * batch.context;
  batch.inputs.set(tokens.subarray(start, start + context), to);
  batch.targets.set(tokens.subarray(start + 1, start + 1 + context), to);
  for (let at = 0; at < context; at++) {
    batch.weights[to + at] = factor * (weights[row * context + at] ?? 0);
    if (batch.documents) batch.documents[to + at] = documents?.[row * context + at] ?? 0;
    if (batch.positions) batch.positions[to + at] = positions?.[row * context + at] ?? at;
  }
}

/** @throws TrainbookError if the kinds are none, or do not make a whole. */
function checkKinds(kinds: Readonly<Record<string, InterleavedKind>>): void {
  const all = Object.entries(kinds);
  const shown = all.map(([name, { share }]) => `${name} ${share}`).join(', ');
  const refuse = (what: string, expected: string): TrainbookError =>
    new TrainbookError({ what: `interleavedLoader: ${what}`, received: shown || 'none', expected });
  const empty = all.find(([, { stages }]) => !(sum(stages.map(({ numRows }) => numRows)) > 0));
  if (empty !== undefined) throw refuse(`${empty[0]} has no rows`, 'at least one row of each kind');
  if (!all.some(([, { endsEpoch = true }]) => endsEpoch)) throw refuse('no kind ends an epoch', 'one that does');
  const total = sum(all.map(([, { share }]) => share));
  if (all.every(([, { share }]) => share > 0) && Math.abs(total - 1) < 1e-6) return;
  throw refuse('the shares do not make a whole', 'shares above 0 that add up to 1');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
