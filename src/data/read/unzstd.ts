import { Readable } from 'node:stream';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { ByteReader } from './byte-reader.js';
import type { Chunks } from './bytes.js';

// Frames of zstd (RFC 8878) are followed here, and each is unpacked alone: Node's zlib reads the first of a file and drops the rest without
// a word (nodejs/node issue 64741), and fzstd looks at no checksum.

/** A part of a frame. */
interface Unit {
  readonly kind: 'header' | 'block' | 'checksum';
  readonly bytes: Buffer;
  readonly isLast: boolean;
}
type Unpack = (units: AsyncGenerator<Unit, void>) => AsyncGenerator<Buffer, void>;

/** What Node 22.15 and later have in `node:zlib`. */
interface ZstdZlib {
  readonly createZstdDecompress: () => Transform;
}

/** The contents of zstd frames, by Node's own zlib where it can, else by fzstd. @throws Error if they are damaged or end too early. */
export async function* unzstd(packed: Chunks, unpack: Unpack = ownUnpack()): AsyncGenerator<Buffer, void> {
  const reader = new ByteReader(packed);
  for (let count = 0; ; count++) {
    const begin = await reader.take(5);
    if (begin.length === 0 && count > 0) return;
    if (begin.length < 5) throw new Error(begin.length === 0 ? 'it is empty' : CUT);
    const magic = begin.readUInt32LE();
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      // A frame of something else, to be skipped.
      const size = Buffer.concat([begin.subarray(4), await exactly(reader, 3)]).readUInt32LE();
      if ((await reader.skip(size)) < size) throw new Error(CUT);
    } else if (magic === 0xfd2fb528) yield* unpack(frame(reader, begin));
    else throw new Error('no zstd frame begins here');
  }
}

const CUT = 'it ends inside of a frame';

async function* frame(reader: ByteReader, begin: Buffer): AsyncGenerator<Unit, void> {
  const descriptor = begin[4] ?? 0;
  const hasChecksum = (descriptor & 4) !== 0;
  const isSingle = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const content = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const rest = await exactly(reader, (isSingle ? 0 : 1) + dictionary + content);
  yield { kind: 'header', bytes: Buffer.concat([begin, rest]), isLast: false };
  for (let isEnd = false; !isEnd;) {
    const head = await exactly(reader, 3);
    const stated = head.readUIntLE(0, 3);
    isEnd = (stated & 1) === 1;
    const body = await exactly(reader, ((stated >> 1) & 3) === 1 ? 1 : stated >> 3);
    yield { kind: 'block', bytes: Buffer.concat([head, body]), isLast: isEnd && !hasChecksum };
  }
  if (hasChecksum) yield { kind: 'checksum', bytes: await exactly(reader, 4), isLast: true };
}

async function exactly(reader: ByteReader, count: number): Promise<Buffer> {
  const bytes = await reader.take(count);
  if (bytes.length < count) throw new Error(CUT);
  return bytes;
}

function ownUnpack(): Unpack {
  if (!('createZstdDecompress' in zlib)) return byFzstd;
  const { createZstdDecompress } = zlib as unknown as ZstdZlib;
  return (units) => throughStream(units, createZstdDecompress());
}

/** Through a stream of `node:zlib`, which looks at checksums itself. */
export async function* throughStream(
  units: AsyncGenerator<Unit, void>,
  stream: Transform,
): AsyncGenerator<Buffer, void> {
  const bytes = async function* (): AsyncGenerator<Buffer> {
    for await (const unit of units) yield unit.bytes;
  };
  const source = Readable.from(bytes(), { objectMode: true, highWaterMark: 1 });
  source.on('error', (cause) => stream.destroy(cause));
  source.pipe(stream);
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    stream.destroy();
  }
}

async function* byFzstd(units: AsyncGenerator<Unit, void>): AsyncGenerator<Buffer, void> {
  const [{ Decompress }, { createXXHash64 }] = await Promise.all([import('fzstd'), import('hash-wasm')]);
  const hasher = await createXXHash64();
  let out: Buffer[] = [];
  const decompress = new Decompress((part) => {
    if (part.length === 0) return;
    hasher.update(part);
    out.push(Buffer.from(part)); // fzstd goes on to use its own
  });
  for await (const { kind, bytes, isLast } of units) {
    decompress.push(bytes, isLast);
    if (kind === 'checksum' && bytes.readUInt32LE() !== Number.parseInt(hasher.digest('hex').slice(-8), 16)) {
      throw new Error('the checksum of a frame differs');
    }
    yield* out;
    out = [];
  }
}
