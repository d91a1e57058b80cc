import { describe, expect, test } from 'vitest';
import { philox } from '../../src/engine/philox.js';
import type { Words2, Words4 } from '../../src/engine/philox.js';

const F = 0xffffffff;

describe('philox 4x32-10', () => {
  // The known-answer vectors `philox4x32 10` of Random123 (Salmon et al., SC 2011), file tests/kat_vectors.
  test.each<[Words4, Words2, number[]]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [F, F, F, F],
      [F, F],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('known answer for counter %j, key %j', (counter, key, expected) => {
    expect([...philox(key, counter, 4)]).toEqual(expected);
  });

  test('a stream is its blocks at consecutive counters, cut to length', () => {
    const key: Words2 = [123, 456];
    const blocks = [0, 1, 2].flatMap((index) => [...philox(key, [7 + index, 0, 5, 0], 4)]);
    for (const count of [0, 1, 3, 4, 5, 11, 12]) {
      expect([...philox(key, [7, 0, 5, 0], count)]).toEqual(blocks.slice(0, count));
    }
  });

  test('the counter carries through all its words', () => {
    const key: Words2 = [1, 2];
    expect([...philox(key, [F, 8, 9, 1], 8).subarray(4)]).toEqual([...philox(key, [0, 9, 9, 1], 4)]);
    expect([...philox(key, [F, F, 9, 1], 8).subarray(4)]).toEqual([...philox(key, [0, 0, 10, 1], 4)]);
    expect([...philox(key, [F, F, F, 1], 8).subarray(4)]).toEqual([...philox(key, [0, 0, 0, 2], 4)]);
  });
});
