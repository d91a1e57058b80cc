import { TrainbookError } from '../../error.js';

/**
 * Images of one size, pixel by pixel as files have them: row by row from the upper left, the channels of a pixel together.
 *
 * Two grey images of 1 × 2 pixels: { pixels: Uint8Array.of(0, 255, 128, 128), count: 2, height: 1, width: 2, channels: 1 }
 */
export interface Images {
  readonly pixels: Uint8Array; // [count, height, width, channels], 0 to 255
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** 1 for grey, 3 for red, green and blue. */
  readonly channels: number;
}

/** Images, each of a class. */
export interface LabelledImages extends Images {
  readonly labels: Int32Array; // [count]
  /** The names of the classes, in the order in which labels number them. */
  readonly classes: readonly string[];
}

/** One image as numbers: 0 is dark and 1 light. What augmentation changes. */
export interface PixelImage {
  readonly values: Float32Array; // [height, width, channels]
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** An image of many, as numbers from 0 to 1. */
export function imageAt({ pixels, count, height, width, channels }: Images, index: number): PixelImage {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new TrainbookError({
      what: 'imageAt: there is no such image',
      received: index,
      expected: `an integer from 0 to ${count - 1}`,
    });
  }
  const size = height * width * channels;
  return {
    values: Float32Array.from(pixels.subarray(index * size, (index + 1) * size), (level) => level / 255),
    height,
    width,
    channels,
  };
}

/**
 * The images of some places, in their order.
 *
 * @example
 * const first = takeImages(train, [0, 1, 2]);
 */
export function takeImages<T extends Images>(images: T, places: readonly number[]): T {
  const size = images.height * images.width * images.channels;
  const pixels = new Uint8Array(places.length * size);
  for (const [index, place] of places.entries())
    pixels.set(images.pixels.subarray(place * size, (place + 1) * size), index * size);
  const { labels } = images as Partial<LabelledImages>;
  return {
    ...images,
    pixels,
    count: places.length,
    ...(labels && { labels: Int32Array.from(places, (place) => labels[place] ?? 0) }),
  };
}

/** @throws TrainbookError if the numbers do not fit the sizes. */
export function checkImages(what: string, images: Images): void {
  const { pixels, count, height, width, channels } = images;
  const { labels, classes } = images as Partial<LabelledImages>;
  const size = count * height * width * channels;
  if (count < 1 || pixels.length !== size || (labels !== undefined && labels.length !== count)) {
    throw new TrainbookError({
      what: `${what}: pixels or labels do not fit the images`,
      received: `${pixels.length} numbers${labels === undefined ? '' : `, ${labels.length} labels`} for ${count} images of ${height} × ${width} × ${channels}`,
      expected: 'at least one image, and of each its pixels and one label',
    });
  }
  const wrong = labels?.find((label) => label < 0 || label >= (classes?.length ?? 0));
  if (wrong === undefined) return;
  throw new TrainbookError({
    what: `${what}: a label is no class`,
    received: wrong,
    expected: `a number from 0 to ${(classes?.length ?? 0) - 1}`,
  });
}
