import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { TrainbookError } from '../../error.js';
import { bunzip2 } from './bunzip2.js';
import type { Chunks } from './bytes.js';
import { unzstd } from './unzstd.js';

/** How a file is packed, told by the ending of its name. */
export type Compression = 'gzip' | 'bzip2' | 'zstd';

const endings: readonly (readonly [RegExp, Compression])[] = [
  [/\.gz$/iu, 'gzip'],
  [/\.bz2$/iu, 'bzip2'],
  [/\.zst$/iu, 'zstd'],
];

/** `a.jsonl.gz` → `a.jsonl`, packed by gzip. */
export function compressionOf(path: string): { readonly name: string; readonly compression: Compression | undefined } {
  const found = endings.find(([ending]) => ending.test(path));
  return found === undefined
    ? { name: path, compression: undefined }
    : { name: path.replace(found[0], ''), compression: found[1] };
}

/**
 * The bytes of a file unpacked, as a stream; files of many gzip members, bzip2 streams or zstd frames are read to their end.
 *
 * @throws TrainbookError if they are damaged or end too early.
 */
export async function* unpack(
  packed: Chunks,
  compression: Compression,
  path: string,
): AsyncGenerator<Buffer, undefined> {
  try {
    if (compression === 'gzip') yield* gunzipped(packed);
    else if (compression === 'bzip2') yield* bunzip2(packed);
    else yield* unzstd(packed);
  } catch (cause) {
    if (cause instanceof TrainbookError) throw cause;
    throw new TrainbookError({
      what: `load: the ${compression} file is damaged or cut off`,
      received: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: `a whole ${compression} file`,
      fix: 'copy or download it again',
      cause,
    });
  }
}

/** zlib reads member after member, and takes what follows the last one for padding: other than zeros, it is damage. */
async function* gunzipped(packed: Chunks): AsyncGenerator<Buffer, undefined> {
  let numBytes = 0;
  let last: readonly Buffer[] = [];
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of packed) {
      numBytes += chunk.length;
      last = [...last.slice(-3), chunk]; // zlib and the streams before it hold no more of them
      yield chunk;
    }
  };
  const unzip = createGunzip({ chunkSize: 262_144 });
  const source = Readable.from(counted(), { objectMode: true, highWaterMark: 1 });
  source.on('error', (cause) => unzip.destroy(cause));
  source.pipe(unzip);
  try {
    yield* unzip as AsyncIterable<Buffer>;
    source.unpipe(unzip);
    const tail = Buffer.concat(last);
    const numLeft = numBytes - unzip.bytesWritten;
    if (numLeft > 0 && tail.subarray(-numLeft).some((byte) => byte !== 0)) throw notGzip();
    if (source.readableEnded) return;
    for await (const chunk of source as AsyncIterable<Buffer>) if (chunk.some((byte) => byte !== 0)) throw notGzip();
  } finally {
    source.destroy();
    unzip.destroy();
  }
}

const notGzip = (): Error => new Error('what follows the last member is not gzip');
