import { fold } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { checkBatchSize } from './loader.js';
import type { Cursor, Loader, LoaderOptions } from './loader.js';

/** Of each kind: what makes its loader, and its share of the rows of a batch. */
export type LoadersByName<Batches> = {
  readonly [Name in keyof Batches]: readonly [make: (options: LoaderOptions) => Loader<Batches[Name]>, share: number];
};

/**
 * Batches that hold a batch of each kind, by name: of `batchSize` rows, share · batchSize are of a kind, in every batch. Each kind goes
 * through its own rows at its own pace, in its own order. An epoch is over when the kind that takes the most batches has given all of
 * its rows; the others go on, and give theirs again.
 *
 * One mixture for all batches: the shapes are the same in each, and so is what is learned from it. Raffel 2019, "T5" (1910.10683), section
 * 3.5.2, draws each row's kind in its place, which gives the same shares in the long run.
 *
 * @throws TrainbookError if a share is not a whole number of rows, or the shares do not add up to 1; and as the loaders do.
 * @example
 * const batches = mixedLoader(
 *   { text: [(options) => loader(packed, options), 0.75], chats: [(options) => loader(chats, options), 0.25] },
 *   { batchSize: 8, key },
 * );
 * batches.next().text.batchSize; // 6
 */
export function mixedLoader<Batches extends Readonly<Record<string, unknown>>>(
  kinds: LoadersByName<Batches>,
  options: LoaderOptions,
): Loader<Batches> {
  const { batchSize, key, reader } = options;
  checkBatchSize('mixedLoader', batchSize);
  const names = Object.keys(kinds) as (keyof Batches & string)[];
  const shares = new Map<string, number>(
    Object.entries<readonly [unknown, number]>(kinds).map(([name, [, share]]) => [name, share]),
  );
  const rowsOf = sharedRows(shares, batchSize);
  const make = <Name extends keyof Batches & string>(name: Name, cursor?: Cursor): Loader<Batches[Name]> =>
    kinds[name][0]({
      batchSize: rowsOf.get(name) ?? 0,
      key: fold(key, name),
      ...(reader && { reader }),
      ...(cursor && { cursor }),
    });

  const fresh = names.map((name) => [name, make(name)] as const);
  /** Rows of an epoch of a kind, with the places that stay empty at its end. */
  const lengthOf = (name: string, { numRows, endsBatches }: Loader<unknown>): number => {
    const rows = rowsOf.get(name) ?? 1;
    return endsBatches === true ? Math.ceil(numRows / rows) * rows : numRows;
  };
  const numBatches = Math.max(...fresh.map(([name, loader]) => Math.ceil(loader.numRows / (rowsOf.get(name) ?? 1))));
  const numRows = numBatches * batchSize;
  let done = startOf(options.cursor, numRows, batchSize); // batches given so far
  const loaders = fresh.map(([name, loader]) => {
    if (done === 0) return [name, loader] as const;
    const given = done * (rowsOf.get(name) ?? 0);
    const length = lengthOf(name, loader);
    return [name, make(name, { epoch: Math.floor(given / length), row: given % length })] as const;
  });
  return {
    numRows,
    get cursor() {
      return { epoch: Math.floor(done / numBatches), row: (done % numBatches) * batchSize };
    },
    next() {
      const batch = Object.fromEntries(loaders.map(([name, loader]) => [name, loader.next()])) as Batches;
      done++;
      return batch;
    },
  };
}

/** The rows of each kind in a batch. */
function sharedRows(shares: ReadonlyMap<string, number>, batchSize: number): ReadonlyMap<string, number> {
  const rows = new Map([...shares].map(([name, share]) => [name, Math.round(share * batchSize)]));
  for (const [name, share] of shares) {
    const number = rows.get(name) ?? 0;
    if (number > 0 && Math.abs(number - share * batchSize) < 1e-6) continue;
    throw new TrainbookError({
      what: `mixedLoader: the share of ${name} is not a whole number of rows`,
      received: `${share} of a batch of ${batchSize}`,
      expected: 'share · batchSize a positive integer',
      fix: 'take a batch size that the shares divide',
    });
  }
  const total = [...rows.values()].reduce((sum, number) => sum + number, 0);
  if (total === batchSize) return rows;
  throw new TrainbookError({
    what: 'mixedLoader: the shares do not add up to 1',
    received: [...shares].map(([name, share]) => `${name} ${share}`).join(', '),
    expected: 'shares of a batch that make a whole',
  });
}

/** Batches before a cursor. */
function startOf(cursor: Cursor | undefined, numRows: number, batchSize: number): number {
  if (cursor === undefined) return 0;
  const { epoch, row } = cursor;
  const done = (epoch * numRows + row) / batchSize;
  if (Number.isInteger(done) && row < numRows && done >= 0) return done;
  throw new TrainbookError({
    what: 'mixedLoader: the cursor is not of these loaders',
    received: JSON.stringify(cursor),
    expected: `a row that is a multiple of ${batchSize} below ${numRows}`,
    fix: 'resume with the data, the shares and the batch size that the cursor was saved with',
  });
}
