import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { dropout } from '../../../src/model/dropout.js';
import { masked } from '../../../src/model/mixing.js';
import { cutPatches } from '../../../src/model/vision/patches.js';
import { swin } from '../../../src/model/vision/swin.js';
import { vit } from '../../../src/model/vision/vit.js';
import { fromWindows, relativePlaces, shiftMask, toWindows, windowPlaces } from '../../../src/model/vision/windows.js';
import type { Windows } from '../../../src/model/vision/windows.js';

/** Grids of up to 3 × 3 windows, shifted or not. */
const anyWindows: fc.Arbitrary<Windows> = fc
  .record({
    rows: fc.integer({ min: 1, max: 3 }),
    columns: fc.integer({ min: 1, max: 3 }),
    window: fc.integer({ min: 1, max: 4 }),
    shift: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ rows, columns, window, shift }) => ({
    grid: [rows * window, columns * window],
    window,
    shift: shift % window,
  }));

describe('windows', () => {
  it('there and back again is where they were, for any grid, window and shift', () => {
    fc.assert(
      fc.property(anyWindows, (windows) => {
        tf.tidy(() => {
          const [rows, columns] = windows.grid;
          const x = tf.reshape(tf.range(0, 2 * rows * columns * 3), [2, rows * columns, 3]);
          const inWindows = toWindows(x, windows);
          expect(inWindows.shape).toEqual([(2 * rows * columns) / windows.window ** 2, windows.window ** 2, 3]);
          expect([...fromWindows(inWindows, windows).dataSync()]).toEqual([...x.dataSync()]);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('which token stands where is as windowPlaces says', () => {
    fc.assert(
      fc.property(anyWindows, (windows) => {
        const [rows, columns] = windows.grid;
        const numbers = tf.tidy(() =>
          toWindows(tf.reshape(tf.range(0, rows * columns), [1, -1, 1]), windows).dataSync(),
        );
        expect([...windowPlaces(windows)]).toEqual([...numbers]);
      }),
      { numRuns: 30 },
    );
  });

  it('by hand: 4 × 4 tokens in windows of 2 × 2, shifted by one', () => {
    expect([...windowPlaces({ grid: [4, 4], window: 2, shift: 1 })]).toEqual([
      ...[5, 6, 9, 10], // from the middle of the grid
      ...[7, 4, 11, 8], // the right edge, and the left one beside it
      ...[13, 14, 1, 2],
      ...[15, 12, 3, 0], // the four corners
    ]);
  });

  it('tokens of a shifted window see each other just if they are neighbours on the grid', () => {
    fc.assert(
      fc.property(
        anyWindows.filter(({ grid, window, shift }) => shift > 0 && Math.min(...grid) > window),
        (windows) => {
          const [, columns] = windows.grid;
          const places = windowPlaces(windows);
          const size = windows.window ** 2;
          const mask = tf.tidy(() => (shiftMask(windows) as tf.Tensor).dataSync());
          mask.forEach((value, at) => {
            const [query, other] = [Math.floor(at / size), at % size];
            const [a, b] = [places[query] ?? 0, places[query - (query % size) + other] ?? 0];
            const near = (of: (place: number) => number): boolean => Math.abs(of(a) - of(b)) < windows.window;
            const seen = near((place) => Math.floor(place / columns)) && near((place) => place % columns);
            expect(value).toBe(seen ? 0 : masked);
          });
        },
      ),
      { numRuns: 20 },
    );
  });

  it('a bias belongs to a distance, each to one, and to the opposite one its mirror', () => {
    for (const window of [1, 2, 3, 7]) {
      const places = relativePlaces(window);
      const size = window ** 2;
      const byDistance = new Map<string, number>();
      places.forEach((place, pair) => {
        const [query, other] = [Math.floor(pair / size), pair % size];
        const distance = [
          Math.floor(query / window) - Math.floor(other / window),
          (query % window) - (other % window),
        ].join();
        expect(byDistance.get(distance) ?? place).toBe(place);
        byDistance.set(distance, place);
        expect(place + (places[other * size + query] ?? NaN)).toBe((2 * window - 1) ** 2 - 1);
      });
      expect([...byDistance.values()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: (2 * window - 1) ** 2 }, (_, place) => place),
      );
    }
  });
});

describe('what tokens see', () => {
  /** Which tokens change when one pixel does. */
  function changed(encode: (images: tf.Tensor) => tf.Tensor, size: number, pixel: number): number[] {
    const before = new Float32Array(size * size).fill(0.5);
    const after = before.slice();
    after[pixel] = 1;
    return tf.tidy(() => {
      const [a, b] = [before, after].map((values) => encode(tf.tensor4d(values, [1, size, size, 1])));
      const apart = tf.max(tf.abs(tf.sub(a as tf.Tensor, b as tf.Tensor)), 2).dataSync();
      return [...apart].flatMap((difference, token) => (difference > 1e-7 ? [token] : []));
    });
  }
  const options = {
    image: [8, 8] as const,
    channels: 1,
    patch: 2,
    heads: [2],
    width: 8,
    window: 2,
    initDeviation: 0.5,
  };

  it('those of their window in the first block of a Swin, those of the shifted one beyond it', () => {
    const one = swin({ ...options, depths: [1] });
    const weights = one.init(key(1));
    expect(changed((images) => one.encode(weights, images), 8, 0)).toEqual([0, 1, 4, 5]);
    const two = swin({ ...options, depths: [2] });
    const both = two.init(key(1));
    // Token 0 alone in its corner of the shifted windows; 1 reaches 2, 4 reaches 8, 5 reaches 6, 9 and 10.
    expect(changed((images) => two.encode(both, images), 8, 0)).toEqual([0, 1, 2, 4, 5, 6, 8, 9, 10]);
  });

  it('all of a ViT', () => {
    const trunk = vit({ image: [8, 8], channels: 1, patch: 4, layers: 1, heads: 2, width: 8, initDeviation: 0.5 });
    const weights = trunk.init(key(1));
    expect(changed((images) => trunk.encode(weights, images), 8, 0)).toEqual([0, 1, 2, 3, 4]);
  });

  it('patches are cut in their order, by hand', () => {
    const images = tf.reshape(tf.range(0, 8), [1, 2, 4, 1]); // 0 1 2 3 / 4 5 6 7
    expect(cutPatches(images, 2).arraySync()).toEqual([
      [
        [0, 4, 1, 5],
        [2, 6, 3, 7],
      ],
    ]); // each column by column
  });
});

describe('what is left out in training', () => {
  it('whole rows, each with its neighbours, in the share that was asked for', () => {
    const y = dropout(tf.ones([600, 3]), { rate: 0.25, key: key(1), rows: 300 });
    const rows = tf.reshape(y, [300, 6]).arraySync() as number[][];
    let left = 0;
    for (const row of rows) {
      expect(new Set(row).size).toBe(1);
      if (row[0] === 0) left++;
      else expect(row[0]).toBeCloseTo(1 / 0.75, 6);
    }
    expect(Math.abs(left / 300 - 0.25)).toBeLessThan(0.1); // four standard deviations
  });

  it('a branch of an image whole, by key, and only with one', () => {
    const trunk = vit({
      image: [4, 4],
      channels: 1,
      patch: 2,
      layers: 1,
      heads: 1,
      width: 4,
      dropPath: 0.5,
      initDeviation: 0.5,
    });
    const weights = trunk.init(key(1));
    const images = tf.tile(tf.reshape(tf.range(0, 16), [1, 4, 4, 1]), [32, 1, 1, 1]);
    const read = (dropoutKey?: ReturnType<typeof key>): string[] =>
      trunk
        .encode(weights, images, { dropoutKey })
        .arraySync()
        .map((tokens) =>
          tokens
            .flat()
            .map((number) => number.toFixed(4))
            .join(),
        );
    expect(new Set(read()).size).toBe(1);
    expect(new Set(read(key(3))).size).toBe(4); // attention, the MLP, both, or neither left out
    expect(read(key(3))).toEqual(read(key(3)));
    expect(read(key(3))).not.toEqual(read(key(4)));
  });
});

describe('options', () => {
  it('that do not fit the image are refused, with what does not fit', () => {
    const given = { image: [28, 28] as const, channels: 1, width: 32, depths: [2, 2], heads: [2, 4] };
    expect(() => swin({ ...given, patch: 3, window: 7 })).toThrow(/swin: patch: patch must divide height and width/);
    expect(() => swin({ ...given, patch: 2, window: 4 })).toThrow(/stage 1, 14 × 14, must be whole windows of 4 × 4/);
    expect(() => swin({ ...given, patch: 4, window: 7 })).toThrow(/stage 2, 3\.5 × 3\.5/);
    expect(() => swin({ ...given, patch: 2, window: 7, heads: [2] })).toThrow(/2 depths, 1 numbers of heads/);
    expect(() => swin({ ...given, patch: 2, window: 7, heads: [3, 4] })).toThrow(/heads must divide width: 32 \/ 3/);
    expect(() => vit({ image: [28, 28], patch: 5, layers: 1, heads: 1, width: 8 })).toThrow(/vit: patch/);
    // @ts-expect-error a ViT has no windows
    expect(() => vit({ image: [28, 28], patch: 4, layers: 1, heads: 1, width: 8, window: 7 })).toThrow(/window/);
  });

  it('images of another size are refused', () => {
    const trunk = vit({ image: [8, 8], channels: 1, patch: 4, layers: 1, heads: 1, width: 4 });
    expect(() => trunk.encode(trunk.init(key(1)), tf.zeros([1, 8, 12, 1]))).toThrow(
      /vit: these are not images[\s\S]*\[batch, 8, 8, 1\]/,
    );
  });
});
