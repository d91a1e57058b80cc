import { Readable } from 'node:stream';
import { RandomAccessReader, fromRandomAccessReader } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { readBytes } from './byte-source.js';
import type { ByteSource } from './byte-source.js';

/** Where an entry's bytes lie in the archive. */
export interface StoredEntry {
  readonly position: number;
  readonly size: number;
}

/** An archive with more entries than this is no model. */
const mostEntries = 1_000_000;

/**
 * The entries of a zip archive by name. `torch.save` stores them uncompressed, so that each can be read by position; others
 * are refused, and with them all archives that would swell. The checksums are not looked at: `torch.save` may be told to
 * write none (`set_crc32_options`).
 *
 * @throws Error, of this function or of yauzl, where the archive is damaged, has a compressed or encrypted entry, a name
 * twice, or entries that overlap.
 */
export async function zipDirectory(source: ByteSource): Promise<ReadonlyMap<string, StoredEntry>> {
  const reader = new SourceReader(source);
  const entries = await new Promise<Map<string, StoredEntry>>((resolve, reject) => {
    reader.fail = reject;
    fromRandomAccessReader(reader, source.size, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error === null) readEntries(zip, resolve, reject);
      else reject(error);
    });
  });
  let end = 0;
  for (const [name, { position, size }] of [...entries].sort(([, a], [, b]) => a.position - b.position)) {
    if (position < end) throw new Error(`the entry ${name} overlaps the one before it`);
    end = position + size;
  }
  return entries;
}

function readEntries(
  zip: ZipFile,
  resolve: (entries: Map<string, StoredEntry>) => void,
  reject: (error: Error) => void,
): void {
  const entries = new Map<string, StoredEntry>();
  zip.on('error', reject);
  zip.on('end', () => {
    resolve(entries);
  });
  zip.on('entry', (entry: Entry) => {
    const { fileName: name, compressedSize: size } = entry;
    const problem = entryProblem(entry, entries);
    if (problem !== undefined) {
      reject(new Error(problem));
      return;
    }
    zip.readLocalFileHeader(entry, { minimal: true }, (error, header) => {
      if (error !== null) {
        reject(error);
        return;
      }
      entries.set(name, { position: header.fileDataStart, size });
      zip.readEntry();
    });
  });
  zip.readEntry();
}

function entryProblem(entry: Entry, entries: ReadonlyMap<string, StoredEntry>): string | undefined {
  const { fileName: name } = entry;
  if (entries.has(name)) return `the entry ${name} is there twice`;
  if (entries.size >= mostEntries) return `it has more than ${mostEntries} entries`;
  if (entry.isEncrypted()) return `the entry ${name} is encrypted`;
  if (entry.compressionMethod !== 0) return `the entry ${name} is compressed`;
  return undefined;
}

/** yauzl's interface to what it reads. An error that a callback of its throws becomes the whole reading's. */
class SourceReader extends RandomAccessReader {
  fail: (error: Error) => void = () => undefined;
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const finish = (error: Error | null): void => {
      try {
        callback(error);
      } catch (thrown) {
        this.fail(thrown as Error);
      }
    };
    this.#source.readInto(buffer.subarray(offset, offset + length), position).then(
      () => {
        finish(null);
      },
      (error: unknown) => {
        finish(error as Error);
      },
    );
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from([readBytes(this.#source, start, end - start)]);
  }
}
