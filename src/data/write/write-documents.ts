import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { syncFolder } from '../../files.js';
import { isCorpus } from '../corpus.js';
import type { Corpus } from '../corpus.js';
import type { Document } from '../document.js';
import { formatOf } from '../read/formats.js';
import { compressionOf } from '../read/unpack.js';
import { writeFormats } from './encoders.js';
import type { WriteFormat } from './encoders.js';
import { packed, zstdOfNode } from './pack.js';
import type { WriteCompression } from './pack.js';

export interface WriteDocumentsOptions {
  /** By default as the ending of the file says; for shards JSON Lines. */
  readonly format?: WriteFormat;
  /** By default as the ending of the file says; for shards of JSON Lines and text gzip. Pages of Parquet are compressed inside. */
  readonly compression?: WriteCompression;
  /** The target is a folder of shards, each of about so many bytes of text, before compression. */
  readonly shardBytes?: number;
  /** What shards are called: `<name>-00000-of-00012.jsonl.gz`. Default: `part`. */
  readonly name?: string;
}

/** A file that was written. */
export interface WrittenFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Writes documents into a file, or into numbered shards in a folder: JSON Lines, Parquet, Arrow IPC or plain text. `load` reads back the same documents,
 * ids and all (of plain text: the texts). Files appear whole or not at all; shards of the same name that were there before are replaced. Memory does not grow
 * with the number of documents.
 *
 * @throws TrainbookError for an ending or format that is not written, a full disk, and a text that plain text cannot hold.
 * @example
 * const corpus = await load('brown').through(normalise());
 * await writeDocuments(corpus, 'clean.jsonl.gz');
 * await writeDocuments(corpus, 'shards/', { format: 'parquet', shardBytes: 256e6 });
 */
export async function writeDocuments(
  documents: Corpus | Iterable<Document> | AsyncIterable<Document>,
  target: string,
  options: WriteDocumentsOptions = {},
): Promise<readonly WrittenFile[]> {
  const plan = await planOf(target, options);
  const source = new Source(isCorpus(documents) ? documents.documents : documents);
  const written: { readonly beside: string; readonly file: Omit<WrittenFile, 'path'> }[] = [];
  try {
    await mkdir(plan.folder, { recursive: true });
    // A file for no documents at all, too.
    while (written.length === 0 || (await source.hasMore())) {
      const beside = join(plan.folder, `.${plan.name}-${written.length}.${randomBytes(6).toString('hex')}.tmp`);
      written.push({ beside, file: { rows: 0, bytes: 0, sha256: '' } });
      written[written.length - 1] = { beside, file: await writeFile(beside, source, plan) };
    }
    const count = String(written.length).padStart(5, '0');
    const files = written.map(({ beside, file }, index) => {
      const shard = plan.shardBytes === undefined ? '' : `-${String(index).padStart(5, '0')}-of-${count}`;
      return { beside, file: { path: join(plan.folder, `${plan.name}${shard}${plan.ending}`), ...file } };
    });
    for (const { beside, file } of files) await rename(beside, file.path);
    if (plan.shardBytes !== undefined) await removeOthers(plan, new Set(files.map(({ file }) => basename(file.path))));
    await syncFolder(plan.folder);
    return files.map(({ file }) => file);
  } catch (cause) {
    await Promise.all(written.map(({ beside }) => rm(beside, { force: true })));
    throw explained(cause, target);
  } finally {
    await source.close();
  }
}

interface Plan {
  readonly folder: string;
  readonly name: string;
  readonly ending: string;
  readonly format: WriteFormat;
  /** Of the pages inside of the file, where the format has such. */
  readonly inside: WriteCompression | undefined;
  /** Of the file as a whole. */
  readonly outside: WriteCompression;
  /** Undefined for a single file. */
  readonly shardBytes: number | undefined;
}

