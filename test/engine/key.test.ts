import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TrainbookError } from '../../src/error.js';
import { fold, key, permutation, split, uniformNumbers } from '../../src/engine/key.js';
import { philox } from '../../src/engine/philox.js';

describe('keys', () => {
  test('an integer seed is the key itself, as 64 bits in two’s complement', () => {
    expect(key(0).words).toEqual([0, 0]);
    expect(key(7).words).toEqual([7, 0]);
    expect(key(2 ** 32 + 5).words).toEqual([5, 1]);
    expect(key(Number.MAX_SAFE_INTEGER).words).toEqual([0xffffffff, 0x1fffff]);
    expect(key(-1).words).toEqual([0xffffffff, 0xffffffff]);
    expect(key(-(2 ** 32) - 2).words).toEqual([0xfffffffe, 0xfffffffe]);
  });

  test('a string seed is the first 8 bytes of its SHA-256', () => {
    // printf 'abc' | sha256sum: ba7816bf8f01cfea…
    expect(key('abc').words).toEqual([0xbf1678ba, 0xeacf018f]);
    // printf '种子' | sha256sum
    expect(key('种子').words).not.toEqual(key('種子').words);
  });

  test('a fold is the Philox block at (data, domain)', () => {
    const parent = key(99);
    expect(fold(parent, 3).words).toEqual([...philox(parent.words, [3, 0, 1, 0], 2)]);
    expect(fold(parent, -1).words).toEqual([...philox(parent.words, [0xffffffff, 0xffffffff, 1, 0], 2)]);
    expect(fold(parent, 'abc').words).toEqual([...philox(parent.words, [0xbf1678ba, 0xeacf018f, 2, 0], 2)]);
  });

  test('children, folds by number and string, and draws all differ', () => {
    const parent = key(1);
    const children = [
      ...split(parent, 200),
      ...Array.from({ length: 200 }, (_, index) => fold(parent, index)),
      ...Array.from({ length: 200 }, (_, index) => fold(parent, String(index))),
      { words: [...philox(parent.words, [0, 0, 0, 0], 2)] },
      parent,
    ];
    expect(new Set(children.map((child) => child.words.join())).size).toBe(602);
  });

  test('the first children do not depend on how many are split off', () => {
    expect(split(key(5), 3)).toEqual(split(key(5), 10).slice(0, 3));
    expect(split(key(5), 0)).toEqual([]);
  });

  test('a key survives JSON', () => {
    const child = fold(key('run'), 12);
    expect(JSON.parse(JSON.stringify(child))).toEqual(child);
  });

  test.each([NaN, Infinity, 0.5, 2 ** 53, -(2 ** 53)])('%d is refused as a seed and as fold data', (seed) => {
    expect(() => key(seed)).toThrow(TrainbookError);
    expect(() => fold(key(1), seed)).toThrow(/fold: .*\n {2}received/);
  });
});

describe('permutation', () => {
  test('holds every index once, depends on the key only', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(300), (seed, count) => {
        const order = permutation(key(seed), count);
        expect(order).toEqual(permutation(key(seed), count));
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
    );
  });

  test('all 24 orders of 4 are equally frequent (chi-squared, 23 degrees, p > 0.001)', () => {
    const counts = new Map<string, number>();
    const draws = 24_000;
    for (let draw = 0; draw < draws; draw++) {
      const order = permutation(fold(key('orders'), draw), 4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const expected = draws / 24;
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(49.7);
  });

  test('a long order spans several chunks of the stream', () => {
    const order = permutation(key(3), 200_000);
    expect(new Set(order).size).toBe(200_000);
    // The mean displacement of a uniform permutation is (n² − 1) / 3n; its standard error here is below 0.1 %.
    const displacement = order.reduce((sum, value, index) => sum + Math.abs(value - index), 0) / 200_000;
    expect(displacement / (200_000 / 3)).toBeCloseTo(1, 2);
  });

  test.each([-1, 1.5, 2 ** 32, NaN])('count %d is refused', (count) => {
    expect(() => permutation(key(1), count)).toThrow(TrainbookError);
  });
});

describe('uniformNumbers', () => {
  test('53 bits from two words of the stream', () => {
    const words = philox([5, 0], [0, 0, 0, 0], 2);
    // In exact integers: the top 27 bits of the first word over the top 26 bits of the second.
    const integer = (BigInt(words[0] ?? 0) >> 5n) * 2n ** 26n + (BigInt(words[1] ?? 0) >> 6n);
    expect(uniformNumbers(key(5), 1)[0]).toBe(Number(integer) / 2 ** 53);
  });

  test('lie in [0, 1) with the mean and variance of the uniform distribution', () => {
    const numbers = uniformNumbers(key(11), 100_000);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
    expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 100_000));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.001);
    expect([...numbers.subarray(0, 3)]).toEqual([...uniformNumbers(key(11), 3)]);
  });
});
