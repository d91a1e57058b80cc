import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fold, key } from '../../../src/engine/key.js';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  colourJitter,
} from '../../../src/data/image/augmentation/colour-jitter.js';
import { horizontalFlip, mirrored } from '../../../src/data/image/augmentation/horizontal-flip.js';
import { augmentImage } from '../../../src/data/image/augmentation/image-augmenter.js';
import type { ImageAugmenter } from '../../../src/data/image/augmentation/image-augmenter.js';
import { cutmixBox, pasteBox } from '../../../src/data/image/augmentation/cutmix.js';
import { mixupShare } from '../../../src/data/image/augmentation/mixup.js';
import { moved, randomCrop } from '../../../src/data/image/augmentation/random-crop.js';
import { randomErasing } from '../../../src/data/image/augmentation/random-erasing.js';
import type { PixelImage } from '../../../src/data/image/images.js';

const reference = z
  .object({ colour: z.record(z.string(), z.array(z.number())) })
  .parse(JSON.parse(await readFile(join(import.meta.dirname, 'fixtures/images.json'), 'utf8')));

const image = (values: readonly number[], height: number, width: number, channels = 1): PixelImage => ({
  values: Float32Array.from(values),
  height,
  width,
  channels,
});

/** Images of up to 6 × 6 pixels, grey or in colours. */
const anyImage = fc
  .record({
    height: fc.integer({ min: 1, max: 6 }),
    width: fc.integer({ min: 1, max: 6 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain(({ height, width, channels }) => {
    const size = height * width * channels;
    const level = fc.float({ min: 0, max: 1, noNaN: true });
    return fc
      .array(level, { minLength: size, maxLength: size })
      .map((values) => image(values, height, width, channels));
  });

describe('colours', () => {
  // The truth: torchvision, by fixtures/images.py.
  const given = image(reference.colour['image'] ?? [], 4, 5, 3);
  it.each([
    ['brightness 1.4', adjustBrightness(given, 1.4)],
    ['contrast 1.7', adjustContrast(given, 1.7)],
    ['contrast 0.3', adjustContrast(given, 0.3)],
    ['saturation 1.6', adjustSaturation(given, 1.6)],
    ['hue 0.2', adjustHue(given, 0.2)],
    ['hue -0.4', adjustHue(given, -0.4)],
  ])('%s is torchvision’s', (name, { values }) => {
    const expected = reference.colour[name] ?? [];
    expect(values.length).toBe(expected.length);
    for (const [at, level] of values.entries()) expect(level).toBeCloseTo(expected[at] ?? NaN, 5);
  });

  it('factors lie within their spread, and grey images keep hue and saturation', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const grey = image([0.25, 0.5], 1, 2);
        expect(colourJitter({ saturation: 1, hue: 0.5 }).augment(grey, key(seed))).toEqual(grey);
        const [level = 0] = colourJitter({ brightness: 0.5 }).augment(image([0.5], 1, 1), key(seed)).values;
        expect(level).toBeGreaterThanOrEqual(0.25);
        expect(level).toBeLessThanOrEqual(0.75);
      }),
    );
    expect(() => colourJitter({ hue: 0.6 })).toThrow(/colourJitter: hue/);
  });
});

describe('places', () => {
  const square = image([1, 2, 3, 4, 5, 6, 7, 8, 9], 3, 3);

  it('a crop of an image with a border, by hand', () => {
    expect([...moved(square, 1, -1).values]).toEqual([0, 4, 5, 0, 7, 8, 0, 0, 0]);
    expect([...moved(square, 0, 0).values]).toEqual([...square.values]);
    expect([...moved(square, 3, 0).values]).toEqual(Array.from({ length: 9 }, () => 0));
  });

  it('each of the (2 p + 1)² crops comes up as often as others', () => {
    const counts = new Map<string, number>();
    const crop = randomCrop({ padding: 1 });
    for (let draw = 0; draw < 1800; draw++) {
      const seen = crop.augment(square, fold(key(5), draw)).values.join();
      counts.set(seen, (counts.get(seen) ?? 0) + 1);
    }
    expect(counts.size).toBe(9);
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(70); // five standard deviations
  });

  it('a mirror’s mirror is the image', () => {
    expect([...mirrored(square).values]).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7]);
    fc.assert(
      fc.property(anyImage, (given) => {
        expect(mirrored(mirrored(given))).toEqual(given);
      }),
    );
    expect(horizontalFlip({ probability: 1 }).augment(square, key(1))).toEqual(mirrored(square));
    expect(horizontalFlip({ probability: 0 }).augment(square, key(1))).toEqual(square);
  });

  it('what is erased is one rectangle, of the share that was asked for', () => {
    const blank = image(
      Array.from({ length: 400 }, () => 2),
      20,
      20,
    );
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { values } = randomErasing({ probability: 1, area: [0.1, 0.2] }).augment(blank, key(seed));
        const changed = [...values].flatMap((level, at) =>
          level === 2 ? [] : [[Math.floor(at / 20), at % 20] as const],
        );
        const [rows, columns] = [new Set(changed.map(([row]) => row)), new Set(changed.map(([, column]) => column))];
        expect(changed.length).toBe(rows.size * columns.size); // a whole rectangle
        expect(changed.length / 400).toBeGreaterThan(0.07); // sides are rounded
        expect(changed.length / 400).toBeLessThan(0.25);
      }),
    );
    expect(() => randomErasing({ area: [0, 2] })).toThrow(/randomErasing: no such area/);
  });
});

