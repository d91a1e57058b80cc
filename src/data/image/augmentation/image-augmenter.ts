import { fold } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';
import type { PixelImage } from '../images.js';

/** Makes another image of one, as a key says: the same for the same key. The image given stays as it is. */
export interface ImageAugmenter {
  readonly name: string;
  /** What it was made with: plain, for the identity of a run. */
  readonly options: Readonly<Record<string, number | readonly number[]>>;
  augment(image: PixelImage, key: Key): PixelImage;
}

/**
 * One augmenter after another, each with a key of its own: what is done to an image depends on the key alone, so it is the same whoever
 * reads the image, in whatever order.
 *
 * @example
 * augmentImage(image, [randomCrop({ padding: 2 }), horizontalFlip()], key(7));
 */
export function augmentImage(image: PixelImage, augmenters: readonly ImageAugmenter[], key: Key): PixelImage {
  return augmenters.reduce((given, augmenter, place) => augmenter.augment(given, fold(key, place)), image);
}

/** @throws TrainbookError if it is no probability. */
export function checkProbability(what: string, probability: number): void {
  if (probability >= 0 && probability <= 1) return;
  throw new TrainbookError({ what: `${what}: no such probability`, received: probability, expected: 'from 0 to 1' });
}
