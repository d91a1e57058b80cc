import * as tf from '@tensorflow/tfjs';

/**
 * y = x with ∂y/∂x = 0: a value to be taken as given, such as a reward, a reference or a straight-through estimate
 * x + stopGradient(round(x) − x).
 *
 * What x was made from is cut off, so no gradient of zeros is carried back through it. (tfjs's own `tf.grads` refuses an argument that
 * has no other way to the result; `valueAndGrads` gives zeros.)
 *
 * @example
 * const advantage = stopGradient(tf.sub(reward, baseline));
 */
export function stopGradient<Tensor extends tf.Tensor>(x: Tensor): Tensor {
  const { state } = tf.engine();
  // Inside a kernel tfjs records nothing: to the tape, the copy is a value from nowhere.
  state.kernelDepth++;
  try {
    return tf.clone(x);
  } finally {
    state.kernelDepth--;
  }
}
