/**
 * Philox 4x32-10, a counter-based generator: block(key, counter) is a keyed bijection of 128 bits, ten rounds of
 *
 *   (c0, c1, c2, c3) ← (hi(M1·c2) ⊕ c1 ⊕ k0, lo(M1·c2), hi(M0·c0) ⊕ c3 ⊕ k1, lo(M0·c0)),   k ← k + (W0, W1).
 *
 * There is no state: word 4i + j of a stream is word j of the block at counter start + i, so any part of a stream can be
 * computed alone and in any order. Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9; // golden ratio
const W1 = 0xbb67ae85; // √3 − 1
const M0_HIGH = M0 >>> 16;
const M0_LOW = M0 & 0xffff;
const M1_HIGH = M1 >>> 16;
const M1_LOW = M1 & 0xffff;
const ROUNDS = 10;

export type Words2 = readonly [number, number]; // uint32 each, low word first
export type Words4 = readonly [number, number, number, number]; // uint32 each, low word first

/**
 * The first `count` words of the stream that starts at `counter`. Equal bit for bit to TensorFlow's
 * `StatelessRandomUniformFullIntV2` with `alg = 1`, `key = words[0] + 2³²·words[1]` and `counter` as two uint64.
 *
 * @example
 * philox([0, 0], [0, 0, 0, 0], 4); // Uint32Array [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]
 */
export function philox(key: Words2, counter: Words4, count: number): Uint32Array {
  const words = new Uint32Array(count);
  let [start0, start1, start2, start3] = counter;
  for (let offset = 0; offset < count; offset += 4) {
    let c0 = start0 | 0;
    let c1 = start1 | 0;
    let c2 = start2 | 0;
    let c3 = start3 | 0;
    let k0 = key[0] | 0;
    let k1 = key[1] | 0;
    for (let round = 0; round < ROUNDS; round++) {
      // hi(M·c) exactly in doubles: both partial products are below 2⁴⁸.
      const u0 = c0 >>> 0;
      const u2 = c2 >>> 0;
      const high0 = ((u0 * M0_HIGH + Math.floor((u0 * M0_LOW) / 0x10000)) / 0x10000) | 0;
      const high1 = ((u2 * M1_HIGH + Math.floor((u2 * M1_LOW) / 0x10000)) / 0x10000) | 0;
      const low0 = Math.imul(c0, M0);
      const low1 = Math.imul(c2, M1);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 = (k0 + W0) | 0;
      k1 = (k1 + W1) | 0;
    }
    // Writes past the end of a typed array are ignored: the last block may be used in part.
    words[offset] = c0;
    words[offset + 1] = c1;
    words[offset + 2] = c2;
    words[offset + 3] = c3;
    start0 = (start0 + 1) >>> 0;
    if (start0 === 0) start1 = (start1 + 1) >>> 0;
    if (start0 === 0 && start1 === 0) start2 = (start2 + 1) >>> 0;
    if (start0 === 0 && start1 === 0 && start2 === 0) start3 = (start3 + 1) >>> 0;
  }
  return words;
}
