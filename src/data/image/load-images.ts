import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { TrainbookError } from '../../error.js';
import { datasetNamesOf, findDataset, readDatasetFile } from '../dataset.js';
import type { Test, Train } from '../table/part.js';
import { readIdx } from './idx.js';
import { checkImages } from './images.js';
import type { LabelledImages } from './images.js';
import { decodePng } from './png.js';
import type { DecodedImage } from './png.js';

/** Images to learn from, and images to test on. */
export interface SplitImages {
  readonly train: Train<LabelledImages>;
  readonly test: Test<LabelledImages>;
}

/** What reads a format of images, by the ending of its files: another library's decoder of JPEG, for instance. */
export type ImageDecoders = Readonly<Record<string, (bytes: Uint8Array, source: string) => DecodedImage>>;

export interface LoadImagesOptions {
  /** The names of the classes, for a folder of IDX files. Default: their numbers. */
  readonly classes?: readonly string[];
  /** What reads other formats than PNG: `{ '.jpg': (bytes) => … }`. */
  readonly decoders?: ImageDecoders;
}

/**
 * Reads labelled images: a data set that comes with trainbook, a folder of IDX files as MNIST and its relatives have them, or a folder
 * with `train/` and `test/`, in which each class has a folder of images.
 *
 * @throws TrainbookError if there is no such data set or folder, a file is damaged, or images are not of one size.
 * @example
 * const { train, test } = await loadImages('fashion_mnist'); // 3,000 and 600 images of 28 × 28
 */
export async function loadImages(source: string, options: LoadImagesOptions = {}): Promise<SplitImages> {
  const dataset = await findDataset(source);
  if (dataset?.card.classes !== undefined) {
    const { card } = dataset;
    const read = async (name: string): Promise<Uint8Array> => {
      const file = card.files.find((one) => one.file === name);
      if (file === undefined) throw new Error(`internal: ${card.name} lacks ${name}`);
      return gunzipSync(await readDatasetFile(dataset, file));
    };
    return idxParts(
      card.files.map(({ file }) => file),
      read,
      { ...options, classes: card.classes },
      card.name,
    );
  }
  const isFolder = (await stat(source).catch(() => undefined))?.isDirectory() ?? false;
  if (!isFolder) {
    throw new TrainbookError({
      what: 'loadImages: no such data set or folder',
      received: source,
      expected: `a folder, or one of the data sets ${(await datasetNamesOf('images')).join(', ')}`,
      fix: `check the spelling; paths start at ${process.cwd()}`,
    });
  }
  const names = await readdir(source);
  if (names.some((name) => idxName.test(name))) {
    const read = async (name: string): Promise<Uint8Array> => {
      const bytes = await readFile(join(source, name));
      return name.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    };
    return idxParts(names, read, options, source);
  }
  const [train, test] = await Promise.all([
    readImageFolder(join(source, 'train'), options),
    readImageFolder(join(source, 'test'), options),
  ]);
  if (train.classes.join('\n') !== test.classes.join('\n')) {
    throw new TrainbookError({
      what: `loadImages: train/ and test/ of ${source} have other classes`,
      received: `${train.classes.join(', ')}; ${test.classes.join(', ')}`,
      expected: 'a folder of the same name for each class in both',
    });
  }
  return { train: train as Train<LabelledImages>, test: test as Test<LabelledImages> };
}

/** `train-images-idx3-ubyte.gz`, `t10k-labels-idx1-ubyte`, … */
const idxName = /^(train|test|t10k)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/u;

async function idxParts(
  names: readonly string[],
  read: (name: string) => Promise<Uint8Array>,
  { classes }: LoadImagesOptions,
  source: string,
): Promise<SplitImages> {
  const part = async (prefixes: RegExp): Promise<LabelledImages> => {
    const [images, labels] = await Promise.all(
      ['images', 'labels'].map(async (kind) => {
        const name = names.find((one) => idxName.test(one) && prefixes.test(one) && one.includes(`-${kind}`));
        if (name !== undefined) return readIdx(await read(name), `${source}: ${name}`);
        throw new TrainbookError({
          what: `loadImages: ${source} lacks a file of ${kind}`,
          received: names.join(', '),
          expected: 'images and labels whose names begin with train-, and those of the test with test- or t10k-',
        });
      }),
    );
    const [count = 0, height = 0, width = 0, channels = 1] = images?.shape ?? [];
    const numbers = Int32Array.from(labels?.values ?? []);
    const found: LabelledImages = {
      pixels: images?.values ?? new Uint8Array(),
      count,
      height,
      width,
      channels,
      labels: numbers,
      classes: classes ?? Array.from({ length: Math.max(...numbers) + 1 }, (_, index) => String(index)),
    };
    checkImages(`loadImages: ${source}`, found);
    return found;
  };
  const [train, test] = await Promise.all([part(/^train/u), part(/^(test|t10k)/u)]);
  return { train: train as Train<LabelledImages>, test: test as Test<LabelledImages> };
}

/**
 * The images of a folder in which each class has a folder of its own. Classes and files are in the order of their names.
 *
 * @throws TrainbookError if a file cannot be read, or the images are not of one size.
 * @example
 * const images = await readImageFolder('photos'); // photos/cat/1.png, photos/dog/7.png, …
 */
export async function readImageFolder(folder: string, { decoders }: LoadImagesOptions = {}): Promise<LabelledImages> {
  const known: ImageDecoders = { '.png': decodePng, ...decoders };
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const classes = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  const images: DecodedImage[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    for (const file of (await readdir(join(folder, name))).sort()) {
      const decode = known[extname(file).toLowerCase()];
      if (decode === undefined) continue;
      const path = join(folder, name, file);
      const image = decode(await readFile(path), path);
      const [first = image] = images;
      if (sizeOf(image) !== sizeOf(first)) {
        throw new TrainbookError({
          what: `readImageFolder: ${path} is not of the size of the others`,
          received: sizeOf(image),
          expected: sizeOf(first),
          fix: 'bring the files to one size and one number of channels first',
        });
      }
      images.push(image);
      labels.push(label);
    }
  }
  const [first] = images;
  if (first === undefined) {
    throw new TrainbookError({
      what: `readImageFolder: ${folder} has no images`,
      received: `${classes.length} folders`,
      expected: `a folder for each class, with files that end with ${Object.keys(known).join(', ')}`,
      fix: 'other formats are read by functions that you give as decoders',
    });
  }
  const { height, width, channels } = first;
  const size = height * width * channels;
  const pixels = new Uint8Array(images.length * size);
  for (const [index, image] of images.entries()) pixels.set(image.pixels, index * size);
  return { pixels, count: images.length, height, width, channels, labels: Int32Array.from(labels), classes };
}

const sizeOf = ({ height, width, channels }: DecodedImage): string => `${height} × ${width}, ${channels} channels`;
