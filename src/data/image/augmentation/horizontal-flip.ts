import { uniformNumbers } from '../../../engine/key.js';
import type { PixelImage } from '../images.js';
import { checkProbability } from './image-augmenter.js';
import type { ImageAugmenter } from './image-augmenter.js';

/**
 * The image in a mirror, left and right changed, in so many cases: for things that have no left and right, or both.
 *
 * @throws TrainbookError if it is no probability.
 * @example
 * horizontalFlip().augment(image, key(7));
 */
export function horizontalFlip({ probability = 0.5 }: { readonly probability?: number } = {}): ImageAugmenter {
  checkProbability('horizontalFlip', probability);
  return {
    name: 'horizontalFlip',
    options: { probability },
    augment: (image, key) => ((uniformNumbers(key, 1)[0] ?? 1) < probability ? mirrored(image) : image),
  };
}

/** Left and right changed. */
export function mirrored({ values, height, width, channels }: PixelImage): PixelImage {
  const flipped = new Float32Array(values.length);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const [from, to] = [row * width + column, row * width + width - 1 - column];
      flipped.set(values.subarray(from * channels, (from + 1) * channels), to * channels);
    }
  return { values: flipped, height, width, channels };
}
