import { Readable } from 'node:stream';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { TrainbookError } from '../../error.js';

export type WriteCompression = 'gzip' | 'zstd' | 'none';

/** What Node 22.15 and later have in `node:zlib`. */
interface ZstdZlib {
  readonly createZstdCompress: () => Transform;
  readonly zstdCompressSync: (bytes: Uint8Array) => Buffer;
}

/** @throws TrainbookError on a Node that cannot compress by zstd. */
export function zstdOfNode(): ZstdZlib {
  if ('createZstdCompress' in zlib) return zlib as unknown as ZstdZlib;
  throw new TrainbookError({
    what: 'writeDocuments: this Node cannot write zstd',
    received: `Node ${process.versions.node}`,
    expected: 'Node 22.15 or later (any reads it)',
    fix: "use { compression: 'gzip' }, or a later Node",
  });
}

/** Bytes as they are packed on the way. */
export async function* packed(
  bytes: AsyncIterable<Uint8Array>,
  compression: WriteCompression,
): AsyncGenerator<Uint8Array, void> {
  if (compression === 'none') {
    yield* bytes;
    return;
  }
  const stream = compression === 'gzip' ? zlib.createGzip() : zstdOfNode().createZstdCompress();
  const feeding = pipeline(Readable.from(bytes, { objectMode: true, highWaterMark: 1 }), stream);
  feeding.catch(() => undefined); // told by the loop
  yield* stream as AsyncIterable<Uint8Array>;
  await feeding;
}
