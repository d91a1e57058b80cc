import { fold, uniformNumbers } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import type { PixelImage } from '../images.js';
import { mixupShare } from './mixup.js';

/** Rows from `top` to before `bottom`, columns from `left` to before `right`. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/**
 * Where another image shows through: a rectangle of the image's own shape and 1 − λ of its area, λ from Beta(α, α), around any pixel; what
 * would lie outside of the image is cut off. Yun 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
 * Features" (1905.04899), equation 2.
 *
 * @throws TrainbookError if α is not positive.
 * @example
 * const { top, left, bottom, right } = cutmixBox(1, image, key(7));
 */
export function cutmixBox(alpha: number, { height, width }: Pick<PixelImage, 'height' | 'width'>, key: Key): Box {
  const side = Math.sqrt(1 - mixupShare(alpha, fold(key, 'share')));
  const [y = 0, x = 0] = uniformNumbers(fold(key, 'place'), 2);
  const [top, bottom] = around(y, height, side);
  const [left, right] = around(x, width, side);
  return { top, left, bottom, right };
}

/** The part of an axis, `side` of its length, around a place on it. */
function around(place: number, length: number, side: number): [from: number, to: number] {
  const [centre, half] = [Math.floor(place * length), Math.floor((side * length) / 2)];
  return [Math.max(0, centre - half), Math.min(length, centre + half)];
}

/**
 * Writes what `other` shows in the box over the image's own pixels. Returns the share of pixels that are still its own, which is how much of
 * its class it is.
 *
 * @example
 * const share = pasteBox(image, other, cutmixBox(1, image, key(7)));
 */
export function pasteBox({ values, height, width, channels }: PixelImage, other: PixelImage, box: Box): number {
  const { top, left, bottom, right } = box;
  for (let row = top; row < bottom; row++) {
    const [from, to] = [(row * width + left) * channels, (row * width + right) * channels];
    values.set(other.values.subarray(from, to), from);
  }
  return 1 - ((bottom - top) * (right - left)) / (height * width);
}