describe('augmenters', () => {
  const all: readonly ImageAugmenter[] = [
    randomCrop({ padding: 2 }),
    horizontalFlip(),
    randomErasing(),
    colourJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 }),
  ];

  it('give the same for the same key, and leave size and the image given as they are', () => {
    fc.assert(
      fc.property(anyImage, fc.integer(), (given, seed) => {
        const before = given.values.slice();
        const [one, other] = [augmentImage(given, all, key(seed)), augmentImage(given, all, key(seed))];
        expect(one).toEqual(other);
        expect(given.values).toEqual(before);
        expect({ ...one, values: one.values.length }).toEqual({ ...given, values: given.values.length });
        for (const level of one.values) expect(level >= 0 && level <= 1).toBe(true);
      }),
    );
  });

  it('options out of range are refused', () => {
    expect(() => randomCrop({ padding: 0.5 })).toThrow(/randomCrop: padding/);
    expect(() => horizontalFlip({ probability: 2 })).toThrow(/horizontalFlip: no such probability/);
    expect(() => mixupShare(0, key(1))).toThrow(/alpha of Beta/);
    expect(() => cutmixBox(-1, { height: 4, width: 4 }, key(1))).toThrow(/alpha of Beta/);
  });
});

describe('shares of mixup', () => {
  it.each([0.1, 0.2, 1, 1.5, 8])('Beta(%d, %d) has mean ½ and variance 1 / (4 (2 α + 1))', (alpha) => {
    const shares = Array.from({ length: 4000 }, (_, draw) => mixupShare(alpha, fold(key(3), draw)));
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
    const expected = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(expected / shares.length));
    expect(variance / expected).toBeGreaterThan(0.93);
    expect(variance / expected).toBeLessThan(1.07);
    for (const share of shares) expect(share >= 0 && share <= 1).toBe(true);
  });
});

describe('the box of CutMix', () => {
  it('is where the other image shows, and nowhere else', () => {
    fc.assert(
      fc.property(anyImage, fc.integer(), (given, seed) => {
        const { height, width, channels } = given;
        const other = { ...given, values: given.values.map((level) => level + 2) };
        const seen = { ...given, values: given.values.slice() };
        const box = cutmixBox(1, given, key(seed));
        const share = pasteBox(seen, other, box);
        let own = 0;
        seen.values.forEach((level, at) => {
          const [row, column] = [Math.floor(at / channels / width), Math.floor(at / channels) % width];
          const within = row >= box.top && row < box.bottom && column >= box.left && column < box.right;
          expect(level).toBe((within ? other : given).values[at]);
          if (!within) own++;
        });
        expect(share).toBeCloseTo(own / (height * width * channels), 9);
      }),
    );
  });

  it('in a large image it covers what the paper’s draws cover', () => {
    // E over λ from U(0, 1) and a centre from U(0, 1)²: a side of length s loses s² / 4 at the borders, so it is s − s² / 4 long, and with s = √(1 − λ)
    // E (s − s² / 4)² = E s² − E s³ / 2 + E s⁴ / 16 = 1 / 2 − 1 / 5 + 1 / 48.
    const boxes = Array.from({ length: 4000 }, (_, draw) =>
      cutmixBox(1, { height: 1000, width: 1000 }, fold(key(5), draw)),
    );
    const areas = boxes.map(({ top, left, bottom, right }) => ((bottom - top) * (right - left)) / 1e6);
    const mean = areas.reduce((sum, area) => sum + area, 0) / areas.length;
    expect(Math.abs(mean - (1 / 2 - 1 / 5 + 1 / 48))).toBeLessThan(0.012); // three standard errors
  });
});
