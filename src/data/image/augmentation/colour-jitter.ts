import { fold, permutation, uniformNumbers } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';
import type { PixelImage } from '../images.js';
import type { ImageAugmenter } from './image-augmenter.js';

export interface ColourJitterOptions {
  /** Factors are drawn evenly from 1 − this to 1 + this, but not below 0. Default: 0, which leaves it as it is. */
  readonly brightness?: number;
  readonly contrast?: number;
  readonly saturation?: number;
  /** The hue turns by up to so many turns, at most half a one. */
  readonly hue?: number;
}

/**
 * Another light: brightness, contrast, saturation and hue change by random factors, in random order, as in torchvision's `ColorJitter`.
 * Grey images have brightness and contrast alone.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * colourJitter({ brightness: 0.2, contrast: 0.2 }).augment(image, key(7));
 */
export function colourJitter(options: ColourJitterOptions): ImageAugmenter {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options;
  const wrong = Object.entries(options).find(([name, value]) => !(value >= 0 && (name !== 'hue' || value <= 0.5)));
  if (wrong !== undefined) {
    throw new TrainbookError({
      what: `colourJitter: ${wrong[0]}`,
      received: String(wrong[1]),
      expected: 'a number from 0 on; the hue at most 0.5',
    });
  }
  const factor = (spread: number, draw: number): number =>
    Math.max(0, 1 - spread) + draw * (1 + spread - Math.max(0, 1 - spread));
  return {
    name: 'colourJitter',
    options: { brightness, contrast, saturation, hue },
    augment: (image, key) => {
      const [b = 0, c = 0, s = 0, h = 0] = uniformNumbers(fold(key, 'factors'), 4);
      const changes: ((given: PixelImage) => PixelImage)[] = [
        (given) => (brightness === 0 ? given : adjustBrightness(given, factor(brightness, b))),
        (given) => (contrast === 0 ? given : adjustContrast(given, factor(contrast, c))),
        (given) => (saturation === 0 ? given : adjustSaturation(given, factor(saturation, s))),
        (given) => (hue === 0 ? given : adjustHue(given, (2 * h - 1) * hue)),
      ];
      return permutation(fold(key, 'order'), changes.length).reduce(
        (given, place) => changes[place]?.(given) ?? given,
        image,
      );
    },
  };
}

const within = (level: number): number => Math.min(1, Math.max(0, level));

/** f x, cut at 1. */
export function adjustBrightness(image: PixelImage, factor: number): PixelImage {
  return { ...image, values: image.values.map((level) => within(factor * level)) };
}

/** f x + (1 − f) m, m the mean grey of the image. */
export function adjustContrast(image: PixelImage, factor: number): PixelImage {
  const greys = greysOf(image);
  const mean = greys.reduce((sum, grey) => sum + grey, 0) / greys.length;
  return { ...image, values: image.values.map((level) => within(factor * level + (1 - factor) * mean)) };
}

/** f x + (1 − f) g, g the grey of the pixel. */
export function adjustSaturation(image: PixelImage, factor: number): PixelImage {
  if (image.channels !== 3) return image;
  const greys = greysOf(image);
  return {
    ...image,
    values: image.values.map((level, at) => within(factor * level + (1 - factor) * (greys[Math.floor(at / 3)] ?? 0))),
  };
}

/** The hue turned by so many turns, value and saturation as they are. */
export function adjustHue(image: PixelImage, turns: number): PixelImage {
  if (image.channels !== 3) return image;
  const values = new Float32Array(image.values.length);
  for (let at = 0; at < values.length; at += 3) {
    const [red = 0, green = 0, blue = 0] = image.values.subarray(at, at + 3);
    const most = Math.max(red, green, blue);
    const spread = most - Math.min(red, green, blue);
    if (spread === 0) {
      values.fill(most, at, at + 3);
      continue;
    }
    // The hue in sixths of a turn from red.
    const hue =
      most === red ? (green - blue) / spread : most === green ? 2 + (blue - red) / spread : 4 + (red - green) / spread;
    // A channel is full within a sixth of its own hue, and falls linearly over the next.
    for (const [channel, place] of [5, 3, 1].entries()) {
      const k = modulo(place + hue + 6 * turns, 6);
      values[at + channel] = most - spread * Math.max(0, Math.min(k, 4 - k, 1));
    }
  }
  return { ...image, values };
}

const modulo = (number: number, by: number): number => ((number % by) + by) % by;

/** 0.2989 R + 0.587 G + 0.114 B, as torchvision weighs them; a grey image's own level. */
function greysOf({ values, channels }: PixelImage): Float32Array {
  if (channels !== 3) return values;
  return Float32Array.from({ length: values.length / 3 }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = values.subarray(3 * pixel, 3 * pixel + 3);
    return 0.2989 * red + 0.587 * green + 0.114 * blue;
  });
}
