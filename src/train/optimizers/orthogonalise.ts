import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import { mapTree } from '../../engine/tree.js';
import { stateless } from './optimizer.js';
import type { Optimizer } from './optimizer.js';

/** a σ + b σ³ + c σ⁵: steep at 0, and near 1 it stays within 0.7 and 1.2. Keller Jordan 2024. */
const [a, b, c] = [3.4445, -4.775, 2.0315];

/**
 * Nearly U Vᵀ of G = U S Vᵀ, by Newton–Schulz iterations X ← a X + (b A + c A²) X, A = X Xᵀ, from X = G / ‖G‖: each maps every singular
 * value by one polynomial. After 5 they lie at about 0.7 to 1.2, which serves as well as 1. Only matrix products are used.
 *
 * Jordan 2024, "Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon); Bernstein and Newhouse
 * 2024 (2409.20325). Products have the precision in force: PyTorch's are always bfloat16.
 */
export function newtonSchulz(matrix: tf.Tensor2D, iterations = 5): tf.Tensor2D {
  const [rows, columns] = matrix.shape;
  const tall = rows > columns;
  let x: tf.Tensor2D = tall ? tf.transpose(matrix) : matrix; // [short, long], so that A is the small one of the two products
  x = tf.div(x, tf.maximum(tf.norm(x), 1e-7));
  for (let iteration = 0; iteration < iterations; iteration++) {
    const gram = tf.matMul<tf.Tensor2D>(x, x, false, true); // [short, short]
    const higher = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c));
    x = tf.add(tf.mul(x, a), tf.matMul(higher, x));
  }
  return tall ? tf.transpose(x) : x;
}

/** How long orthogonal updates are. */
export interface OrthogonaliseOptions {
  /** Newton–Schulz iterations. Default 5. */
  readonly iterations?: number;
  /**
   * `adamw`: 0.2 √max(inputs, outputs), so that an update has AdamW's root mean square of about 0.2, and AdamW's learning rate
   * and decay can be used (Liu 2025, "Muon is Scalable for LLM Training", 2502.16982). `spectral`: √max(1, outputs / inputs), as
   * first published; rates are then about 0.02. Default `adamw`.
   */
  readonly scale?: 'adamw' | 'spectral';
}

const scales = {
  adamw: (inputs: number, outputs: number) => 0.2 * Math.sqrt(Math.max(inputs, outputs)),
  spectral: (inputs: number, outputs: number) => Math.sqrt(Math.max(1, outputs / inputs)),
} as const;

/**
 * Each matrix of updates [inputs, outputs] becomes nearly orthogonal: all its directions count alike. Behind momentum this is Muon.
 *
 * @throws TrainbookError if an update is no matrix: others belong to another optimizer, see `partition`.
 * @example
 * chain(scaleByMomentum({ momentum: 0.95, nesterov: true }), orthogonalise(), scaleByLearningRate(3e-4));
 */
export function orthogonalise({ iterations = 5, scale = 'adamw' }: OrthogonaliseOptions = {}): Optimizer<
  readonly never[]
> {
  return stateless((updates) =>
    mapTree<tf.Tensor, tf.Tensor>(updates, (update, path) => {
      if (update.rank !== 2) {
        throw new TrainbookError({
          what: `orthogonalise: ${path} is no matrix`,
          received: `[${update.shape.join(', ')}]`,
          expected: 'two axes',
          fix: 'give it to another optimizer by partition, as muon does',
        });
      }
      const [inputs, outputs] = update.shape as [number, number];
      return tf.mul(newtonSchulz(update as tf.Tensor2D, iterations), scales[scale](inputs, outputs));
    }),
  );
}
