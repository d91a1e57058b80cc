import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { TrainbookError } from '../../error.js';

/*
 * PNG (ISO/IEC 15948): a signature, then chunks of length, type, data and CRC-32. IHDR has the sizes; the data of all IDAT together are
 * zlib's; in them each row of pixels begins with the filter that it was written by.
 *
 * 89 50 4e 47 0d 0a 1a 0a   00 00 00 0d 49 48 44 52 …   (IHDR: width, height, bits, colour type, 0, 0, interlaced)
 */

/** One image as a file has it. */
export interface DecodedImage {
  readonly pixels: Uint8Array; // [height, width, channels]
  readonly height: number;
  readonly width: number;
  /** 1 grey, 2 grey and opacity, 3 red, green and blue, 4 with opacity. */
  readonly channels: number;
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Numbers of a pixel in the file, by colour type; 3 is a place in a palette. */
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Decodes a PNG of any colour type with 1 to 8 bits, and of 16 bits by their upper 8. Palettes become colours.
 *
 * @throws TrainbookError if it is damaged, or interlaced.
 * @example
 * const { pixels, height, width, channels } = decodePng(await readFile('shirt.png'));
 */
export function decodePng(bytes: Uint8Array, source = 'the file'): DecodedImage {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!file.subarray(0, 8).equals(signature)) throw refusal(source, 'it has no signature of PNG');
  const chunks = chunksOf(file, source);
  const header = chunks.find(({ type }) => type === 'IHDR')?.data;
  if (header?.length !== 13) throw refusal(source, 'it has no header');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [bits = 0, colour = 0, , , interlaced = 0] = header.subarray(8);
  const samples = samplesOf[colour];
  if (samples === undefined || ![1, 2, 4, 8, 16].includes(bits)) throw refusal(source, 'it has an unknown colour type');
  if (interlaced !== 0)
    throw refusal(source, 'it is interlaced, which is not read here', 'save it without interlacing');
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  let rows: Buffer;
  try {
    rows = inflateSync(packed);
  } catch (cause) {
    throw refusal(source, 'its pixels cannot be unpacked', undefined, cause);
  }
  const rowBytes = Math.ceil((width * samples * bits) / 8);
  if (rows.length !== height * (1 + rowBytes))
    throw refusal(source, 'it has more or fewer pixels than its header says');
  const raw = unfilter(rows, height, rowBytes, Math.max(1, (samples * bits) / 8), source);
  const levels = eightBits(raw, { height, rowBytes, samples: width * samples, bits, scaled: colour !== 3 });
  if (colour !== 3) return { pixels: levels, height, width, channels: samples };
  return withPalette(levels, chunks.find(({ type }) => type === 'PLTE')?.data, { height, width }, source);
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

function chunksOf(file: Buffer, source: string): readonly Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at);
    const end = at + 8 + length;
    if (end + 4 > file.length) throw refusal(source, 'it ends within a chunk');
    if (crc32(file.subarray(at + 4, end)) !== file.readUInt32BE(end)) throw refusal(source, 'a checksum is wrong');
    chunks.push({ type: file.toString('latin1', at + 4, at + 8), data: file.subarray(at + 8, end) });
    at = end + 4;
  }
  if (chunks.at(-1)?.type !== 'IEND') throw refusal(source, 'its end is missing');
  return chunks;
}

/** Undoes the filter of each row: none, or the difference to what is left, above, their mean, or Paeth's choice. */
function unfilter(rows: Buffer, height: number, rowBytes: number, step: number, source: string): Uint8Array {
  const raw = new Uint8Array(height * rowBytes);
  for (let row = 0; row < height; row++) {
    const filter = rows[row * (rowBytes + 1)] ?? 0;
    if (filter > 4) throw refusal(source, `row ${row} has an unknown filter`);
    const [from, to] = [row * (rowBytes + 1) + 1, row * rowBytes];
    for (let at = 0; at < rowBytes; at++) {
      const left = at < step ? 0 : (raw[to + at - step] ?? 0);
      const up = row === 0 ? 0 : (raw[to + at - rowBytes] ?? 0);
      const corner = row === 0 || at < step ? 0 : (raw[to + at - rowBytes - step] ?? 0);
      const guess = [0, left, up, (left + up) >> 1, filter === 4 ? paeth(left, up, corner) : 0][filter] ?? 0;
      raw[to + at] = (rows[from + at] ?? 0) + guess;
    }
  }
  return raw;
}

/** Whichever of the three is nearest to left + up − corner; the first of those that are equally near. */
function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

interface RawRows {
  readonly height: number;
  readonly rowBytes: number;
  /** Numbers of a row. */
  readonly samples: number;
  readonly bits: number;
  /** Whether 2^bits − 1 is full light; places in a palette are not. */
  readonly scaled: boolean;
}

function eightBits(raw: Uint8Array, { height, rowBytes, samples, bits, scaled }: RawRows): Uint8Array {
  if (bits === 8) return raw;
  const levels = new Uint8Array(height * samples);
  const factor = scaled && bits < 8 ? 255 / (2 ** bits - 1) : 1;
  for (let row = 0; row < height; row++) {
    for (let place = 0; place < samples; place++) {
      const first = place * bits;
      const byte = raw[row * rowBytes + (first >> 3)] ?? 0;
      const value = bits === 16 ? byte : (byte >> (8 - bits - (first & 7))) & (2 ** bits - 1);
      levels[row * samples + place] = value * factor;
    }
  }
  return levels;
}

function withPalette(
  places: Uint8Array,
  palette: Buffer | undefined,
  size: { readonly height: number; readonly width: number },
  source: string,
): DecodedImage {
  const pixels = new Uint8Array(places.length * 3);
  places.forEach((place, pixel) => {
    if (palette === undefined || 3 * place + 3 > palette.length)
      throw refusal(source, 'a colour is not in its palette');
    pixels.set(palette.subarray(3 * place, 3 * place + 3), 3 * pixel);
  });
  return { pixels, ...size, channels: 3 };
}

/**
 * An image as PNG, 8 bits a channel.
 *
 * @example
 * await writeFile('shirt.png', encodePng({ pixels, height: 28, width: 28, channels: 1 }));
 */
export function encodePng({ pixels, height, width, channels }: DecodedImage): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, [0, 0, 4, 2, 6][channels] ?? 0], 8);
  const rowBytes = width * channels;
  const rows = Buffer.alloc(height * (rowBytes + 1));
  for (let row = 0; row < height; row++)
    rows.set(pixels.subarray(row * rowBytes, (row + 1) * rowBytes), row * (rowBytes + 1) + 1);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function refusal(source: string, problem: string, fix = 'copy or download it again', cause?: unknown): TrainbookError {
  return new TrainbookError({
    what: `${source} cannot be read as PNG: ${problem}`,
    expected: 'a whole PNG',
    fix,
    cause,
  });
}
