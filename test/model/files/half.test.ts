import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../../src/model/files/half.js';
import { expected } from './expected.js';

const words = Uint16Array.from({ length: 1 << 16 }, (_, word) => word);
const isNaN16 = (word: number): boolean => (word & 0x7fff) > 0x7c00;

/** The definition: (−1)^s · 2^(e−15) · (1 + m/1024), or 2⁻¹⁴ · m/1024. */
function defined(word: number): number {
  const sign = word >> 15 === 1 ? -1 : 1;
  const exponent = (word >> 10) & 31;
  const mantissa = (word & 1023) / 1024;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? 2 ** -14 * mantissa : 2 ** (exponent - 15) * (1 + mantissa));
}

describe('float16', () => {
  it('is its definition, for all words, and to the bit what PyTorch makes of them', () => {
    const numbers = float16ToFloat32(words);
    for (const word of words)
      if (!Object.is(numbers[word], defined(word))) expect([word, numbers[word]]).toBe(defined(word));
    const finite = float16ToFloat32(words.filter((word) => !isNaN16(word)));
    expect(createHash('sha256').update(new Uint8Array(finite.buffer)).digest('hex')).toBe(expected.halves.float16Words);
  });

  it('comes back from float32, and all between two words goes to the nearer, halfway to the even one', () => {
    const back = float32ToFloat16(float16ToFloat32(words));
    for (const word of words) {
      if (isNaN16(word)) expect(isNaN16(back[word] ?? 0) && (back[word] ?? 0) >> 15 === word >> 15).toBe(true);
      else if (back[word] !== word) expect([word, back[word]]).toBe(word);
    }
    // All positive finite words and the ones above them; above the largest, 65,504, a word 65,536 would come: infinity.
    for (let word = 0; word < 0x7c00; word++) {
      const above = word + 1 === 0x7c00 ? 65536 : defined(word + 1);
      const middle = (defined(word) + above) / 2; // exact in float32
      const step = 2 ** (Math.floor(Math.log2(middle)) - 23);
      const even = word % 2 === 0 ? word : word + 1;
      const got = [...float32ToFloat16(Float32Array.of(middle - step, middle, middle + step, -middle))];
      const wanted = [word, even, word + 1, even | 0x8000];
      if (got.join() !== wanted.join()) expect([word, ...got]).toEqual(wanted);
    }
  });

  it('rounds as PyTorch does', () => {
    expect([...float32ToFloat16(Float32Array.from(expected.halves.numbers))]).toEqual(expected.halves.float16);
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float32 and comes back; halfway goes to the even one', () => {
    const numbers = bfloat16ToFloat32(words);
    const bits = new Uint32Array(numbers.buffer);
    const back = float32ToBfloat16(numbers);
    for (const word of words) {
      const isNaN = (word & 0x7fff) > 0x7f80;
      if (bits[word] !== word * 65536) expect([word, bits[word]]).toBe(word);
      if (back[word] !== (isNaN ? word | 0x40 : word)) expect([word, back[word]]).toBe(word);
    }
    for (let word = 0; word < 0x7f80; word++) {
      const around = Uint32Array.of(word * 65536 + 0x7fff, word * 65536 + 0x8000, word * 65536 + 0x8001);
      const got = [...float32ToBfloat16(new Float32Array(around.buffer))];
      const wanted = [word, word + (word % 2), word + 1];
      if (got.join() !== wanted.join()) expect([word, ...got]).toEqual(wanted);
    }
  });

  it('keeps a NaN whose payload is all in the lower half', () => {
    const hidden = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    expect([...float32ToBfloat16(hidden)]).toEqual([0x7fc0, 0xffc0]);
    expect([...float32ToFloat16(hidden)]).toEqual([0x7e00, 0xfe00]);
  });

  it('rounds as PyTorch does', () => {
    expect([...float32ToBfloat16(Float32Array.from(expected.halves.numbers))]).toEqual(expected.halves.bfloat16);
  });
});
