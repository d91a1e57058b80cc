/*
 * 16-bit floating-point numbers as words, and float32.
 *
 * float16 (IEEE 754 binary16): 1 sign, 5 exponent, 10 mantissa bits.   0x3c00 = 1, 0x0001 = 2⁻²⁴, 0x7bff = 65504
 * bfloat16: the upper half of a float32: 1 sign, 8 exponent, 7 mantissa. 0x3f80 = 1
 */

/** The float32 bits of each of the 65,536 words of float16; made when first needed (256 KB). */
let float16Table: Uint32Array | undefined;

function makeFloat16Table(): Uint32Array {
  return Uint32Array.from({ length: 1 << 16 }, (_, word) => {
    const sign = (word & 0x8000) << 16;
    const exponent = (word >> 10) & 0x1f;
    const mantissa = word & 0x3ff;
    if (exponent === 0x1f) {
      // A NaN keeps its payload and becomes quiet, as processors make it.
      const quiet = mantissa === 0 ? 0 : 0x400000;
      return (sign | 0x7f800000 | quiet | (mantissa << 13)) >>> 0;
    }
    if (exponent > 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
    if (mantissa === 0) return sign >>> 0;
    // Subnormal: mantissa · 2⁻²⁴, whose highest bit becomes the implicit one.
    const shift = Math.clz32(mantissa) - 21;
    return (sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13)) >>> 0;
  });
}

/**
 * x = (−1)^s · 2^(e−15) · (1 + m/1024), or (−1)^s · 2⁻¹⁴ · m/1024 where e = 0: exact, by a table of all words.
 *
 * @example
 * float16ToFloat32(Uint16Array.of(0x3c00, 0xc000)); // 1, −2
 */
export function float16ToFloat32(words: Uint16Array): Float32Array {
  const table = (float16Table ??= makeFloat16Table());
  const bits = new Uint32Array(words.length);
  for (let index = 0; index < words.length; index++) bits[index] = table[words[index] as number] as number;
  return new Float32Array(bits.buffer);
}

/**
 * x = the float32 whose upper half is the word: exact.
 *
 * @example
 * bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000)); // 1, −2
 */
export function bfloat16ToFloat32(words: Uint16Array): Float32Array {
  const bits = new Uint32Array(words.length);
  for (let index = 0; index < words.length; index++) bits[index] = (words[index] as number) << 16;
  return new Float32Array(bits.buffer);
}

/**
 * The nearest float16; of two equally near the one with an even mantissa. From 65,520 upwards that is infinity; below 2⁻¹⁴
 * the results are subnormal. A NaN stays a NaN (quiet, the upper bits of its payload kept).
 *
 * @example
 * float32ToFloat16(Float32Array.of(1, 1e6)); // 0x3c00, 0x7c00
 */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index] as number;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size > 0x7f800000) {
      words[index] = sign | 0x7e00 | ((size >>> 13) & 0x1ff);
    } else if (size >= 0x477ff000) {
      words[index] = sign | 0x7c00; // 65,520 and above
    } else if (size >= 0x38800000) {
      // Normal: the exponent's bias goes from 127 to 15; a carry out of the mantissa rightly moves the exponent.
      words[index] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    } else if (size > 0x33000000) {
      // Subnormal: the mantissa with its implicit bit, in units of 2⁻²⁴.
      const mantissa = (size & 0x7fffff) | 0x800000;
      const shift = 126 - (size >>> 23);
      words[index] = sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift);
    } else {
      words[index] = sign; // 2⁻²⁵, half of the smallest, and below
    }
  }
  return words;
}

/**
 * The nearest bfloat16; of two equally near the one with an even mantissa. A NaN stays a NaN.
 *
 * @example
 * float32ToBfloat16(Float32Array.of(1, -2)); // 0x3f80, 0xc000
 */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index] as number;
    words[index] =
      (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return words;
}
