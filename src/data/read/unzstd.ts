import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import type { Chunks } from './bytes.js';

/** What Node 22.15 and later have in `node:zlib`. */
interface ZstdZlib {
  readonly createZstdDecompress: () => Transform;
}

/** The contents of zstd frames, by Node's own zlib where it can, else by fzstd. @throws Error if they are damaged or end too early. */
export function unzstd(packed: Chunks): AsyncGenerator<Buffer, void> {
  return 'createZstdDecompress' in zlib ? byZlib(packed, zlib as unknown as ZstdZlib) : byFzstd(packed);
}

async function* byZlib(packed: Chunks, { createZstdDecompress }: ZstdZlib): AsyncGenerator<Buffer, void> {
  const stream = createZstdDecompress();
  const feeding = pipeline(Readable.from(packed, { objectMode: true, highWaterMark: 1 }), stream);
  feeding.catch(() => undefined); // told by the loop
  yield* stream as AsyncIterable<Buffer>;
  await feeding;
}

const MAGIC = 0xfd2fb528;

/** fzstd unpacks, but looks at no checksum: the frames are followed here, so that each one's is compared. */
export async function* byFzstd(packed: Chunks): AsyncGenerator<Buffer, void> {
  const [{ Decompress }, { createXXHash64 }] = await Promise.all([import('fzstd'), import('hash-wasm')]);
  const hasher = await createXXHash64();
  let out: Buffer[] = [];
  const begin = () =>
    new Decompress((part) => {
      if (part.length === 0) return;
      hasher.update(part);
      out.push(Buffer.from(part)); // fzstd goes on to use its own
    });
  let frame = begin();
  let state: 'header' | 'block' | 'checksum' = 'header';
  let hasChecksum = false;
  let numSkipped = 0;
  let pending: Buffer = Buffer.alloc(0);
  let isBegun = false;
  for await (const chunk of packed) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    isBegun ||= chunk.length > 0;
    for (;;) {
      if (numSkipped > 0) {
        const skipped = Math.min(numSkipped, pending.length);
        numSkipped -= skipped;
        pending = pending.subarray(skipped);
        if (numSkipped > 0) break;
      }
      const size = state === 'header' ? headerSize(pending) : state === 'block' ? blockSize(pending) : 4;
      if (size === undefined || pending.length < size) break;
      const unit = pending.subarray(0, size);
      pending = pending.subarray(size);
      if (state === 'header') {
        if (unit.readUInt32LE() !== MAGIC) {
          numSkipped = unit.readUInt32LE(4);
          continue;
        }
        hasChecksum = ((unit[4] ?? 0) & 4) !== 0;
        hasher.init();
        frame = begin();
      }
      if (state !== 'checksum') frame.push(unit);
      if (state === 'header') state = 'block';
      else if (state === 'block' && ((unit[0] ?? 0) & 1) === 1) {
        if (!hasChecksum) frame.push(Buffer.alloc(0), true);
        state = hasChecksum ? 'checksum' : 'header';
      } else if (state === 'checksum') {
        frame.push(unit, true);
        if (unit.readUInt32LE() !== Number.parseInt(hasher.digest('hex').slice(-8), 16)) {
          throw new Error('the checksum of a frame differs');
        }
        state = 'header';
      }
    }
    yield* out;
    out = [];
  }
  if (!isBegun) throw new Error('it is empty');
  if (state !== 'header' || pending.length > 0 || numSkipped > 0) throw new Error('it ends inside of a frame');
}

/** Bytes of the header of the frame that begins here; undefined while too few are there to tell. */
function headerSize(bytes: Buffer): number | undefined {
  if (bytes.length < 5) return undefined;
  const magic = bytes.readUInt32LE();
  if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 8;
  if (magic !== MAGIC) throw new Error('no zstd frame begins here');
  const descriptor = bytes[4] ?? 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const content = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return 5 + (isSingle ? 0 : 1) + dictionary + content;
}

function blockSize(bytes: Buffer): number | undefined {
  if (bytes.length < 3) return undefined;
  const header = bytes.readUIntLE(0, 3);
  return 3 + (((header >> 1) & 3) === 1 ? 1 : header >> 3);
}
