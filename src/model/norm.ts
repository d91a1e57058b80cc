import * as tf from '@tensorflow/tfjs';

/** One gain a feature, and for some norms a bias: [width] each. */
export type NormWeights<Leaf = tf.Tensor> = { readonly weight: Leaf; readonly bias?: Leaf };

/** A norm over the last axis: `(weights, x [..., width]) → [..., width]`. */
export type Norm = (weights: NormWeights, x: tf.Tensor) => tf.Tensor;

/**
 * y = g · x / √(mean(x²) + ε), over the last axis.
 * Zhang and Sennrich 2019, "Root Mean Square Layer Normalization" (1910.07467).
 *
 * The gradient is written out, two reductions in all, in place of the dozen ops that a derivation op by op gives:
 * with r = 1/√(mean(x²) + ε), n = x r and s = dy · g, it is dx = r (s − n mean(s n)) and dg = Σ dy n.
 *
 * @example
 * const norm = rmsNorm(1e-5);
 * norm({ weight: gain }, x);
 */
export function rmsNorm(epsilon: number): Norm {
  return ({ weight: gain }, x) => {
    const rootInverse = (input: tf.Tensor): tf.Tensor => tf.rsqrt(tf.add(tf.mean(tf.square(input), -1, true), epsilon)); // [..., 1]
    return normWithGradient(
      gain,
      x,
      (input) => {
        const inverse = rootInverse(input);
        return { normalised: tf.mul(input, inverse), inverse };
      },
      (scaled, normalised, inverse) =>
        tf.mul(inverse, tf.sub(scaled, tf.mul(normalised, tf.mean(tf.mul(scaled, normalised), -1, true)))),
    );
  };
}

/**
 * y = g · (x − mean(x)) / √(var(x) + ε) + b, over the last axis.
 * Ba, Kiros and Hinton 2016, "Layer Normalization" (1607.06450); without the bias as in Xu 2019 (1911.07013).
 *
 * Gradient as for `rmsNorm`, with the mean of s taken off too: dx = r (s − mean(s) − n mean(s n)).
 *
 * @example
 * const norm = layerNorm(1e-5);
 * norm({ weight: gain, bias }, x);
 */
export function layerNorm(epsilon: number): Norm {
  return ({ weight: gain, bias }, x) => {
    const y = normWithGradient(
      gain,
      x,
      (input) => {
        const centred = tf.sub(input, tf.mean(input, -1, true));
        const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon)); // [..., 1]
        return { normalised: tf.mul(centred, inverse), inverse };
      },
      (scaled, normalised, inverse) => {
        const along = tf.mul(normalised, tf.mean(tf.mul(scaled, normalised), -1, true));
        return tf.mul(inverse, tf.sub(tf.sub(scaled, tf.mean(scaled, -1, true)), along));
      },
    );
    return bias === undefined ? y : tf.add(y, bias);
  };
}

type Normalised = (x: tf.Tensor) => { readonly normalised: tf.Tensor; readonly inverse: tf.Tensor };
type InputGradient = (scaled: tf.Tensor, normalised: tf.Tensor, inverse: tf.Tensor) => tf.Tensor;

/**
 * Gain times a normalised x, with its gradient. The backward pass computes the normalised x again from x (a compiled step finds
 * the two equal and keeps one): saved intermediate values would stand outside a second derivative.
 */
function normWithGradient(
  gain: tf.Tensor,
  x: tf.Tensor,
  normalise: Normalised,
  inputGradient: InputGradient,
): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const [g, input, save] = args as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([g, input]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [savedGain, savedInput] = saved as [tf.Tensor, tf.Tensor];
      const { normalised, inverse } = normalise(savedInput);
      const leading = savedInput.shape.slice(0, -1).map((_, axis) => axis);
      return [
        tf.sum(tf.mul(dy, normalised), leading), // [width]
        inputGradient(tf.mul(dy, savedGain), normalised, inverse),
      ];
    };
    return { value: tf.mul(normalise(input).normalised, g), gradFunc };
  });
  return apply(gain, x);
}
