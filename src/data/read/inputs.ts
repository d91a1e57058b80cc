import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TrainbookError } from '../../error.js';
import { hash } from '../../files.js';
import { NOT_DESCRIBED, checkedBytes, datasetAt, datasetNamesOf, findDataset, languageOf } from '../dataset.js';
import type { Dataset } from '../dataset.js';
import { readBytes } from './bytes.js';
import { readerOf, requireFormat } from './formats.js';
import { expandGlob, filesBelow, isGlob } from './glob.js';
import { findShardCard } from '../scale/shard-card.js';
import type { ShardCard } from '../scale/shard-card.js';
import { partsOf, readWritten } from '../scale/read-shards.js';
import type { ReadOptions } from './options.js';
import type { Origin, ReadDocument } from './read.js';
import { copiedFiles, publicDataset, publicDatasetNames } from './public-datasets.js';
import { compressionOf, unpack } from './unpack.js';

/**
 * What to read: a data set by name (`shakespeare`), a file, a folder (with a card or without), a glob (`corpus/*.jsonl.gz`), several of them, or the
 * names of `shares`, so that a config names its data once (shares of 0 are not read).
 */
export type Source = string | readonly string[] | { readonly shares: Readonly<Record<string, number>> };

/** A file that holds documents. */
export interface Input {
  /** As it is given, or below the folder that is given; for a file of a data set its name there. */
  readonly path: string;
  readonly bytes: number;
  readonly origin: Origin;
  /** The data set that it belongs to: its bytes are checked against the card. */
  readonly dataset?: Dataset;
  /** A shard that a pipeline wrote, as its card states it: its documents keep their ids. */
  readonly shard?: { readonly folder: string; readonly part: ShardCard['files'][number] };
  /** How files of its data set are read. */
  readonly reading?: ReadOptions;
}

/** The names in a source, in order, each once. */
export function namesOf(source: Source): readonly string[] {
  if (typeof source === 'string') return [source];
  if (!('shares' in source)) return [...new Set(source)];
  return Object.entries(source.shares).flatMap(([name, share]) => (share > 0 ? [name] : []));
}

/** Where local copies of public data sets lie: of all that are named, or each by its name. */
export type From = string | Readonly<Record<string, string>>;

/**
 * The files of a source, each once, in the order of its names.
 *
 * @throws TrainbookError for a name that is no data set, file or folder, and a folder or glob without files.
 * @example
 * const inputs = await listInputs(['brown', 'corpus/']);
 * const bytes = inputs.reduce((sum, input) => sum + input.bytes, 0);
 */
export async function listInputs(source: Source, from?: From): Promise<readonly Input[]> {
  const inputs: Input[] = [];
  const seen = new Set<string>();
  for (const name of namesOf(source)) {
    const copy = typeof from === 'string' ? from : from?.[name];
    for (const input of await inputsOf(name, copy)) {
      const where = resolve(input.dataset?.folder ?? '', input.path);
      if (!seen.has(where)) inputs.push(input);
      seen.add(where);
    }
  }
  return inputs;
}

async function inputsOf(name: string, copy: string | undefined): Promise<readonly Input[]> {
  const shards = await findShardCard(name);
  if (shards !== undefined) {
    return partsOf(shards, 'kept').map((part) => {
      const path = join(name, part.file);
      return { path, bytes: part.bytes, origin: { source: name, domain: name }, shard: { folder: name, part } };
    });
  }
  const dataset = (await findDataset(name)) ?? (await datasetAt(name));
  if (dataset !== undefined) {
    const { card } = dataset;
    if (card.classes !== undefined) {
      throw new TrainbookError({
        what: `load: the data set ${card.name} has images, not documents`,
        received: card.title,
        expected: `one of the data sets ${(await datasetNamesOf('documents')).join(', ')}`,
        fix: `loadImages('${card.name}') reads it`,
      });
    }
    const language = languageOf(card);
    const origin = {
      source: card.name,
      domain: card.domain ?? card.name,
      ...(language === undefined ? {} : { language }),
    };
    const reading = card.reading === undefined ? {} : { reading: card.reading };
    return card.files.map(({ file, bytes }) => ({ path: file, bytes, origin, dataset, ...reading }));
  }
  const known = publicDataset(name);
  if (known !== undefined && (copy !== undefined || !existsSync(name))) {
    const { domain = name, language } = known;
    const origin = { source: name, domain, ...(language === undefined ? {} : { language }) };
    return Promise.all(
      (await copiedFiles(name, known, copy)).map(async (path) => {
        return { path, bytes: (await stat(path)).size, origin, reading: known.reading };
      }),
    );
  }
  return Promise.all(
    (await filesOf(name)).map(async (path) => {
      const slashed = path.replaceAll('\\', '/');
      return { path, bytes: (await stat(path)).size, origin: { source: slashed, domain: slashed } };
    }),
  );
}

