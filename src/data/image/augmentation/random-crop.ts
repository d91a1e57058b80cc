import { uniformNumbers } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';
import type { PixelImage } from '../images.js';
import type { ImageAugmenter } from './image-augmenter.js';

/**
 * A part of the size of the image, from anywhere of the image with a border of `padding` dark pixels around it: objects are then at another
 * place each time. As torchvision's `RandomCrop(size, padding)`; He 2015 (1512.03385), section 4.2.
 *
 * @throws TrainbookError if the padding is not a whole number of pixels.
 * @example
 * randomCrop({ padding: 2 }).augment(image, key(7));
 */
export function randomCrop({ padding }: { readonly padding: number }): ImageAugmenter {
  if (!Number.isInteger(padding) || padding < 0) {
    throw new TrainbookError({ what: 'randomCrop: padding', received: padding, expected: 'a whole number of pixels' });
  }
  return {
    name: 'randomCrop',
    options: { padding },
    augment: (image, key) => {
      const [down = 0, across = 0] = uniformNumbers(key, 2).map((number) => Math.floor(number * (2 * padding + 1)));
      return moved(image, down - padding, across - padding);
    },
  };
}

/** The image seen from a place that is so many pixels further down and to the right; what is beyond its borders is dark. */
export function moved({ values, height, width, channels }: PixelImage, down: number, right: number): PixelImage {
  const cropped = new Float32Array(values.length);
  const left = Math.max(0, -right);
  const length = width - Math.abs(right);
  for (let y = Math.max(0, -down); y < Math.min(height, height - down) && length > 0; y++) {
    const from = ((y + down) * width + left + right) * channels;
    cropped.set(values.subarray(from, from + length * channels), (y * width + left) * channels);
  }
  return { values: cropped, height, width, channels };
}
