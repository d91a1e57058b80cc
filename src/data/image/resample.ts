import { TrainbookError } from '../../error.js';
import type { Images } from './images.js';

/** How much a neighbour counts at a distance, in places. */
export interface Kernel {
  /** From this distance on it counts nothing. */
  readonly support: number;
  weight(distance: number): number;
}

/** Linear: 1 − |d|. */
export const linearKernel: Kernel = { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) };

/** Keys 1981, "Cubic convolution interpolation for digital image processing", with its a: −0.75 in PyTorch, −0.5 in Pillow. */
export function cubicKernel(a: number): Kernel {
  return {
    support: 2,
    weight: (distance) => {
      const d = Math.abs(distance);
      if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
      return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
    },
  };
}

/**
 * The matrix that makes `to` numbers along an axis of `from`: [to, from], each row sums to 1. Places are the middles of equal parts of the axis,
 * as PyTorch's `interpolate` has them without `align_corners`.
 *
 * @param smooth Whether the kernel is widened where numbers become fewer, so that all of them count (`antialias`). Beyond the ends the last
 *   number stands; widened, nothing stands there.
 */
export function resamplingMatrix(from: number, to: number, kernel: Kernel, smooth: boolean): Float64Array {
  const matrix = new Float64Array(to * from);
  const scale = from / to;
  const width = smooth ? Math.max(1, scale) : 1;
  for (let row = 0; row < to; row++) {
    const middle = (row + 0.5) * scale - 0.5;
    const reach = kernel.support * width;
    let sum = 0;
    for (let place = Math.ceil(middle - reach); place <= Math.floor(middle + reach); place++) {
      const inside = Math.min(Math.max(place, 0), from - 1);
      if (smooth && inside !== place) continue;
      const weight = kernel.weight((place - middle) / width);
      const at = row * from + inside;
      matrix[at] = (matrix[at] ?? 0) + weight;
      sum += weight;
    }
    for (let at = row * from; at < (row + 1) * from; at++) matrix[at] = (matrix[at] ?? 0) / sum;
  }
  return matrix;
}

/**
 * Images of another size, by linear interpolation; where they become smaller each pixel is a weighted mean of all that it covers, as Pillow and
 * PyTorch's `antialias` do it.
 *
 * @throws TrainbookError if a side is not a positive integer.
 * @example
 * const small = resizeImages(train, [14, 14]);
 */
export function resizeImages<T extends Images>(images: T, [height, width]: readonly [number, number]): T {
  if (![height, width].every((side) => Number.isInteger(side) && side > 0)) {
    throw new TrainbookError({
      what: 'resizeImages: no such size',
      received: `${height} × ${width}`,
      expected: 'positive integers: height and width in pixels',
    });
  }
  const { count, channels, pixels } = images;
  const down = resamplingMatrix(images.height, height, linearKernel, true);
  const across = resamplingMatrix(images.width, width, linearKernel, true);
  const resized = new Uint8Array(count * height * width * channels);
  const rows = new Float64Array(images.height * width * channels); // narrowed, or widened
  for (let image = 0; image < count; image++) {
    const own = pixels.subarray(image * images.height * images.width * channels);
    for (let y = 0; y < images.height; y++)
      for (let x = 0; x < width; x++)
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (let from = 0; from < images.width; from++)
            sum += (across[x * images.width + from] ?? 0) * (own[(y * images.width + from) * channels + channel] ?? 0);
          rows[(y * width + x) * channels + channel] = sum;
        }
    for (let y = 0; y < height; y++)
      for (let at = 0; at < width * channels; at++) {
        let sum = 0;
        for (let from = 0; from < images.height; from++)
          sum += (down[y * images.height + from] ?? 0) * (rows[from * width * channels + at] ?? 0);
        resized[(image * height + y) * width * channels + at] = Math.round(Math.min(255, Math.max(0, sum)));
      }
  }
  return { ...images, pixels: resized, height, width };
}