/**
 * The documents of a file, one after the other, as they are found: memory does not grow with the file.
 *
 * @throws TrainbookError that names the file, and the line where there is one; for a file of a data set also, at its end, if it is not
 *   the one that the card describes.
 * @example
 * for (const input of await listInputs('corpus/*.jsonl.gz')) {
 *   for await (const { document, place } of readInput(input)) console.log(place.row, document.title);
 * }
 */
export async function* readInput(input: Input, given: ReadOptions = {}): AsyncGenerator<ReadDocument, undefined> {
  const { path, origin, dataset, shard } = input;
  if (shard !== undefined) {
    yield* readWritten(shard.folder, shard.part);
    return;
  }
  const options = { ...input.reading, ...given };
  const disk = dataset === undefined ? path : join(dataset.folder, path);
  const { compression } = compressionOf(path);
  const format = options.format ?? requireFormat(path);
  const read = await readerOf(format);
  const packed = dataset === undefined ? readBytes(disk) : checkedBytes(dataset, path);
  // Parquet is read by ranges: its hash is looked at before.
  if (format === 'parquet' && dataset !== undefined) await drained(packed);
  const bytes = compression === undefined ? packed : unpack(packed, compression, path);
  let row = 0;
  let numRows = 0;
  try {
    for await (const documents of read({ disk, path, origin, options, bytes })) {
      for (const found of documents) {
        row = found.place.row;
        numRows++;
        yield found;
      }
    }
    if (dataset !== undefined && Object.keys(given).length === 0) checkRows(dataset, path, numRows);
  } catch (cause) {
    if (dataset !== undefined) throw await changedFile(cause, input, dataset, given);
    if (options.onBadRow !== 'reject' || !(cause instanceof TrainbookError)) throw cause;
    const [what] = cause.message.split('\n');
    yield {
      document: { id: hash(`${path}:${row}`), text: '', ...origin },
      verdict: { drop: 'file damaged', evidence: what ?? '' },
      place: { file: path, row: row + 1 },
    };
  }
}

function checkRows({ card, folder }: Dataset, path: string, numRows: number): void {
  const stated = card.files.find(({ file }) => file === path)?.rows;
  if (stated === undefined || stated === numRows) return;
  throw new TrainbookError({
    what: `load: ${join(folder, path)} has not the rows that the card of ${card.name} states`,
    received: numRows,
    expected: `${stated} rows`,
    fix: 'make the card anew (describeFolder)',
  });
}

/**
 * An error that was met in a file of a data set: if it is not the file that its card describes, the error says so, and where it cannot be read.
 */
async function changedFile(
  cause: unknown,
  input: Input,
  { card, folder }: Dataset,
  given: ReadOptions,
): Promise<unknown> {
  const disk = join(folder, input.path);
  const stated = card.files.find(({ file }) => file === input.path);
  const found = (await stat(disk).catch(() => undefined))?.size;
  if (!(cause instanceof TrainbookError) || stated === undefined || found === undefined) return cause;
  const isHash = cause.parts.what.includes(NOT_DESCRIBED);
  if (!isHash && found === stated.bytes) return cause;
  const { origin, reading } = input;
  const plain = { path: disk, bytes: found, origin, ...(reading === undefined ? {} : { reading }) };
  const met = isHash ? await firstError(plain, given) : cause;
  if (met === undefined) return cause;
  return new TrainbookError({
    ...met.parts,
    fix: `it ${NOT_DESCRIBED} ${card.name} describes (${found} bytes, the card states ${stated.bytes}): copy it again, or make the card anew`,
    cause,
  });
}

async function firstError(input: Input, options: ReadOptions): Promise<TrainbookError | undefined> {
  try {
    await drained(readInput(input, options));
  } catch (error) {
    if (error instanceof TrainbookError) return error;
  }
  return undefined;
}

/** Reads something to its end. */
async function drained(iterable: AsyncIterable<unknown>): Promise<void> {
  const iterator = iterable[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

async function filesOf(name: string): Promise<readonly string[]> {
  const kind = await stat(name).catch(() => undefined);
  if (kind?.isFile() === true) return [name];
  const files = kind?.isDirectory() === true ? await filesBelow(name) : isGlob(name) ? await expandGlob(name) : [];
  if (files.length > 0) return files;
  throw new TrainbookError({
    what: kind?.isDirectory() === true ? 'load: the folder has no files' : 'load: no such data set, file or folder',
    received: name,
    expected: `a path, a glob, or one of the data sets ${(await datasetNamesOf('documents')).join(', ')}; with { from }: ${publicDatasetNames.join(', ')}`,
    fix: `check the spelling; paths start at ${process.cwd()}`,
  });
}
