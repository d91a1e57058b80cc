import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { horizontalFlip } from '../../src/data/image/augmentation/horizontal-flip.js';
import { randomCrop } from '../../src/data/image/augmentation/random-crop.js';
import { asTest, asTrain } from '../../src/data/table/part.js';
import { key } from '../../src/engine/key.js';
import { imageBatches, imageLoader } from '../../src/tokens/image-loader.js';
import type { ImageBatch } from '../../src/tokens/image-loader.js';

const count = 7;
const images = {
  pixels: Uint8Array.from({ length: count * 6 }, (_, at) => (at * 37) % 256),
  count,
  height: 2,
  width: 3,
  channels: 1,
  labels: Int32Array.from({ length: count }, (_, index) => index % 3),
  classes: ['a', 'b', 'c'],
};
const normalisation = { mean: [0.5], deviation: [0.25] };
const given = { normalisation, augment: [randomCrop({ padding: 1 }), horizontalFlip()], mixup: 0.5, cutmix: 1 };
const batchOf = ({ inputs, targets, weights }: ImageBatch) => [inputs, targets, weights].map((numbers) => [...numbers]);

describe('imageLoader', () => {
  it('gives each image once in an epoch, normalised, with its class', () => {
    const loader = imageLoader(images, { normalisation }, { batchSize: count, key: key(1) });
    const { inputs, targets, shape } = loader.next();
    expect(shape).toEqual([2, 3, 1]);
    loader.lastRows?.forEach((row, place) => {
      for (let at = 0; at < 6; at++)
        expect(inputs[place * 6 + at]).toBeCloseTo(((images.pixels[row * 6 + at] ?? 0) / 255 - 0.5) / 0.25, 5);
      expect([...targets.subarray(place * 3, place * 3 + 3)]).toEqual([0, 1, 2].map((own) => Number(own === row % 3)));
    });
    expect([...(loader.lastRows ?? [])].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('is the same for any number of readers, augmented and mixed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(1, 2, 3), (seed, readers) => {
        const all = imageLoader(images, given, { batchSize: 6, key: key(seed) });
        const each = Array.from({ length: readers }, (_, index) =>
          imageLoader(images, given, { batchSize: 6, key: key(seed), reader: { index, count: readers } }),
        );
        for (let step = 0; step < 3; step++) {
          const whole = all.next();
          each.forEach((loader, index) => {
            const part = loader.next();
            for (let place = 0; place < 6 / readers; place++) {
              const own = place * readers + index;
              expect(part.inputs.subarray(place * 6, place * 6 + 6)).toEqual(
                whole.inputs.subarray(own * 6, own * 6 + 6),
              );
              expect(part.targets.subarray(place * 3, place * 3 + 3)).toEqual(
                whole.targets.subarray(own * 3, own * 3 + 3),
              );
            }
          });
        }
      }),
      { numRuns: 20 },
    );
  });

  it('goes on from a cursor as it would have', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), (seed, steps) => {
        const loader = imageLoader(images, given, { batchSize: 4, key: key(seed) });
        for (let step = 0; step < steps; step++) loader.next();
        const later = imageLoader(images, given, { batchSize: 4, key: key(seed), cursor: loader.cursor });
        expect(batchOf(later.next())).toEqual(batchOf(loader.next()));
      }),
      { numRuns: 20 },
    );
  });

  it('mixed targets are shares of at most two classes that sum to 1', () => {
    const { targets } = imageLoader(images, given, { batchSize: 60, key: key(2) }).next();
    const rows = Array.from({ length: 60 }, (_, place) => [...targets.subarray(place * 3, place * 3 + 3)]);
    for (const row of rows) {
      expect(row.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
      expect(row.filter((share) => share > 0).length).toBeLessThanOrEqual(2);
    }
    expect(rows.some((row) => row.filter((share) => share > 0.1).length === 2)).toBe(true);
  });

  it('with CutMix each pixel is of one of two images, and targets count them', () => {
    // Images of one level each, so that a pixel tells whose it is.
    const [height, width] = [5, 7];
    const levels = Uint8Array.from({ length: count }, (_, index) => 30 * index);
    const flat = {
      ...images,
      ...{ height, width },
      pixels: Uint8Array.from(
        { length: count * height * width },
        (_, at) => levels[Math.floor(at / height / width)] ?? 0,
      ),
      labels: Int32Array.from({ length: count }, (_, index) => index),
      classes: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    };
    const { inputs, targets } = imageLoader(
      flat,
      { normalisation: { mean: [0], deviation: [1] }, cutmix: 1 },
      { batchSize: 70, key: key(3) },
    ).next();
    let mixed = 0;
    for (let place = 0; place < 70; place++) {
      const pixels = inputs.subarray(place * height * width, (place + 1) * height * width);
      const counts = Array.from(levels, (level) => pixels.filter((pixel) => Math.round(255 * pixel) === level).length);
      const shares = [...targets.subarray(place * count, (place + 1) * count)];
      counts.forEach((own, index) => {
        expect(shares[index]).toBeCloseTo(own / (height * width), 6);
      });
      if (counts.filter((own) => own > 0).length === 2) mixed++;
    }
    expect(mixed).toBeGreaterThan(30);
  });

  it('another epoch has another order, and other crops', () => {
    const loader = imageLoader(images, { normalisation, augment: given.augment }, { batchSize: count, key: key(4) });
    expect(batchOf(loader.next())).not.toEqual(batchOf(loader.next()));
  });

  it('a curriculum draws from the easiest first', () => {
    const difficulty = [6, 5, 4, 3, 2, 1, 0];
    const share = (epoch: number): number => (epoch === 0 ? 0.4 : 1);
    const loader = imageLoader(
      images,
      { normalisation, curriculum: { difficulty, share } },
      { batchSize: count, key: key(1) },
    );
    loader.next();
    expect(new Set(loader.lastRows)).toEqual(new Set([4, 5, 6])); // ⌈0.4 · 7⌉ of them, some several times
    loader.next();
    expect(new Set(loader.lastRows).size).toBe(count);
    const wrong = { difficulty, share: () => 0 };
    expect(() => imageLoader(images, { normalisation, curriculum: wrong }, { batchSize: 2, key: key(1) })).toThrow(
      /share of epoch 0/,
    );
  });

  it('refuses what does not fit, and test images do not compile', () => {
    const options = { batchSize: 2, key: key(1) };
    expect(() => imageLoader({ ...images, labels: Int32Array.of(1) }, { normalisation }, options)).toThrow(
      /imageLoader: pixels or labels/,
    );
    expect(() => imageLoader(images, { normalisation: { mean: [0, 0], deviation: [1, 1] } }, options)).toThrow(
      /of other images/,
    );
    imageLoader(asTrain(images), { normalisation }, options);
    // @ts-expect-error nothing is learned from test images
    imageLoader(asTest(images), { normalisation }, options);
  });
});

describe('imageBatches', () => {
  it('has all images in their order, and fills the last batch with weight 0', () => {
    const batches = [...imageBatches(images, normalisation, 4)];
    expect(batches.map(({ weights }) => [...weights])).toEqual([
      [1, 1, 1, 1],
      [1, 1, 1, 0],
    ]);
    expect([...(batches[1]?.targets ?? [])]).toEqual([0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
  });
});
