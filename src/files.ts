import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { TrainbookError } from './error.js';
import type { Summary } from './figure.js';

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * How a kind of value is kept in a folder and read back. It lives beside the type it keeps; `experiment/` lists them all.
 * `write` must be complete: a folder that exists is whole (the store writes beside and renames).
 */
export interface Codec<T> {
  /** The word that stands in `artifact.json`, such as `corpus`. */
  readonly kind: string;
  is(value: unknown): value is T;
  write(value: T, folder: string): Promise<void>;
  read(folder: string): Promise<T>;
  summarise(value: T): Summary;
  /** Gives back what the value holds outside of JavaScript's memory (tensors); values without such need none. May be called twice. */
  dispose?(value: T): void;
}

/** A codec for plain values that a schema describes: one JSON file, named by the kind. */
export function schemaCodec<T>(kind: string, schema: z.ZodType<T>, summarise: Codec<T>['summarise']): Codec<T> {
  const file = `${kind}.json`;
  return {
    kind,
    is: (value): value is T => schema.safeParse(value).success,
    write: (value, folder) => writeAtomic(join(folder, file), `${JSON.stringify(value, undefined, 2)}\n`),
    read: async (folder) => schema.parse(await readJson(join(folder, file))),
    summarise,
  };
}

const readers = new AsyncLocalStorage<(path: string) => void>();

/** Runs `task`; each file or folder that it notes by `noteRead` (also after awaits) is told to `note`. */
export function withReadsNoted<R>(note: (path: string) => void, task: () => R): R {
  return readers.run(note, task);
}

/** To be called by whoever reads an input file, or lists a folder, in a stage: its result then depends on those bytes. */
export function noteRead(path: string): void {
  readers.getStore()?.(path);
}

/** The first 16 bytes of SHA-256 as hexadecimal: 32 characters, the id of contents everywhere in trainbook. */
export function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32);
}

/** The hash of a file's bytes, read as a stream. */
export async function hashFile(path: string): Promise<string> {
  const sha = createHash('sha256');
  await pipeline(createReadStream(path), sha);
  return sha.digest('hex').slice(0, 32);
}

/** JSON with keys in code-point order and no spaces: equal values give equal text, and so equal hashes. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TrainbookError({
      what: 'canonicalJson: JSON has no such number',
      received: value,
      expected: 'a finite number',
    });
  }
  return JSON.stringify(value);
}

/** Writes a file whole, as `replaceAtomic` does, and makes its folder where that is missing. */
export async function writeAtomic(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await replaceAtomic(path, [content]);
}

/**
 * Writes parts, one after another, beside the target, flushes to disk and renames: a reader sees the old file or the whole new
 * one, never a half. Gives the hash of what was written, equal to `hashFile(path)`. The folder must exist.
 */
export async function replaceAtomic(
  path: string,
  parts: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<string> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const sha = createHash('sha256');
  try {
    const file = await open(beside, 'wx');
    try {
      for await (const part of parts) {
        for (const piece of pieces(part)) {
          const writing = file.writeFile(piece);
          sha.update(piece); // while another thread writes
          await writing;
        }
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    throw cause;
  }
  return sha.digest('hex').slice(0, 32);
}

/** Bytes that are hashed at a time: a few milliseconds of the JavaScript thread. */
const pieceBytes = 4_194_304;

function* pieces(part: string | Uint8Array): Generator<Uint8Array> {
  const bytes = typeof part === 'string' ? Buffer.from(part) : part;
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/**
 * Flushes a folder to disk: which files it has, and by which names. Without it a rename may be undone by a loss of power, though the
 * file's bytes are there.
 */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // opens no folders, and flushes renames itself
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Reads a JSON file; a file that is missing or is not JSON gives an error that names it. */
export async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new TrainbookError({ what: `cannot read ${path}`, received: String(cause), expected: 'a JSON file', cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TrainbookError({
      what: `${path} is not JSON`,
      received: String(cause),
      expected: 'a whole JSON value',
      cause,
    });
  }
}
