import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { RecordBatch } from 'apache-arrow';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import type { Chunks } from './bytes.js';
import type { FormatReader } from './found.js';
import { jsonValue } from './json-value.js';
import { unpackLz4 } from './lz4.js';
import { wantedColumns } from './parquet.js';
import { rowDocument } from './row.js';
import { compressionOf } from './unpack.js';

const FILE_MAGIC = 'ARROW1';
/** Bytes before the stream in a file: the magic and two of padding. */
const fileHeadBytes = 8;

/**
 * Reads Arrow IPC, files (Feather) and streams, batch by batch. A file is a stream with a list of its batches at the end: it is read as one, so that
 * it may be packed.
 */
export const readArrow: FormatReader = async function* (file) {
  const { RecordBatchReader, compressionRegistry, CompressionType } = await import('apache-arrow');
  compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: unpackLz4 });
  const { decompress } = await import('fzstd');
  compressionRegistry.set(CompressionType.ZSTD, { decode: (bytes) => Uint8Array.from(decompress(bytes)) });
  const source = new Source(file.bytes);
  let row = 0;
  let handle: FileHandle | undefined;
  try {
    let reader = await RecordBatchReader.from(source.stream());
    try {
      await reader.open();
    } catch (cause) {
      // Arrow's own JavaScript writes files that have their schema only at the end: these are read from there.
      if (!source.isFile || compressionOf(file.path).compression !== undefined) throw cause;
      handle = await open(file.disk, 'r');
      reader = await RecordBatchReader.from(handle);
      await reader.open();
    }
    const names = reader.schema?.fields.map(({ name }) => name) ?? [];
    if (source.numBytes === 0)
      throw new TrainbookError({ what: 'load: the file is empty', received: file.path, expected: 'Arrow IPC' });
    const columns = wantedColumns(file, names) ?? names;
    for await (const batch of reader as AsyncIterable<RecordBatch>) {
      const vectors = columns.map((name) => [name, batch.getChild(name)] as const);
      yield Array.from({ length: batch.numRows }, (_, index) => {
        const cells: Record<string, Json> = {};
        for (const [name, vector] of vectors) {
          const cell = jsonValue(vector?.get(index));
          if (cell !== undefined) cells[name] = cell;
        }
        return rowDocument(file, cells, ++row, () => JSON.stringify(cells));
      });
    }
    await source.end();
  } catch (cause) {
    if (cause instanceof TrainbookError) throw cause;
    throw new TrainbookError({
      what: `load: the Arrow file is damaged or cut off after row ${row}`,
      received: `${file.path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a whole Arrow IPC file or stream',
      fix: 'copy or download it again',
      cause,
    });
  } finally {
    await handle?.close().catch(() => undefined); // its reader may have closed it
  }
};

/** The stream in a file or stream, and whether it is there to its end: Arrow's reader takes what is cut between two batches for whole. */
class Source {
  numBytes = 0;
  private tail: Buffer = Buffer.alloc(0);
  isFile = false;
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(chunks: Chunks) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  async *stream(): AsyncGenerator<Uint8Array, void> {
    let head: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await this.next();
      if (chunk === undefined) break;
      head = Buffer.concat([head, chunk]);
      if (head.length >= fileHeadBytes) break;
    }
    this.isFile = head.subarray(0, FILE_MAGIC.length).toString('latin1') === FILE_MAGIC;
    yield this.isFile ? head.subarray(fileHeadBytes) : head;
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk;
  }

  /** Reads what is left, and looks whether the end is one. */
  async end(): Promise<void> {
    while ((await this.next()) !== undefined);
    const isWhole = this.isFile
      ? this.tail.subarray(-FILE_MAGIC.length).toString('latin1') === FILE_MAGIC
      : this.tail.toString('hex') === 'ffffffff00000000';
    if (!isWhole) throw new Error(`the end of the ${this.isFile ? 'file' : 'stream'} is missing`);
  }

  private async next(): Promise<Buffer | undefined> {
    const { done, value } = await this.chunks.next();
    if (done === true) return undefined;
    this.numBytes += value.length;
    this.tail = Buffer.from(value.length >= 8 ? value.subarray(-8) : Buffer.concat([this.tail, value]).subarray(-8));
    return value;
  }
}
