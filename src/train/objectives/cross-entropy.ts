import * as tf from '@tensorflow/tfjs';
import { isOnMesh } from '../../engine/mesh/constrain.js';

// Legend: rows = batch × time; V = vocabulary.

/** How targets are taken. */
export interface TokenLossOptions {
  /** ε, in [0, 1): the share of the target that is spread evenly over all classes. Default: 0. */
  readonly labelSmoothing?: number | undefined;
}

/**
 * log Σⱼ exp zⱼ − Σⱼ qⱼ zⱼ for each row, in nats: logits [rows, V], targets int32 [rows] → [rows]. q is onehot(y), so that it is
 * −log softmax(z)[y]; with label smoothing (1 − ε) onehot(y) + ε / V: Szegedy 2015 (1512.00567), as in PyTorch's cross_entropy.
 *
 * The largest logit is taken off first, so that exp does not overflow. Its gradient is softmax(z) − q, written out:
 * the derivation op by op keeps several matrices of the logits' size, which is the largest of a small model's step.
 *
 * @example
 * const losses = tokenLosses(logits, targets);
 */
export function tokenLosses(
  logits: tf.Tensor2D,
  targets: tf.Tensor1D,
  { labelSmoothing = 0 }: TokenLossOptions = {},
): tf.Tensor1D {
  const apply = tf.customGrad((...args) => {
    const [z, save] = args as [tf.Tensor2D, tf.GradSaveFunc];
    const [, numClasses] = z.shape;
    const spread = labelSmoothing / numClasses;
    save([z, targets]);
    const chosen = isOnMesh() ? maskedOut(z, targets) : gathered(z, targets);
    const expected = spread === 0 ? chosen : tf.add(tf.mul(chosen, 1 - labelSmoothing), tf.mul(tf.sum(z, 1), spread));
    return {
      value: tf.sub(tf.squeeze(logSumExp(z), [1]), expected),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [again, savedTargets] = saved as [tf.Tensor2D, tf.Tensor1D];
        const probabilities = tf.exp(tf.sub(again, logSumExp(again)));
        const goal = tf.oneHot(savedTargets, numClasses, 1 - labelSmoothing + spread, spread, 'float32');
        return [tf.mul(tf.sub(probabilities, goal), tf.expandDims(dy, 1))];
      },
    };
  });
  return apply(logits) as tf.Tensor1D;
}

/** z[row, target] of each row: [rows, V], [rows] → [rows]. */
function gathered(z: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const [numRows, numClasses] = z.shape;
  const starts = tf.range(0, numRows * numClasses, numClasses, 'int32'); // each row's place in the flat logits
  return tf.gather(tf.reshape<tf.Rank.R1>(z, [-1]), tf.add(starts, targets));
}

/** The same as a sum with all other logits left out, where devices of a mesh have some rows or classes each: what crosses it is a number a row at most. */
function maskedOut(z: tf.Tensor2D, targets: tf.Tensor1D): tf.Tensor1D {
  const isTarget = tf.equal(tf.range(0, z.shape[1], 1, 'int32'), tf.expandDims(targets, 1)); // [rows, V]
  return tf.sum(tf.where(isTarget, z, 0), 1);
}

/**
 * (log Σⱼ exp zⱼ)² for each row: logits [rows, V] → [rows]. Added to a loss with a small factor it keeps softmax's denominator
 * near 1, and logits from drifting: the z-loss of Chowdhery 2022, "PaLM" (2204.02311), section 5. Its gradient is 2 log Σ exp · softmax(z).
 *
 * @example
 * const loss = tf.add(tokenLosses(logits, targets), tf.mul(zLosses(logits), 1e-4));
 */
export function zLosses(logits: tf.Tensor2D): tf.Tensor1D {
  const apply = tf.customGrad((...args) => {
    const [z, save] = args as [tf.Tensor2D, tf.GradSaveFunc];
    save([z]);
    return {
      value: tf.square(tf.squeeze(logSumExp(z), [1])),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [again] = saved as [tf.Tensor2D];
        const ofRows = logSumExp(again);
        const factors = tf.mul(tf.mul(ofRows, 2), tf.expandDims(dy, 1)); // [rows, 1]
        return [tf.mul(tf.exp(tf.sub(again, ofRows)), factors)];
      },
    };
  });
  return apply(logits) as tf.Tensor1D;
}

/** log Σⱼ exp zⱼ of each row: [rows, V] → [rows, 1]. */
function logSumExp(z: tf.Tensor2D): tf.Tensor {
  const highest = tf.max(z, 1, true);
  return tf.add(tf.log(tf.sum(tf.exp(tf.sub(z, highest)), 1, true)), highest);
}

/** What a language-model loss looks at. */
export interface Targets {
  readonly targets: tf.Tensor; // int32 [batch, time]
  /** How much each token counts; 0 for padding. */
  readonly weights: tf.Tensor; // float32 [batch, time]
}

/**
 * Σ w (−log softmax(z)[y]) over all tokens, in nats: what an evaluation adds up over batches.
 *
 * @example
 * sumCrossEntropy(logits, { targets, weights });
 */
export function sumCrossEntropy(logits: tf.Tensor, { targets, weights }: Targets): tf.Scalar {
  const numClasses = logits.shape.at(-1) ?? 0;
  const losses = tokenLosses(tf.reshape(logits, [-1, numClasses]), tf.reshape(targets, [-1]));
  return tf.sum(tf.mul(losses, tf.reshape(weights, [-1])));
}

/**
 * Σ w (−log softmax(z)[y]) / Σ w: mean nats per counted token. A batch in which nothing counts has loss 0.
 * logits [batch, time, V].
 *
 * @example
 * const loss = crossEntropy(architecture.forward(weights, inputs), { targets, weights: counted });
 */
export function crossEntropy(logits: tf.Tensor, targets: Targets): tf.Scalar {
  const total = tf.maximum(tf.sum(targets.weights), smallestTotal);
  return tf.div(sumCrossEntropy(logits, targets), total);
}

/** Keeps 0 / 0 out; far below any weight in use. */
const smallestTotal = 1e-6;
