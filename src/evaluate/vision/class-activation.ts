import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { ImageClassifier, ImageClassifierWeights } from '../../model/vision/image-classifier.js';
import type { AnyImageTrunk } from '../../model/vision/token-encoder.js';

/** A number for each part of an image: one map for each image of a batch. */
export interface HeatMaps {
  readonly rows: number;
  readonly columns: number;
  /** [images][rows × columns] */
  readonly maps: readonly Float32Array[];
}

/** A classifier that maps can be made of. */
interface Seen<Trunk extends AnyImageTrunk> {
  readonly architecture: ImageClassifier<Trunk>;
  readonly weights: unknown;
}

/**
 * M_c(x, y) = Σ_k w_ck f_k(x, y): how much each token adds to the logit of a class, f the last tokens and w the head's weights. Exact where a
 * classifier reads the mean of the tokens, as Swin's does: the logit is the mean of the map, and a bias. Of a ViT, whose classifier reads the
 * class token alone, take `gradCam`.
 * Zhou 2015, "Learning Deep Features for Discriminative Localization" (1512.04150).
 *
 * @param classes The class for each image, by its number.
 * @throws TrainbookError if there is not one class for each image.
 * @example
 * const { maps } = await classActivation(model, images, [9]); // images [1, 28, 28, 1], normalised
 */
export async function classActivation<Trunk extends AnyImageTrunk>(
  { architecture, weights }: Seen<Trunk>,
  images: tf.Tensor,
  classes: readonly number[],
): Promise<HeatMaps> {
  const { trunk } = architecture;
  checkClasses('classActivation', architecture, images, classes);
  const given = weights as ImageClassifierWeights<never>;
  const maps = tf.tidy(() => {
    const tokens = onGrid(trunk.encode(given.trunk, images), trunk.grid);
    const chosen = tf.gather(tf.transpose(given.head.weight), tf.tensor1d([...classes], 'int32')); // [batch, width]
    return tf.sum(tf.mul(tokens, tf.expandDims(chosen, 1)), 2); // [batch, tokens]
  });
  return read(maps, trunk.grid);
}

export interface GradCamOptions {
  /** Whose tokens are looked at: 0 before the first block, n after block n. Default: the last at which tokens have the last grid's places. */
  readonly place?: number;
}

/**
 * max(0, Σ_k α_k f_k(x, y)) with α_k the mean over all places of ∂ logit_c / ∂ f_k: where something is that speaks for a class, by the tokens of any
 * block. Selvaraju 2016, "Grad-CAM" (1610.02391), equations 1 and 2.
 *
 * The last block's tokens of a ViT other than the class token do not reach the classifier, so its default is those before that block.
 *
 * @param classes The class for each image, by its number.
 * @throws TrainbookError if there is not one class for each image, or no such place.
 * @example
 * const { maps, rows, columns } = await gradCam(model, images, [9], { place: 2 });
 */
export async function gradCam<Trunk extends AnyImageTrunk>(
  { architecture, weights }: Seen<Trunk>,
  images: tf.Tensor,
  classes: readonly number[],
  { place }: GradCamOptions = {},
): Promise<HeatMaps> {
  const { trunk } = architecture;
  checkClasses('gradCam', architecture, images, classes);
  const given = weights as ImageClassifierWeights<never>;
  const states = tf.tidy(() => {
    const seen: tf.Tensor3D[] = [];
    trunk.encode(given.trunk, images, {
      observe: (at, tokens) => {
        seen[at] = tokens;
        return tokens;
      },
    });
    return seen;
  });
  const before = trunk.kind === 'vit' ? 2 : 1;
  const at = place ?? states.length - before;
  const tokens = states[at];
  if (tokens === undefined) {
    tf.dispose(states);
    throw new TrainbookError({
      what: 'gradCam: there is no such place',
      received: at,
      expected: `an integer from 0 to ${states.length - 1}`,
    });
  }
  const [, numTokens] = tokens.shape;
  const grid = gridOf(trunk, numTokens);
  const maps = tf.tidy(() => {
    const logitOf = (given3d: tf.Tensor): tf.Scalar => {
      const through = trunk.encode(given.trunk, images, {
        observe: (here, own) => (here === at ? (given3d as tf.Tensor3D) : own),
      });
      const logits = architecture.logits(given, through);
      return tf.sum(tf.mul(logits, tf.oneHot(tf.tensor1d([...classes], 'int32'), architecture.classes.length)));
    };
    // The images of a batch do not see each other: the gradient of the sum is each one's own.
    const gradient = onGrid(tf.grad(logitOf)(tokens), grid);
    const importance = tf.mean(gradient, 1, true); // [batch, 1, width]
    return tf.relu(tf.sum(tf.mul(onGrid(tokens, grid), importance), 2));
  });
  tf.dispose(states);
  return read(maps, grid);
}

/** The tokens that have a place on the grid: a class token before them has none. */
function onGrid(tokens: tf.Tensor, [rows, columns]: readonly [number, number]): tf.Tensor {
  const before = (tokens.shape[1] ?? 0) - rows * columns;
  return before === 0 ? tokens : tf.slice(tokens, [0, before, 0], [-1, -1, -1]);
}

/** The rows and columns of so many tokens: those of the last grid, or two, four, … times as many of each. */
function gridOf({ grid: [rows, columns] }: AnyImageTrunk, numTokens: number): readonly [number, number] {
  const times = Math.floor(Math.sqrt(numTokens / (rows * columns)));
  return [rows * times, columns * times];
}

async function read(maps: tf.Tensor, [rows, columns]: readonly [number, number]): Promise<HeatMaps> {
  const numbers = (await maps.data()) as Float32Array;
  const [count = 0] = maps.shape;
  maps.dispose();
  const size = rows * columns;
  return {
    rows,
    columns,
    maps: Array.from({ length: count }, (_, image) => numbers.slice(image * size, (image + 1) * size)),
  };
}

function checkClasses(
  what: string,
  { classes: known }: { readonly classes: readonly string[] },
  images: tf.Tensor,
  classes: readonly number[],
): void {
  const wrong = classes.find((own) => !Number.isInteger(own) || own < 0 || own >= known.length);
  if (classes.length === images.shape[0] && wrong === undefined) return;
  throw new TrainbookError({
    what: `${what}: there is not one class for each image`,
    received: `[${classes.join(', ')}] for ${String(images.shape[0])} images`,
    expected: `a number from 0 to ${known.length - 1} for each`,
  });
}
