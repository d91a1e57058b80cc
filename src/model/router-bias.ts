import * as tf from '@tensorflow/tfjs';

/**
 * The gates as they are; in the place of the bias's gradient stands the error of each expert's load, c − k · tokens / E of c
 * assignments, which says the direction that balances them: DeepSeek-V3 (2412.19437), section 2.1.2, after Wang 2024 (2408.15664).
 *
 * The bias decides a choice alone, so its own gradient is 0. What stands in its place goes the way of gradients: it is added
 * up over the pieces of a batch and over processes, is left out with a step that is skipped, and `balanceExperts` moves the bias by its
 * sign. It is as good as nothing beside gradients (2⁻⁴⁰ for a token), so that norms and clipping do not see it, and of whole numbers of
 * that unit, so that sums of it are exact.
 */
export function chargeBias(gates: tf.Tensor, bias: tf.Tensor, experts: tf.Tensor): tf.Tensor {
  const number = bias.shape[0];
  const apply = tf.customGrad((...args) => {
    const [values, , save] = args as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([experts]);
    return {
      value: tf.clone(values),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [chosen] = saved as [tf.Tensor];
        const counts = tf.sum(tf.oneHot(tf.reshape(chosen, [-1]), number, 1, 0, 'float32'), 0); // [E]
        const errors = tf.sub(tf.mul(counts, number), chosen.size);
        return [dy, tf.mul(errors, loadUnit)];
      },
    };
  });
  return apply(gates, bias);
}

/** What E assignments too many are in the gradient's place. */
export const loadUnit = 2 ** -40;
