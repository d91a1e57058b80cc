import { fold, uniformNumbers } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';
import type { PixelImage } from '../images.js';
import { checkProbability } from './image-augmenter.js';
import type { ImageAugmenter } from './image-augmenter.js';

export interface RandomErasingOptions {
  /** In how many cases. */
  readonly probability?: number;
  /** The share of the image that is covered: drawn evenly between the two. */
  readonly area?: readonly [least: number, most: number];
}

/** Height over width of the rectangle, at most; at least its inverse. */
const longest = 10 / 3;
/** A rectangle that does not fit into the image is drawn again, so many times. */
const attempts = 10;

/**
 * A rectangle of random pixels in place of a part of the image: the model must not rely on one part alone.
 * Zhong 2017, "Random Erasing Data Augmentation" (1708.04896); its areas, sides from 0.3 to 3.3, and random levels.
 *
 * @throws TrainbookError if it is no probability, or the areas are no shares.
 * @example
 * randomErasing({ probability: 0.25 }).augment(image, key(7));
 */
export function randomErasing({
  probability = 0.5,
  area: [least, most] = [0.02, 0.4],
}: RandomErasingOptions = {}): ImageAugmenter {
  checkProbability('randomErasing', probability);
  if (!(least > 0 && least <= most && most <= 1)) {
    throw new TrainbookError({
      what: 'randomErasing: no such area',
      received: `from ${least} to ${most}`,
      expected: 'shares of the image above 0, up to 1, the smaller first',
    });
  }
  return {
    name: 'randomErasing',
    options: { probability, area: [least, most] },
    augment: (image, key) => {
      const [coin = 1, ...draws] = uniformNumbers(key, 1 + 4 * attempts);
      return coin < probability ? erased(image, draws, least, most, fold(key, 'levels')) : image;
    },
  };
}

function erased(image: PixelImage, draws: readonly number[], least: number, most: number, key: Key): PixelImage {
  const { values, height, width, channels } = image;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [size = 0, side = 0, top = 0, left = 0] = draws.slice(4 * attempt);
    const covered = height * width * (least + (most - least) * size);
    const ratio = Math.exp((2 * side - 1) * Math.log(longest)); // evenly in the logarithm
    const [rows, columns] = [Math.round(Math.sqrt(covered * ratio)), Math.round(Math.sqrt(covered / ratio))];
    if (rows < 1 || columns < 1 || rows > height || columns > width) continue;
    const [y, x] = [Math.floor(top * (height - rows + 1)), Math.floor(left * (width - columns + 1))];
    const changed = values.slice();
    const levels = uniformNumbers(key, rows * columns * channels);
    for (let row = 0; row < rows; row++)
      changed.set(
        levels.subarray(row * columns * channels, (row + 1) * columns * channels),
        ((y + row) * width + x) * channels,
      );
    return { ...image, values: changed };
  }
  return image;
}