async function planOf(target: string, options: WriteDocumentsOptions): Promise<Plan> {
  const { compression, shardBytes, name = 'part' } = options;
  if (shardBytes !== undefined && !(shardBytes > 0)) {
    throw new TrainbookError({
      what: 'writeDocuments: shardBytes must be positive',
      received: shardBytes,
      expected: 'bytes of text a shard',
    });
  }
  if (compression === 'zstd') zstdOfNode();
  const isFolder =
    shardBytes !== undefined ||
    /[\\/]$/u.test(target) ||
    (await stat(target).catch(() => undefined))?.isDirectory() === true;
  if (!isFolder) return filePlan(target, options);
  const format = checkedFormat(options.format ?? 'jsonl', target);
  const { ending, packsItself } = writeFormats[format];
  const outside = packsItself ? 'none' : (compression ?? (format === 'arrow' ? 'none' : 'gzip'));
  const whole = `${ending}${{ gzip: '.gz', zstd: '.zst', none: '' }[outside]}`;
  return {
    folder: target,
    name,
    ending: whole,
    format,
    inside: compression,
    outside,
    shardBytes: shardBytes ?? Infinity,
  };
}

function filePlan(target: string, options: WriteDocumentsOptions): Plan {
  const { name: unpacked, compression: told } = compressionOf(target);
  const format = checkedFormat(options.format ?? formatOf(target), target);
  const { ending, packsItself } = writeFormats[format];
  if (told === 'bzip2' || (packsItself && told !== undefined)) {
    throw new TrainbookError({
      what: `writeDocuments: ${format} files are not packed so`,
      received: target,
      expected: packsItself ? `a name that ends with ${ending}: its pages are compressed inside` : '.gz or .zst',
    });
  }
  if (told === 'zstd') zstdOfNode();
  return {
    folder: dirname(target),
    name: basename(unpacked),
    ending: target.slice(unpacked.length),
    format,
    inside: options.compression,
    outside: packsItself ? 'none' : (told ?? 'none'),
    shardBytes: undefined,
  };
}

function checkedFormat(format: string | undefined, target: string): WriteFormat {
  if (format !== undefined && Object.hasOwn(writeFormats, format)) return format as WriteFormat;
  throw new TrainbookError({
    what: 'writeDocuments: no such format is written',
    received: format ?? target,
    expected: 'a name that ends with .jsonl, .parquet, .arrow or .txt, or { format }',
  });
}

/** Documents that are taken by one file after another. */
class Source {
  private readonly iterator: Iterator<Document> | AsyncIterator<Document>;
  private ahead: IteratorResult<Document> | undefined;

  constructor(documents: Iterable<Document> | AsyncIterable<Document>) {
    this.iterator =
      Symbol.asyncIterator in documents ? documents[Symbol.asyncIterator]() : documents[Symbol.iterator]();
  }

  async hasMore(): Promise<boolean> {
    this.ahead ??= await this.iterator.next();
    return this.ahead.done !== true;
  }

  async next(): Promise<Document | undefined> {
    const { done, value } = this.ahead ?? (await this.iterator.next());
    this.ahead = undefined;
    return done === true ? undefined : value;
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}

async function writeFile(path: string, source: Source, plan: Plan): Promise<Omit<WrittenFile, 'path'>> {
  let rows = 0;
  const shard = async function* (): AsyncGenerator<Document, void> {
    let numBytes = 0;
    while (rows === 0 || numBytes < (plan.shardBytes ?? Infinity)) {
      const document = await source.next();
      if (document === undefined) return;
      rows++;
      numBytes += Buffer.byteLength(document.text);
      yield document;
    }
  };
  const encode = await writeFormats[plan.format].encoder();
  const encoded = encode(shard(), plan.inside);
  const sha = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx');
  try {
    for await (const part of packed(encoded, plan.outside)) {
      sha.update(part);
      bytes += part.length;
      await file.writeFile(part);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { rows, bytes, sha256: sha.digest('hex') };
}

/** Shards of this name that were there before: with them, documents would be read twice. */
async function removeOthers({ folder, name }: Plan, kept: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(folder)) {
    const isShard = entry.startsWith(`${name}-`) && /^\d{5}-of-\d{5}\./u.test(entry.slice(name.length + 1));
    if (isShard && !kept.has(entry)) await rm(join(folder, entry));
  }
}

const fullDisk = ['ENOSPC', 'EDQUOT', 'EFBIG'];

function explained(cause: unknown, target: string): unknown {
  if (!(cause instanceof Error) || !('code' in cause) || !fullDisk.includes(String(cause.code))) return cause;
  return new TrainbookError({
    what: 'writeDocuments: no space left on the disk, nothing was written',
    received: cause.message,
    expected: `free space at ${target}`,
    fix: 'make room, or write to another disk',
    cause,
  });
}
