import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readJson } from '../files.js';
import { formatNames } from './read/format-names.js';

const text = z.string().min(1);

/** What `ReadOptions` of a data set are the same for whoever reads it. */
const readingSchema = z.strictObject({
  format: z.enum(formatNames).optional(),
  fields: z
    .strictObject({ text: text.optional(), title: text.optional(), domain: text.optional(), language: text.optional() })
    .optional(),
  meta: z.array(text).optional(),
  delimiter: z.string().length(1).optional(),
  columnNames: z.array(text).optional(),
  encoding: text.optional(),
});

/**
 * The card of a data set: what it is, where it comes from, who may use it how, and the hash of each file.
 *
 * @example
 * { name: 'brown', title: 'Brown corpus, a sample of 15 genres', source: 'W. N. Francis and H. Kučera …', licence: '…',
 *   language: 'en', rows: 223, bytes: 2639804, files: [{ file: 'samples.jsonl.gz', bytes: 1009420, sha256: '9a9e…' }],
 *   fields: { text: 'the sample; one sentence a line' }, example: { text: 'The Fulton County Grand Jury said …' } }
 */
export const cardSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9_]+$/),
  title: text,
  description: text,
  source: text,
  licence: text,
  /** BCP 47; several as a list, the most frequent first; `und` where it is not known. */
  language: z.union([text, z.array(text).min(2)]),
  /** The domain of rows that do not say their own; the name where absent. */
  domain: text.optional(),
  rows: z.int().positive(),
  /** Of the texts, unpacked. */
  bytes: z.int().positive(),
  files: z
    .array(
      z.strictObject({
        file: text,
        bytes: z.int().positive(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        rows: z.int().nonnegative().optional(),
      }),
    )
    .min(1),
  /** How its files are read, where that is not as their names and fields say. */
  reading: readingSchema.optional(),
  /** Of labelled images: the names of the classes, in the order in which labels number them. */
  classes: z.array(text).min(2).optional(),
  /** What each field of a row holds. */
  fields: z.record(text, text),
  /** One row, texts shortened. */
  example: z.record(text, z.json()),
});

export type Card = z.infer<typeof cardSchema>;

/** A data set that lies in `folder`. */
export interface Dataset {
  readonly card: Card;
  readonly folder: string;
}

/** The names of the data sets that come with the package, in order. */
export async function datasetNames(): Promise<readonly string[]> {
  const entries = await readdir(datasetsFolder(), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && existsSync(join(datasetsFolder(), entry.name, 'card.json')))
    .map(({ name }) => name)
    .sort();
}

/** Whether a data set is a table. */
export function holdsTable({ files }: Card): boolean {
  return files.some(({ file }) => /\.[ct]sv(\.gz)?$/iu.test(file));
}

/** What a data set holds. */
export type DatasetKind = 'documents' | 'table' | 'images';

function kindOf(card: Card): DatasetKind {
  if (holdsTable(card)) return 'table';
  return card.classes === undefined ? 'documents' : 'images';
}

/** The names of the data sets that are tables, of those that have documents, or of those that have images. */
export async function datasetNamesOf(kind: DatasetKind): Promise<readonly string[]> {
  const found = await Promise.all((await datasetNames()).map(findDataset));
  return found.flatMap((dataset) =>
    dataset !== undefined && kindOf(dataset.card) === kind ? [dataset.card.name] : [],
  );
}

/** The data set of that name, its card checked; undefined if there is none. */
export async function findDataset(name: string): Promise<Dataset | undefined> {
  if (!/^[a-z0-9_]+$/.test(name)) return undefined;
  return datasetAt(join(datasetsFolder(), name));
}

/** The data set whose card lies in that folder; undefined if none does. */
export async function datasetAt(folder: string): Promise<Dataset | undefined> {
  const path = join(folder, cardFile);
  if (!existsSync(path)) return undefined;
  return { card: parseCard(await readJson(path), path), folder };
}

/** The name of the file that a card lies in. */
export const cardFile = 'card.json';

/** The language of all documents of a data set, if they have one. */
export function languageOf({ language }: Card): string | undefined {
  return typeof language === 'string' && language !== 'und' ? language : undefined;
}

/** @throws TrainbookError that names the file and the field that is wrong. */
export function parseCard(value: unknown, path: string): Card {
  const card = cardSchema.safeParse(value);
  if (card.success) return card.data;
  throw new TrainbookError({
    what: `${path} is not the card of a data set`,
    received: z.prettifyError(card.error),
    expected: 'name, title, description, source, licence, language, rows, bytes, files, fields, example',
  });
}

/**
 * The bytes of a file of a data set.
 *
 * @throws TrainbookError if they do not have the hash that the card states: the file was changed or cut.
 */
export async function readDatasetFile(dataset: Dataset, file: Card['files'][number]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of checkedBytes(dataset, file.file)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The bytes of a file of a data set, as a stream.
 *
 * @throws TrainbookError at their end if they do not have the hash that the card states: the file was changed or cut.
 */
export async function* checkedBytes({ card, folder }: Dataset, name: string): AsyncGenerator<Buffer, undefined> {
  const path = join(folder, name);
  const sha = createHash('sha256');
  let numBytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 }) as AsyncIterable<Buffer>) {
      sha.update(chunk);
      numBytes += chunk.length;
      yield chunk;
    }
  } catch (cause) {
    throw new TrainbookError({
      what: `cannot read a file of the data set ${card.name}`,
      received: path,
      fix: mending(folder),
      cause,
    });
  }
  const sha256 = sha.digest('hex');
  const file = card.files.find((one) => one.file === name);
  if (sha256 !== file?.sha256) {
    throw new TrainbookError({
      what: `${path} ${NOT_DESCRIBED} ${card.name} describes`,
      received: `${numBytes} bytes with SHA-256 ${sha256}`,
      expected: file === undefined ? 'a file of its list' : `${file.bytes} bytes with SHA-256 ${file.sha256}`,
      fix: `${mending(folder)}, or load the changed file by its path`,
    });
  }
}

/** The words by which an error says that a file was changed. */
export const NOT_DESCRIBED = 'is not the file that the card of';

function mending(folder: string): string {
  return dirname(folder) === datasetsFolder()
    ? 'install trainbook again'
    : 'copy the file again, make the card anew (describeFolder)';
}

/** `datasets/` of the package, from `src/` and from `dist/` alike: beside the nearest package.json that is named trainbook. */
export function datasetsFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let at = here; ; at = dirname(at)) {
    const manifest = join(at, 'package.json');
    if (existsSync(manifest) && packageName(manifest) === 'trainbook') return join(at, 'datasets');
    if (dirname(at) === at) throw new Error(`no package.json of trainbook above ${here}`);
  }
}

function packageName(manifest: string): unknown {
  const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return typeof content === 'object' && content !== null && 'name' in content ? content.name : undefined;
}
