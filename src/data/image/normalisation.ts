import { z } from 'zod';
import type { Train } from '../table/part.js';
import { checkImages } from './images.js';
import type { Images, PixelImage } from './images.js';

/** What was learned of the light of images: plain, so that it can be kept with a model. */
export const normalisationSchema = z.strictObject({
  /** The mean of each channel, where 0 is dark and 1 light. */
  mean: z.array(z.number()).min(1),
  deviation: z.array(z.number().positive()).min(1),
});

export type Normalisation = z.output<typeof normalisationSchema>;

/**
 * Mean and standard deviation of each channel over the training part; test images do not compile: what is learned from them would make the
 * test too easy.
 *
 * @example
 * const { train, test } = await loadImages('fashion_mnist');
 * const normalisation = channelNormalisation(train); // { mean: [0.286], deviation: [0.353] }
 */
export function channelNormalisation(train: Train<Images>): Normalisation {
  checkImages('channelNormalisation', train);
  const { pixels, channels } = train;
  const each = pixels.length / channels;
  const moments = Array.from({ length: channels }, (_, channel) => {
    let [sum, squares] = [0, 0];
    for (let at = channel; at < pixels.length; at += channels) {
      const level = pixels[at] ?? 0;
      sum += level;
      squares += level * level;
    }
    const mean = sum / each;
    return [mean / 255, Math.sqrt(Math.max(0, squares / each - mean * mean)) / 255] as const;
  });
  return {
    mean: moments.map(([mean]) => mean),
    // A channel that is the same everywhere tells nothing: it stays as it is.
    deviation: moments.map(([, deviation]) => (deviation > 0 ? deviation : 1)),
  };
}

/** (x − mean) / deviation of each channel, into a place of an array. */
export function writeNormalised(
  { values, channels }: PixelImage,
  { mean, deviation }: Normalisation,
  into: Float32Array,
  start: number,
): void {
  for (let at = 0; at < values.length; at++) {
    const channel = at % channels;
    into[start + at] = ((values[at] ?? 0) - (mean[channel] ?? 0)) / (deviation[channel] ?? 1);
  }
}
