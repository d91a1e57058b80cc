import { float16ToFloat32, float32ToFloat16 } from './half.js';

/*
 * How llama.cpp packs weights: blocks of 32 or 256 elements along the last axis, small integers q with scales that they
 * share. `d` and `m` are float16; results are rounded to float32 after each operation, as in the reference (gguf-py).
 */

/** A packed type: elements and bytes of a block, and the numbers that blocks stand for. */
export interface BlockType {
  readonly blockElements: number;
  readonly blockBytes: number;
  /** `out[i]` for all blocks of `bytes`. */
  readonly dequantise: (bytes: Uint8Array, out: Float32Array) => void;
}

/** All words of float16 as numbers: a scale is looked up. */
let halves: Float32Array | undefined;

function scales(): (bytes: Uint8Array, at: number) => number {
  const table = (halves ??= float16ToFloat32(Uint16Array.from({ length: 1 << 16 }, (_, word) => word)));
  return (bytes, at) => table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

const byte = (bytes: Uint8Array, at: number): number => bytes[at] as number;

/** x[i] = d · q[i]. Block of 32: d, 32 × int8. */
function dequantiseQ8(bytes: Uint8Array, out: Float32Array): void {
  const scale = scales();
  let to = 0;
  for (let at = 0; at < bytes.length; at += 34) {
    const d = scale(bytes, at);
    for (let i = 2; i < 34; i++) out[to++] = d * ((byte(bytes, at + i) << 24) >> 24);
  }
}

/** x[i] = d · (q[i] − 8). Block of 32: d, 16 bytes: the lower four bits are q[0…15], the upper four q[16…31]. */
function dequantiseQ4Symmetric(bytes: Uint8Array, out: Float32Array): void {
  const scale = scales();
  let to = 0;
  for (let at = 0; at < bytes.length; at += 18, to += 32) {
    const d = scale(bytes, at);
    for (let i = 0; i < 16; i++) {
      const pair = byte(bytes, at + 2 + i);
      out[to + i] = d * ((pair & 15) - 8);
      out[to + 16 + i] = d * ((pair >> 4) - 8);
    }
  }
}

/** x[i] = d · q[i] + m. Block of 32: d, m, 16 bytes as above. */
function dequantiseQ4Affine(bytes: Uint8Array, out: Float32Array): void {
  const scale = scales();
  let to = 0;
  for (let at = 0; at < bytes.length; at += 20, to += 32) {
    const d = scale(bytes, at);
    const m = scale(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = byte(bytes, at + 4 + i);
      out[to + i] = Math.fround(d * (pair & 15)) + m;
      out[to + 16 + i] = Math.fround(d * (pair >> 4)) + m;
    }
  }
}

/**
 * x[i] = d · s[j] · q[i] − dmin · m[j], j = ⌊i/32⌋. Block of 256: d, dmin, 12 bytes with eight six-bit pairs (s, m), 128
 * bytes of q: of each 32 bytes the lower four bits are one run of 32, the upper four the next.
 *
 * The pairs: bytes 0…3 have s[0…3], bytes 4…7 m[0…3] in their lower six bits; bytes 8…11 have the lower four bits of
 * s[4…7] (below) and m[4…7] (above), whose upper two bits are the upper two of bytes 0…3 and 4…7.
 */
function dequantiseQ4K(bytes: Uint8Array, out: Float32Array): void {
  const scale = scales();
  let to = 0;
  for (let at = 0; at < bytes.length; at += 144) {
    const d = scale(bytes, at);
    const dmin = scale(bytes, at + 2);
    const packed = at + 4;
    for (let j = 0; j < 8; j++, to += 32) {
      const low = j & 3;
      const first = byte(bytes, packed + low);
      const second = byte(bytes, packed + 4 + low);
      const third = byte(bytes, packed + 8 + low);
      const s = j < 4 ? first & 63 : (third & 15) | ((first >> 6) << 4);
      const m = j < 4 ? second & 63 : (third >> 4) | ((second >> 6) << 4);
      const factor = Math.fround(d * s);
      const offset = Math.fround(dmin * m);
      const from = at + 16 + 32 * (j >> 1);
      const shift = 4 * (j & 1);
      for (let i = 0; i < 32; i++) out[to + i] = Math.fround(factor * ((byte(bytes, from + i) >> shift) & 15)) - offset;
    }
  }
}

/**
 * x[i] = d · s[⌊i/16⌋] · (q[i] − 32). Block of 256: 128 bytes with the lower four bits of q, 64 with the upper two, 16 × int8
 * s, d. Of each half (128 elements, runs r = 0…3 of 32): byte i + 32·(r mod 2) of its 64 lower bytes has in its lower (r < 2)
 * or upper four bits the lower part of q[32r + i]; bits 2r and 2r + 1 of byte i of its 32 upper bytes are the upper part.
 */
function dequantiseQ6K(bytes: Uint8Array, out: Float32Array): void {
  const scale = scales();
  let to = 0;
  for (let at = 0; at < bytes.length; at += 210) {
    const d = scale(bytes, at + 208);
    for (let run = 0; run < 8; run++, to += 32) {
      const r = run & 3;
      const lower = at + 64 * (run >> 2) + 32 * (r & 1);
      const upper = at + 128 + 32 * (run >> 2);
      const shift = r < 2 ? 0 : 4;
      for (let part = 0; part < 2; part++) {
        const factor = Math.fround(d * ((byte(bytes, at + 192 + 2 * run + part) << 24) >> 24));
        for (let i = 16 * part; i < 16 * part + 16; i++) {
          const q = ((byte(bytes, lower + i) >> shift) & 15) | (((byte(bytes, upper + i) >> (2 * r)) & 3) << 4);
          out[to + i] = factor * (q - 32);
        }
      }
    }
  }
}

/** The packed types that are read. */
export const blockTypes = {
  Q4_0: { blockElements: 32, blockBytes: 18, dequantise: dequantiseQ4Symmetric },
  Q4_1: { blockElements: 32, blockBytes: 20, dequantise: dequantiseQ4Affine },
  Q8_0: { blockElements: 32, blockBytes: 34, dequantise: dequantiseQ8 },
  Q4_K: { blockElements: 256, blockBytes: 144, dequantise: dequantiseQ4K },
  Q6_K: { blockElements: 256, blockBytes: 210, dequantise: dequantiseQ6K },
} as const satisfies Readonly<Record<string, BlockType>>;

/**
 * The numbers of packed blocks.
 *
 * @example
 * dequantise(blockTypes.Q8_0, bytes); // Float32Array of 32 for each 34 bytes
 */
export function dequantise(type: BlockType, bytes: Uint8Array): Float32Array {
  const out = new Float32Array((bytes.length / type.blockBytes) * type.blockElements);
  type.dequantise(bytes, out);
  return out;
}

/**
 * Numbers in blocks of 32 as llama.cpp packs them: d = max |x| / 127, q = x / d to the nearest integer, halves away from zero. What is
 * read back differs from x by half of d at most, and by what float16 takes from d.
 *
 * @param values Rows of whole blocks, one after another.
 * @example
 * quantiseQ8(new Float32Array(64)).length; // 68
 */
export function quantiseQ8(values: Float32Array): Uint8Array {
  const { blockElements: size, blockBytes } = blockTypes.Q8_0;
  const numBlocks = values.length / size;
  const bytes = new Uint8Array(numBlocks * blockBytes);
  const scale = new Float32Array(numBlocks);
  for (let block = 0, from = 0, to = 0; block < numBlocks; block++, from += size, to += blockBytes) {
    let most = 0;
    for (let index = 0; index < size; index++) most = Math.max(most, Math.abs(values[from + index] as number));
    const d = Math.fround(most / 127);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    scale[block] = d;
    for (let index = 0; index < size; index++) {
      const x = Math.fround((values[from + index] as number) * inverse);
      bytes[to + 2 + index] = x < 0 ? Math.ceil(x - 0.5) : Math.floor(x + 0.5); // as int8
    }
  }
  float32ToFloat16(scale).forEach((word, block) => {
    bytes[block * blockBytes] = word & 0xff;
    bytes[block * blockBytes + 1] = word >> 8;
  });
  return bytes;
}
