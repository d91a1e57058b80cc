import { fold, permutation, uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { augmentImage } from '../data/image/augmentation/image-augmenter.js';
import type { ImageAugmenter } from '../data/image/augmentation/image-augmenter.js';
import { cutmixBox, pasteBox } from '../data/image/augmentation/cutmix.js';
import { mixupShare } from '../data/image/augmentation/mixup.js';
import { checkImages, imageAt } from '../data/image/images.js';
import type { LabelledImages, PixelImage } from '../data/image/images.js';
import { writeNormalised } from '../data/image/normalisation.js';
import type { Normalisation } from '../data/image/normalisation.js';
import type { NotOfTest } from '../data/table/part.js';
import { endless, once } from './loader.js';
import type { Loader, LoaderOptions } from './loader.js';

/** What a step of training sees of images. */
export interface ImageBatch {
  readonly inputs: Float32Array; // [batchSize, height, width, channels], normalised
  readonly shape: readonly [height: number, width: number, channels: number];
  /** How much of each class an image is: 1 for its own, or two shares where two images were mixed. */
  readonly targets: Float32Array; // [batchSize, classes]
  /** 1, or 0 where there is no image. */
  readonly weights: Float32Array; // [batchSize]
  readonly batchSize: number;
}

/** The easy ones first. Bengio 2009, "Curriculum Learning" (ICML). */
export interface ImageCurriculum {
  /** How hard each image is, by any measure, such as the loss that a smaller model has on it. [count] */
  readonly difficulty: ArrayLike<number>;
  /** The share of the images, the easiest, that an epoch draws from, counted from 0: more than 0, at most 1. */
  readonly share: (epoch: number) => number;
}

export interface ImageLoaderOptions {
  /** What is taken off pixels and what they are divided by: `channelNormalisation(train)`. */
  readonly normalisation: Normalisation;
  /** What is done to each image each time that it is read, in this order. Default: nothing. */
  readonly augment?: readonly ImageAugmenter[];
  /** α of mixup: each image is mixed with another, λ : 1 − λ, λ from Beta(α, α). Default: no mixing. */
  readonly mixup?: number;
  /**
   * α of CutMix: a rectangle of another image covers 1 − λ of each, λ from Beta(α, α). With `mixup` too, a coin says for each image which of
   * the two it is. Default: none.
   */
  readonly cutmix?: number;
  /** Which images an epoch draws from. Default: each image once. */
  readonly curriculum?: ImageCurriculum;
}

/**
 * Batches of images with their classes: in each epoch every image once, in an order given by the key and the number of the epoch. What is
 * done to an image, and the one that it is mixed with, depends on the key, the epoch and the image alone: it is the same for any number of
 * readers, and after a resume.
 *
 * @throws TrainbookError as `loader` does, or if the options do not fit the images. Test images do not compile.
 * @example
 * const normalisation = channelNormalisation(train);
 * const batches = imageLoader(train, { normalisation, augment: [randomCrop({ padding: 2 }), horizontalFlip()], mixup: 0.2 }, { batchSize: 64, key });
 * const { inputs, targets } = batches.next(); // [64, 28, 28, 1], [64, 10]
 */
export function imageLoader(
  images: LabelledImages & NotOfTest,
  { normalisation, augment = [], mixup, cutmix, curriculum }: ImageLoaderOptions,
  options: LoaderOptions,
): Loader<ImageBatch> {
  checkImages('imageLoader', images);
  checkNormalisation('imageLoader', images, normalisation);
  const { count, labels, classes } = images;
  const order = curriculum === undefined ? undefined : easiestFirst(images, curriculum);
  const own = fold(options.key, 'images');
  return endless<ImageBatch>('imageLoader', options, {
    numRows: count,
    empty: (batchSize) => emptyImageBatch(images, batchSize),
    order: (key, epoch) => {
      const from = order?.(epoch) ?? { length: count };
      const places = permutation(key, from.length);
      // Of fewer images than an epoch has rows, some come again.
      return (place) => {
        const chosen = places[place % places.length] ?? 0;
        return 'places' in from ? (from.places[chosen] ?? 0) : chosen;
      };
    },
    copy: (row, batch, place, epoch) => {
      const key = fold(fold(own, epoch), row);
      const seen = (index: number, which: string): PixelImage =>
        augmentImage(imageAt(images, index), augment, fold(key, which));
      const image = seen(row, 'own');
      const classOf = (index: number): number => place * classes.length + (labels[index] ?? 0);
      if (mixup === undefined && cutmix === undefined) {
        batch.targets[classOf(row)] = 1;
      } else {
        const other = partner(count, fold(key, 'partner'));
        const share = mix(image, seen(other, 'other'), { mixup, cutmix }, key);
        batch.targets[classOf(row)] = share;
        batch.targets[classOf(other)] = (batch.targets[classOf(other)] ?? 0) + 1 - share;
      }
      writeNormalised(image, normalisation, batch.inputs, place * image.values.length);
      batch.weights[place] = 1;
    },
  });
}

/**
 * All images once, in their order and as they are, in batches of one shape: what the last lacks are dark images of weight 0. To predict and
 * evaluate.
 *
 * @throws TrainbookError if the batch size is not a positive integer, or the normalisation is of other channels.
 * @example
 * for (const batch of imageBatches(test, normalisation, 128)) losses.push(await loss(batch));
 */
export function* imageBatches(
  images: LabelledImages,
  normalisation: Normalisation,
  batchSize: number,
): Generator<ImageBatch> {
  checkImages('imageBatches', images);
  checkNormalisation('imageBatches', images, normalisation);
  const { count, labels, classes } = images;
  yield* once<ImageBatch>('imageBatches', batchSize, {
    numRows: count,
    empty: (size) => emptyImageBatch(images, size),
    copy: (row, batch, place) => {
      const image = imageAt(images, row);
      writeNormalised(image, normalisation, batch.inputs, place * image.values.length);
      batch.targets[place * classes.length + (labels[row] ?? 0)] = 1;
      batch.weights[place] = 1;
    },
  });
}

function emptyImageBatch({ height, width, channels, classes }: LabelledImages, batchSize: number): ImageBatch {
  return {
    inputs: new Float32Array(batchSize * height * width * channels),
    shape: [height, width, channels],
    targets: new Float32Array(batchSize * classes.length),
    weights: new Float32Array(batchSize),
    batchSize,
  };
}

function partner(count: number, key: Key): number {
  return Math.floor((uniformNumbers(key, 1)[0] ?? 0) * count);
}

/** Puts another image into an image, all over it or in a rectangle: how much of the first is left. */
function mix(
  image: PixelImage,
  other: PixelImage,
  { mixup, cutmix }: { readonly mixup: number | undefined; readonly cutmix: number | undefined },
  key: Key,
): number {
  if (mixup !== undefined && (cutmix === undefined || !isHeads(fold(key, 'kind')))) {
    const share = mixupShare(mixup, fold(key, 'share'));
    blend(image, other, share);
    return share;
  }
  return cutmix === undefined ? 1 : pasteBox(image, other, cutmixBox(cutmix, image, fold(key, 'box')));
}

function isHeads(key: Key): boolean {
  return (uniformNumbers(key, 1)[0] ?? 0) < 0.5;
}

/** λ x + (1 − λ) x′, in place of x. */
function blend({ values }: PixelImage, other: PixelImage, share: number): void {
  for (let at = 0; at < values.length; at++)
    values[at] = share * (values[at] ?? 0) + (1 - share) * (other.values[at] ?? 0);
}

/** The easiest images of an epoch. */
function easiestFirst(
  { count }: LabelledImages,
  { difficulty, share }: ImageCurriculum,
): (epoch: number) => { readonly length: number; readonly places: readonly number[] } {
  if (difficulty.length !== count) {
    throw new TrainbookError({
      what: 'imageLoader: there is not one difficulty for each image',
      received: `${difficulty.length} numbers`,
      expected: `${count}`,
    });
  }
  const byDifficulty = Array.from({ length: count }, (_, index) => index).sort(
    (a, b) => (difficulty[a] ?? 0) - (difficulty[b] ?? 0) || a - b,
  );
  return (epoch) => {
    const part = share(epoch);
    if (!(part > 0 && part <= 1)) {
      throw new TrainbookError({
        what: `imageLoader: the curriculum’s share of epoch ${epoch}`,
        received: part,
        expected: 'more than 0, at most 1',
      });
    }
    const places = byDifficulty.slice(0, Math.ceil(part * count));
    return { length: places.length, places };
  };
}

function checkNormalisation(what: string, { channels }: LabelledImages, { mean, deviation }: Normalisation): void {
  if (mean.length === channels && deviation.length === channels) return;
  throw new TrainbookError({
    what: `${what}: the normalisation is of other images`,
    received: `${mean.length} channels`,
    expected: `${channels}`,
    fix: 'channelNormalisation(train), of these images',
  });
}
