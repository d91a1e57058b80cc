import type { Chunks } from './bytes.js';

// bzip2 as its reference program writes it: `BZh9`, then blocks (a magic number, a checksum, a Burrows–Wheeler transform coded by Huffman
// tables), then the end with a checksum of all; streams may follow one another. Blocks begin at any bit.

const BLOCK = 0x314159265359;
const END = 0x177245385090;
/** More than any block of level 1 takes, packed: 100,000 symbols of at most 20 bits, and its tables. */
const packedBytes = 260_000;

/** The contents of bzip2 streams. @throws Error if they are damaged or end too early. */
export async function* bunzip2(packed: Chunks): AsyncGenerator<Buffer, undefined> {
  const bits = new Bits();
  const decoder = new Decoder(bits);
  let isBegun = false;
  for await (const chunk of packed) {
    bits.append(chunk);
    isBegun ||= chunk.length > 0;
    while (bits.numBytes > packedBytes * decoder.level) yield* decoder.next();
  }
  if (!isBegun) throw new Error('it is empty');
  while (!decoder.isAtEnd || bits.numBytes > 0) yield* decoder.next();
}

/** Reads bits, the highest of a byte first. */
class Bits {
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private held = 0;
  private numHeld = 0;

  append(chunk: Buffer): void {
    this.bytes = this.at === this.bytes.length ? chunk : Buffer.concat([this.bytes.subarray(this.at), chunk]);
    this.at = 0;
  }

  /** Whole bytes that are left. */
  get numBytes(): number {
    return this.bytes.length - this.at + (this.numHeld >> 3);
  }

  /** 1 to 24 bits. */
  read(count: number): number {
    this.fill(count);
    this.numHeld -= count;
    return (this.held >>> this.numHeld) & ((1 << count) - 1);
  }

  /** 48 bits. */
  readMagic(): number {
    return this.read(24) * 0x1000000 + this.read(24);
  }

  /** The next 20 bits, as zeros after the end. */
  peek20(): number {
    while (this.numHeld < 20) {
      this.held = (this.held << 8) | (this.bytes[this.at++] ?? 0);
      this.numHeld += 8;
    }
    return (this.held >>> (this.numHeld - 20)) & 0xfffff;
  }

  skip(count: number): void {
    this.numHeld -= count;
    if (this.at - (this.numHeld >> 3) > this.bytes.length) throw new Error('it ends inside of a block');
  }

  /** To the next whole byte. */
  align(): void {
    this.numHeld -= this.numHeld % 8;
  }

  private fill(count: number): void {
    while (this.numHeld < count) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new Error('it ends too early');
      this.held = (this.held << 8) | byte;
      this.numHeld += 8;
    }
  }
}

/** Codes of one table: by their first 10 bits, and for longer ones by the limits of each length. */
interface Codes {
  /** Symbol × 32 + bits, or 0. */
  readonly short: Uint16Array;
  /** The highest code of each length, moved to 20 bits. */
  readonly limits: Int32Array;
  readonly offsets: Int32Array;
  readonly symbols: Uint16Array;
}

class Decoder {
  /** Hundreds of kilobytes of a block; 0 between streams. */
  level = 0;
  private checksum = 0;
  private next32 = new Uint32Array(0);

  constructor(private readonly bits: Bits) {}

  get isAtEnd(): boolean {
    return this.level === 0;
  }

  /** The next block, or nothing where a stream begins or ends. */
  *next(): Generator<Buffer, undefined> {
    const { bits } = this;
    if (this.level === 0) {
      const magic = bits.read(24);
      const level = bits.read(8) - 48;
      if (magic !== 0x425a68 || level < 1 || level > 9) throw new Error('no bzip2 stream begins here');
      this.level = level;
      this.checksum = 0;
      if (this.next32.length < level * 100_000) this.next32 = new Uint32Array(level * 100_000);
      return;
    }
    const magic = bits.readMagic();
    const stated = ((bits.read(16) << 16) | bits.read(16)) >>> 0;
    if (magic === END) {
      if (stated !== this.checksum) throw new Error('the checksum of the stream differs');
      this.level = 0;
      bits.align();
      return;
    }
    if (magic !== BLOCK) throw new Error('no block begins where one should');
    let checksum = 0xffffffff;
    for (const part of this.block()) {
      for (const byte of part) checksum = (checksum << 8) ^ (table[((checksum >>> 24) ^ byte) & 0xff] ?? 0);
      yield part;
    }
    const found = ~checksum >>> 0;
    if (found !== stated) throw new Error('the checksum of a block differs');
    this.checksum = (((this.checksum << 1) | (this.checksum >>> 31)) ^ found) >>> 0;
  }

  private *block(): Generator<Buffer, undefined> {
    const { bits, next32 } = this;
    if (bits.read(1) === 1) throw new Error('it is of a version before 0.9.5');
    const origin = bits.read(24);
    const length = this.symbols();
    if (origin >= length) throw new Error('a block is damaged');
    // The inverse transform: next32 has in its low byte the text sorted, above it where its next character is.
    yield* unrun(next32, length, origin);
  }

