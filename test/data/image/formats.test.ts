import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readIdx } from '../../../src/data/image/idx.js';
import { imageAt, takeImages } from '../../../src/data/image/images.js';
import { loadImages, readImageFolder } from '../../../src/data/image/load-images.js';
import { channelNormalisation } from '../../../src/data/image/normalisation.js';
import { decodePng, encodePng } from '../../../src/data/image/png.js';
import { resizeImages } from '../../../src/data/image/resample.js';
import { load } from '../../../src/data/read/load.js';
import { asTrain } from '../../../src/data/table/part.js';

// The truth: Pillow and PyTorch, by fixtures/images.py.
const numbers = z.array(z.number());
const picture = z.object({
  png: z.string(),
  height: z.number(),
  width: z.number(),
  channels: z.number(),
  pixels: numbers,
});
const reference = z
  .object({ png: z.record(z.string(), picture), resize: z.record(z.string(), numbers) })
  .parse(JSON.parse(await readFile(join(import.meta.dirname, 'fixtures/images.json'), 'utf8')));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-images-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('PNG', () => {
  it.each(Object.entries(reference.png))('%s, as Pillow wrote it', (_name, { png, pixels, ...size }) => {
    const decoded = decodePng(Buffer.from(png, 'base64'));
    expect({ ...decoded, pixels: [...decoded.pixels] }).toEqual({ ...size, pixels });
  });

  it('what is encoded is decoded, for any image', () => {
    const image = fc
      .record({
        height: fc.integer({ min: 1, max: 6 }),
        width: fc.integer({ min: 1, max: 6 }),
        channels: fc.integer({ min: 1, max: 4 }),
      })
      .chain(({ height, width, channels }) => {
        const size = height * width * channels;
        return fc
          .uint8Array({ minLength: size, maxLength: size })
          .map((pixels) => ({ pixels, height, width, channels }));
      });
    fc.assert(
      fc.property(image, (given) => {
        expect(decodePng(encodePng(given))).toEqual(given);
      }),
    );
  });

  it('a damaged or cut file is refused, whichever byte it is', () => {
    const png = Buffer.from(reference.png['rgb']?.png ?? '', 'base64');
    fc.assert(
      fc.property(fc.nat(png.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(png);
        damaged[at] = (damaged[at] ?? 0) ^ change;
        expect(() => decodePng(damaged, 'a.png')).toThrow(/a\.png cannot be read as PNG/);
        expect(() => decodePng(png.subarray(0, at), 'a.png')).toThrow(/a\.png cannot be read as PNG/);
      }),
    );
  });
});

describe('IDX', () => {
  const idx = (shape: readonly number[], values: readonly number[]): Buffer =>
    Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...values]);

  it('sizes and numbers, by hand', () => {
    const { shape, values } = readIdx(idx([2, 1, 3], [1, 2, 3, 4, 5, 6]));
    expect([shape, [...values]]).toEqual([
      [2, 1, 3],
      [1, 2, 3, 4, 5, 6],
    ]);
  });

  it('what does not fit is refused', () => {
    expect(() => readIdx(idx([2, 2], [1, 2, 3]))).toThrow(/3 numbers for \[2, 2\]/);
    expect(() => readIdx(Buffer.from([0x1f, 0x8b, 8, 0]))).toThrow(/begin with 1f8b0800[\s\S]*unpack it first/);
  });

  it('a folder of MNIST’s names is read, packed or not', async () => {
    const own = join(folder, 'idx');
    await mkdir(own);
    await writeFile(join(own, 'train-images-idx3-ubyte.gz'), gzipSync(idx([2, 1, 2], [0, 255, 10, 20])));
    await writeFile(join(own, 'train-labels-idx1-ubyte'), idx([2], [1, 0]));
    await writeFile(join(own, 't10k-images-idx3-ubyte'), idx([1, 1, 2], [7, 8]));
    await writeFile(join(own, 't10k-labels-idx1-ubyte'), idx([1], [1]));
    const { train, test } = await loadImages(own, { classes: ['shoe', 'bag'] });
    expect(train).toMatchObject({ count: 2, height: 1, width: 2, channels: 1, classes: ['shoe', 'bag'] });
    expect([[...train.labels], [...test.pixels]]).toEqual([
      [1, 0],
      [7, 8],
    ]);
    expect(imageAt(train, 0).values).toEqual(Float32Array.of(0, 1));
    await expect(loadImages(own, { classes: ['shoe'] })).rejects.toThrow(/a label is no class/);
  });
});

