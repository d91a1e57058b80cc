// LZ4 frames (lz4_Frame_format.md 1.6.4): a magic number, flags, blocks of literals and copies, an end mark. Arrow's batches are packed so.

const MAGIC = 0x184d2204;

/** The contents of an LZ4 frame. @throws Error if it is damaged or ends too early. */
export function unpackLz4(frame: Uint8Array): Uint8Array {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (bytes.readUInt32LE() !== MAGIC) throw new Error('no LZ4 frame begins here');
  const flags = bytes.readUInt8(4);
  let at = 6 + ((flags & 8) === 0 ? 0 : 8) + ((flags & 1) === 0 ? 0 : 4) + 1;
  const blockChecksum = (flags & 16) === 0 ? 0 : 4;
  const out = new Growing();
  for (;;) {
    const size = bytes.readUInt32LE(at);
    at += 4;
    if (size === 0) return out.bytes();
    const length = size & 0x7fffffff;
    if (at + length > bytes.length) throw new Error('it ends inside of a block');
    const block = bytes.subarray(at, at + length);
    if (size >>> 31 === 1) out.append(block);
    else unpackBlock(block, out);
    at += length + blockChecksum;
  }
}

/** The contents of a single LZ4 block, without a frame. @throws Error if it is damaged. */
export function unpackLz4Block(block: Uint8Array): Uint8Array {
  const out = new Growing();
  unpackBlock(Buffer.from(block.buffer, block.byteOffset, block.byteLength), out);
  return out.bytes();
}

/** Bytes that grow; blocks may copy from those before them. */
class Growing {
  private held = new Uint8Array(262_144);
  private length = 0;

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.held.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Copies from what was written `back` bytes ago; it may overlap what it writes. */
  copy(back: number, count: number): void {
    if (back === 0 || back > this.length) throw new Error('a block is damaged');
    this.reserve(count);
    const { held, length } = this;
    if (back >= count) held.copyWithin(length, length - back, length - back + count);
    else for (let at = length; at < length + count; at++) held[at] = held[at - back] ?? 0;
    this.length += count;
  }

  bytes(): Uint8Array {
    return this.held.subarray(0, this.length);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.held.length) return;
    const larger = new Uint8Array(Math.max(this.length + count, 2 * this.held.length));
    larger.set(this.bytes());
    this.held = larger;
  }
}

function unpackBlock(block: Buffer, out: Growing): void {
  let at = 0;
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble !== 15) return sum;
    for (;;) {
      const byte = block.readUInt8(at++);
      sum += byte;
      if (byte < 255) return sum;
    }
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const numLiterals = length(token >> 4);
    if (at + numLiterals > block.length) throw new Error('a block is damaged');
    out.append(block.subarray(at, at + numLiterals));
    at += numLiterals;
    if (at >= block.length) return; // the last sequence has literals alone
    const back = block.readUInt16LE(at);
    at += 2;
    out.copy(back, length(token & 15) + 4);
  }
}
