import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TrainbookError } from '../../error.js';
import { hash } from '../../files.js';
import { checkedBytes, datasetNamesOf, findDataset } from '../dataset.js';
import type { Dataset } from '../dataset.js';
import { readBytes } from './bytes.js';
import { readerOf, requireFormat } from './formats.js';
import { expandGlob, filesBelow, isGlob } from './glob.js';
import type { ReadOptions } from './options.js';
import type { Origin, ReadDocument } from './read.js';
import { compressionOf, unpack } from './unpack.js';

/**
 * What to read: a data set by name (`shakespeare`), a file, a folder, a glob (`corpus/*.jsonl.gz`), several of them, or the
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
}

/** The names in a source, in order, each once. */
export function namesOf(source: Source): readonly string[] {
  if (typeof source === 'string') return [source];
  if (!('shares' in source)) return [...new Set(source)];
  return Object.entries(source.shares).flatMap(([name, share]) => (share > 0 ? [name] : []));
}

/**
 * The files of a source, each once, in the order of its names.
 *
 * @throws TrainbookError for a name that is no data set, file or folder, and a folder or glob without files.
 */
export async function listInputs(source: Source): Promise<readonly Input[]> {
  const inputs: Input[] = [];
  const seen = new Set<string>();
  for (const name of namesOf(source)) {
    const dataset = await findDataset(name);
    if (dataset !== undefined) {
      const { card } = dataset;
      const origin = { source: card.name, domain: card.domain ?? card.name, language: card.language };
      for (const { file, bytes } of card.files) inputs.push({ path: file, bytes, origin, dataset });
      continue;
    }
    for (const path of await filesOf(name)) {
      if (seen.has(resolve(path))) continue;
      seen.add(resolve(path));
      const slashed = path.replaceAll('\\', '/');
      const { size } = await stat(path);
      inputs.push({ path, bytes: size, origin: { source: slashed, domain: slashed } });
    }
  }
  return inputs;
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
export async function* readInput(input: Input, options: ReadOptions = {}): AsyncGenerator<ReadDocument, undefined> {
  const { path, origin, dataset } = input;
  const disk = dataset === undefined ? path : join(dataset.folder, path);
  const { compression } = compressionOf(path);
  const format = options.format ?? requireFormat(path);
  const read = await readerOf(format);
  const packed = dataset === undefined ? readBytes(disk) : checkedBytes(dataset, path);
  // Parquet is read by ranges: its hash is looked at before.
  if (format === 'parquet' && dataset !== undefined) for await (const chunk of packed) void chunk;
  const bytes = compression === undefined ? packed : unpack(packed, compression, path);
  let row = 0;
  try {
    for await (const documents of read({ disk, path, origin, options, bytes })) {
      for (const found of documents) {
        row = found.place.row;
        yield found;
      }
    }
  } catch (cause) {
    if (options.onBadRow !== 'reject' || dataset !== undefined || !(cause instanceof TrainbookError)) throw cause;
    const [what] = cause.message.split('\n');
    yield {
      document: { id: hash(`${path}:${row}`), text: '', ...origin },
      verdict: { drop: 'file damaged', evidence: what ?? '' },
      place: { file: path, row: row + 1 },
    };
  }
}

async function filesOf(name: string): Promise<readonly string[]> {
  const kind = await stat(name).catch(() => undefined);
  if (kind?.isFile() === true) return [name];
  const files = kind?.isDirectory() === true ? await filesBelow(name) : isGlob(name) ? await expandGlob(name) : [];
  if (files.length > 0) return files;
  throw new TrainbookError({
    what: kind?.isDirectory() === true ? 'load: the folder has no files' : 'load: no such data set, file or folder',
    received: name,
    expected: `a path, a glob, or one of the data sets ${(await datasetNamesOf('documents')).join(', ')}`,
    fix: `check the spelling; paths start at ${process.cwd()}`,
  });
}
