import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { Mixing } from '../../model/mixing.js';
import type { Swin, SwinWeights } from '../../model/vision/swin.js';
import type { EncodeOptions, ImageTrunk } from '../../model/vision/token-encoder.js';
import type { ViT, ViTWeights } from '../../model/vision/vit.js';
import { windowPlaces } from '../../model/vision/windows.js';
import type { Windows } from '../../model/vision/windows.js';
import type { HeatMaps } from './class-activation.js';

/** Who looks at whom in one block: the mean over the heads, for each image [from × to], each row summing to 1. */
export interface AttentionMap {
  /** Tokens. */
  readonly size: number;
  readonly images: readonly Float32Array[];
}

/**
 * The attention of each block of a ViT or a Swin, as if each token might look at each: within the windows of a Swin, and 0 beyond.
 *
 * @example
 * const maps = await attentionMaps(trunk, weights.trunk, images);
 * maps[0]?.images[0]; // [tokens × tokens]
 */
export async function attentionMaps<Trunk extends ViT | Swin>(
  trunk: Trunk,
  weights: Trunk extends ViT ? ViTWeights : SwinWeights,
  images: tf.Tensor,
): Promise<readonly AttentionMap[]> {
  const seen: tf.Tensor[] = [];
  const kept = tf.tidy(() => {
    const options: EncodeOptions = { attention: (block, bias) => recording(bias, (scores) => (seen[block] = scores)) };
    (trunk as unknown as ImageTrunk<unknown>).encode(weights, images, options);
    return seen;
  });
  const [numImages] = images.shape as [number];
  const maps: AttentionMap[] = [];
  for (const [block, scores] of kept.entries()) {
    const values = (await scores.data()) as Float32Array;
    const [all = 0, size = 0] = scores.shape;
    const windows = trunk.kind === 'swin' ? trunk.windows[block] : undefined;
    const each = values.length / numImages;
    maps.push({
      size: (all / numImages) * size,
      images: Array.from({ length: numImages }, (_, image) => {
        const own = values.subarray(image * each, (image + 1) * each);
        return windows === undefined ? own.slice() : spread(own, windows);
      }),
    });
    scores.dispose();
  }
  return maps;
}

/** softmax(Q Kᵀ + B) V, whose softmax, the mean over the heads, is given away: [batch or batch × windows, queries, keys]. */
function recording(bias: tf.Tensor | undefined, give: (attention: tf.Tensor) => void): Mixing {
  return (queries, keys, values) => {
    const [all, heads, , size, headSize] = queries.shape as [number, number, number, number, number];
    const scores = tf.matMul(tf.reshape(queries, [all, heads, size, headSize]), keys, false, true);
    const n = bias?.shape[0] ?? 1;
    const biased = bias && tf.reshape(tf.add(tf.reshape(scores, [all / n, n, heads, size, size]), bias), scores.shape);
    const attention = tf.softmax(biased ?? scores);
    give(tf.mean(attention, 1));
    return tf.reshape(tf.matMul(attention, values), queries.shape);
  };
}

/** Attention in windows as attention among all tokens of the grid. */
function spread(values: Float32Array, windows: Windows): Float32Array {
  const places = windowPlaces(windows);
  const size = windows.window ** 2;
  const all = new Float32Array(places.length ** 2);
  places.forEach((query, at) => {
    const first = at - (at % size);
    for (let key = 0; key < size; key++)
      all[query * places.length + (places[first + key] ?? 0)] = values[at * size + key] ?? 0;
  });
  return all;
}

/**
 * Attention rollout: R = Ã_L ⋯ Ã₁ with Ã = ½ A + ½ I, the half for what goes past attention: how much of each patch reaches what the classifier
 * reads, if attention alone is followed. Of a ViT the row of the class token, of a Swin the mean of all rows; between a Swin's stages a
 * merged token is taken as the mean of its four. Abnar 2020, "Quantifying Attention Flow in Transformers" (2005.00928), section 3.
 *
 * @example
 * const { maps, rows, columns } = await attentionRollout(trunk, weights.trunk, images);
 */
export async function attentionRollout<Trunk extends ViT | Swin>(
  trunk: Trunk,
  weights: Trunk extends ViT ? ViTWeights : SwinWeights,
  images: tf.Tensor,
): Promise<HeatMaps> {
  const maps = await attentionMaps(trunk, weights, images);
  const [rows, columns] = trunk.kind === 'vit' ? trunk.grid : (trunk.stages[0]?.grid ?? trunk.grid);
  const flows = Array.from({ length: images.shape[0] }, (_, image) => {
    // From the last block to the first: how much each of its tokens counts.
    const last = maps.at(-1)?.size ?? 0;
    let counts = new Float32Array(last);
    if (trunk.kind === 'vit') counts[0] = 1;
    else counts.fill(1 / last);
    for (const [block, { size, images: each }] of [...maps.entries()].reverse()) {
      if (counts.length !== size) counts = parted(counts, gridBefore(trunk as Swin, block));
      counts = through(counts, each[image] ?? new Float32Array());
    }
    return counts.subarray(counts.length - rows * columns);
  });
  return { rows, columns, maps: flows };
}

/** ½ c + ½ c A: row vector times matrix. */
function through(counts: Float32Array, attention: Float32Array): Float32Array<ArrayBuffer> {
  const size = counts.length;
  const result = Float32Array.from(counts, (count) => count / 2);
  for (let query = 0; query < size; query++)
    for (let key = 0; key < size; key++)
      result[key] = (result[key] ?? 0) + ((counts[query] ?? 0) / 2) * (attention[query * size + key] ?? 0);
  return result;
}

/** What a merged token counts, in four equal parts for those that it was made of. */
function parted(counts: Float32Array, [rows, columns]: readonly [number, number]): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns];
    return (counts[Math.floor(row / 2) * (columns / 2) + Math.floor(column / 2)] ?? 0) / 4;
  });
}

function gridBefore({ windows }: Swin, block: number): readonly [number, number] {
  const grid = windows[block]?.grid;
  if (grid !== undefined) return grid;
  throw new TrainbookError({ what: 'attentionRollout: there is no such block', received: block });
}