  /** Fills `next32` for a block; gives its length. */
  private symbols(): number {
    const { bits, next32, level } = this;
    const largest = level * 100_000;
    const order = usedBytes(bits);
    const numSymbols = order.length + 2;
    const { selectors, tables } = readTables(bits, numSymbols);
    const counts = new Uint32Array(257);
    let length = 0;
    let run = 0;
    let weight = 1;
    let group = 0;
    let left = 0;
    let codes: Codes | undefined;
    for (;;) {
      if (left-- === 0) {
        codes = tables[selectors[group++] ?? 255];
        left = 49;
      }
      if (codes === undefined) throw new Error('a block is damaged');
      const symbol = decode(bits, codes);
      if (symbol < 2) {
        run += weight << symbol;
        weight *= 2;
        if (run > largest) throw new Error('a block is damaged');
        continue;
      }
      if (run > 0) {
        const byte = order[0] ?? 0;
        if (length + run > largest) throw new Error('a block is damaged');
        next32.fill(byte, length, length + run);
        counts[byte + 1] = (counts[byte + 1] ?? 0) + run;
        length += run;
        run = 0;
        weight = 1;
      }
      if (symbol === numSymbols - 1) break;
      if (length >= largest) throw new Error('a block is damaged');
      const byte = order[symbol - 1] ?? 0;
      order.copyWithin(1, 0, symbol - 1);
      order[0] = byte;
      next32[length++] = byte;
      counts[byte + 1] = (counts[byte + 1] ?? 0) + 1;
    }
    for (let byte = 1; byte < 257; byte++) counts[byte] = (counts[byte] ?? 0) + (counts[byte - 1] ?? 0);
    for (let at = 0; at < length; at++) {
      const byte = (next32[at] ?? 0) & 0xff;
      const to = counts[byte] ?? 0;
      counts[byte] = to + 1;
      next32[to] = (next32[to] ?? 0) | (at << 8);
    }
    return length;
  }
}

/** The bytes that occur in a block, in order. */
function usedBytes(bits: Bits): Uint8Array {
  const ranges = bits.read(16);
  const used: number[] = [];
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue;
    const map = bits.read(16);
    for (let one = 0; one < 16; one++) if ((map & (0x8000 >> one)) !== 0) used.push(range * 16 + one);
  }
  if (used.length === 0) throw new Error('a block is damaged');
  return Uint8Array.from(used);
}

function readTables(
  bits: Bits,
  numSymbols: number,
): { readonly selectors: Uint8Array; readonly tables: readonly Codes[] } {
  const numTables = bits.read(3);
  const selectors = new Uint8Array(bits.read(15));
  if (numTables < 2 || numTables > 6 || selectors.length === 0) throw new Error('a block is damaged');
  const recent = Uint8Array.from({ length: numTables }, (_, table) => table);
  for (let at = 0; at < selectors.length; at++) {
    let place = 0;
    while (bits.read(1) === 1) if (++place >= numTables) throw new Error('a block is damaged');
    const table = recent[place] ?? 0;
    recent.copyWithin(1, 0, place);
    recent[0] = table;
    selectors[at] = table;
  }
  const tables = Array.from({ length: numTables }, () => {
    const lengths = new Uint8Array(numSymbols);
    let length = bits.read(5);
    for (let symbol = 0; symbol < numSymbols; symbol++) {
      while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1;
      if (length < 1 || length > 20) throw new Error('a block is damaged');
      lengths[symbol] = length;
    }
    return codesOf(lengths);
  });
  return { selectors, tables };
}

/** Canonical Huffman codes from their lengths. */
function codesOf(lengths: Uint8Array): Codes {
  const symbols = new Uint16Array(lengths.length);
  const limits = new Int32Array(22).fill(-1);
  const offsets = new Int32Array(22);
  const short = new Uint16Array(1024);
  let code = 0;
  let numBefore = 0;
  for (let length = 1; length <= 20; length++) {
    offsets[length] = numBefore - code;
    lengths.forEach((own, symbol) => {
      if (own !== length) return;
      symbols[numBefore++] = symbol;
      if (length <= 10) short.fill(symbol * 32 + length, code << (10 - length), (code + 1) << (10 - length));
      code++;
    });
    limits[length] = (code << (20 - length)) - 1;
    code <<= 1;
  }
  return { short, limits, offsets, symbols };
}

function decode(bits: Bits, { short, limits, offsets, symbols }: Codes): number {
  const ahead = bits.peek20();
  const entry = short[ahead >>> 10] ?? 0;
  if (entry !== 0) {
    bits.skip(entry & 31);
    return entry >>> 5;
  }
  let length = 11;
  while (length <= 20 && ahead > (limits[length] ?? -1)) length++;
  if (length > 20) throw new Error('a block is damaged');
  bits.skip(length);
  return symbols[(ahead >>> (20 - length)) + (offsets[length] ?? 0)] ?? 0;
}

/** Follows the transform, and undoes the first coding: four equal bytes are followed by how many more there are. */
function* unrun(next32: Uint32Array, length: number, origin: number): Generator<Buffer, undefined> {
  let out = Buffer.allocUnsafe(1_048_576);
  let at = 0;
  let place = (next32[origin] ?? 0) >>> 8;
  let last = -1;
  let equal = 0;
  for (let index = 0; index < length; index++) {
    const entry = next32[place] ?? 0;
    const byte = entry & 0xff;
    place = entry >>> 8;
    if (at + 256 > out.length) {
      yield out.subarray(0, at);
      out = Buffer.allocUnsafe(1_048_576);
      at = 0;
    }
    if (equal === 4) {
      out.fill(last, at, at + byte);
      at += byte;
      equal = 0;
      last = -1;
    } else {
      equal = byte === last ? equal + 1 : 1;
      last = byte;
      out[at++] = byte;
    }
  }
  if (at > 0) yield out.subarray(0, at);
}

/** CRC-32, highest bit first. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
  return value;
});