describe('folders of images', () => {
  const png = (pixels: readonly number[], height: number, width: number) =>
    encodePng({ pixels: Uint8Array.from(pixels), height, width, channels: 1 });

  it('each class is a folder; other formats are read by functions that are given', async () => {
    for (const name of ['train/bag', 'train/shoe', 'test/bag', 'test/shoe'])
      await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, 'train/shoe/1.png'), png([1, 2], 1, 2));
    await writeFile(join(folder, 'train/bag/2.PNG'), png([3, 4], 1, 2));
    await writeFile(join(folder, 'train/bag/3.raw'), Buffer.from([5, 6]));
    await writeFile(join(folder, 'test/shoe/1.png'), png([7, 8], 1, 2));
    const raw = { '.raw': (bytes: Uint8Array) => ({ pixels: bytes, height: 1, width: 2, channels: 1 }) };
    const { train, test } = await loadImages(folder, { decoders: raw });
    expect(train.classes).toEqual(['bag', 'shoe']);
    expect([[...train.pixels], [...train.labels], [...test.labels]]).toEqual([[3, 4, 5, 6, 1, 2], [0, 0, 1], [1]]);
    await writeFile(join(folder, 'train/bag/4.png'), png([1, 2, 3], 1, 3));
    await expect(loadImages(folder)).rejects.toThrow(/4\.png is not of the size of the others[\s\S]*1 × 3/);
    await expect(readImageFolder(join(folder, 'nothing'))).rejects.toThrow(/has no images/);
  });

  it('names that are nowhere are refused, with those that are there', async () => {
    await expect(load('fashion_mnist')).rejects.toThrow(
      /has images, not documents[\s\S]*loadImages\('fashion_mnist'\)/,
    );
    await expect(loadImages('fashion_mist')).rejects.toThrow(/no such data set or folder[\s\S]*fashion_mnist/);
  });
});

describe('sizes and light', () => {
  it('resizing is PyTorch’s, with antialias', () => {
    const { levels = [], ...sizes } = reference.resize;
    const images = { pixels: Uint8Array.from(levels), count: 1, height: 6, width: 8, channels: 1 };
    for (const [size, expected] of Object.entries(sizes)) {
      const [height = 0, width = 0] = size.split(' ').map(Number);
      const resized = resizeImages(images, [height, width]);
      // A level that lies between two may be rounded to either.
      for (const [place, level] of resized.pixels.entries())
        expect(Math.abs(level - (expected[place] ?? NaN))).toBeLessThanOrEqual(1);
      expect(resized.pixels.length).toBe(expected.length);
    }
  });

  it('an image of one level stays so at any size, channel by channel', () => {
    const side = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        fc.array(fc.nat(255), { minLength: 1, maxLength: 3 }),
        (h, w, toH, toW, levels) => {
          const pixels = Uint8Array.from(
            { length: 2 * h * w * levels.length },
            (_, at) => levels[at % levels.length] ?? 0,
          );
          const resized = resizeImages({ pixels, count: 2, height: h, width: w, channels: levels.length }, [toH, toW]);
          expect([...resized.pixels]).toEqual(Array.from({ length: 2 * toH * toW }, () => levels).flat());
        },
      ),
    );
  });

  it('mean and deviation of each channel, by hand, of the training part alone', () => {
    const images = {
      pixels: Uint8Array.of(0, 51, 255, 51, 255, 51, 0, 51),
      count: 2,
      height: 1,
      width: 2,
      channels: 2,
    };
    const { mean, deviation } = channelNormalisation(asTrain(images));
    expect(mean[0]).toBeCloseTo(0.5, 12);
    expect(mean[1]).toBeCloseTo(0.2, 12);
    expect(deviation).toEqual([0.5, 1]); // the second channel is the same everywhere
    // @ts-expect-error nothing says that these are for training
    channelNormalisation(images);
  });

  it('images are taken with their labels', () => {
    const images = {
      pixels: Uint8Array.of(1, 2, 3),
      count: 3,
      height: 1,
      width: 1,
      channels: 1,
      labels: Int32Array.of(0, 1, 1),
      classes: ['a', 'b'],
    };
    expect(takeImages(images, [2, 0])).toMatchObject({
      pixels: Uint8Array.of(3, 1),
      labels: Int32Array.of(1, 0),
      count: 2,
    });
    expect(() => imageAt(images, 3)).toThrow(/no such image[\s\S]*from 0 to 2/);
  });
});
