import * as tf from '@tensorflow/tfjs';
import { loop, opaqueOne } from './control.js';
import { customGradient, vectorJacobian, withCaptured } from './custom-gradient.js';
import { activeRecorder } from './recorder.js';
import { flatten, unflatten, unflattenArguments } from './tree.js';
import type { Tree } from './tree.js';

/**
 * Recomputation: `fn`'s intermediate values are not kept for the backward pass but computed again there. Same results; less
 * memory; about one more forward pass of time. Wrap each block of a deep model. What `fn` gives, a tensor or a tree of them, is all
 * that may be used of what it makes.
 *
 * It works in compiled functions; outside one `fn` simply runs.
 *
 * The recomputation stands in a loop that runs once, so often as an opaque input says: a compiler would otherwise
 * see that the two forward passes are equal and keep the values after all (XLA on CPU removes optimization barriers).
 *
 * Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost (1604.06174).
 *
 * @example
 * const remember = remat((weights: Block, x: tf.Tensor) => block(weights, x));
 */
export function remat<Arguments extends readonly unknown[], Result extends Tree<tf.Tensor>>(
  fn: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  return (...args) => {
    if (activeRecorder() === undefined) return fn(...args);
    const leaves = flatten<unknown>(args);
    const tensors = leaves.filter((leaf): leaf is tf.Tensor => leaf instanceof tf.Tensor);
    const apply = (inputs: readonly tf.Tensor[]): Result => {
      let next = 0;
      const given = leaves.map((leaf) => (leaf instanceof tf.Tensor ? inputs[next++] : leaf));
      return fn(...unflattenArguments(args, given));
    };
    const { result, captured } = withCaptured(
      () => tf.tidy(() => apply(tensors) as tf.TensorContainer) as Result,
      tensors,
    );
    const inputs = [...tensors, ...captured];
    const results = flatten<tf.Tensor>(result);
    const isFloat = results.map(({ dtype }) => dtype === 'float32');
    const outputs = customGradient(
      inputs,
      () => results,
      (dys) => {
        const floats = dys.filter((_, index) => isFloat[index]);
        return recompute((given) => flatten<tf.Tensor>(apply(given)).filter((_, index) => isFloat[index]), {
          tensors,
          captured,
          dys: floats,
        });
      },
    );
    return unflatten<tf.Tensor>(result, outputs) as Result;
  };
}

interface Recomputed {
  readonly tensors: readonly tf.Tensor[];
  readonly captured: readonly tf.Tensor[];
  /** One for each output. */
  readonly dys: readonly tf.Tensor[];
}

/** Gradients of the block with respect to its inputs and what it captures, from its inputs alone. */
function recompute(
  apply: (inputs: readonly tf.Tensor[]) => readonly tf.Tensor[],
  { tensors, captured, dys }: Recomputed,
): readonly tf.Tensor[] {
  const gradients = (inputs: readonly tf.Tensor[], from: readonly tf.Tensor[]): tf.Tensor[] =>
    vectorJacobian(() => apply(inputs), [...inputs, ...captured], from);
  const float = [...tensors, ...captured].map(({ dtype }) => dtype === 'float32');
  const zeros = [...tensors, ...captured].filter((_, index) => float[index]).map((tensor) => tf.zeros(tensor.shape));
  const state = [tf.scalar(0, 'int32'), opaqueOne(), ...dys, ...tensors, ...zeros];
  const looped = loop(
    ([index, count]) => tf.less(index ?? missing(), count ?? missing()),
    ([index, count, ...rest]) => {
      const from = rest.slice(0, dys.length);
      const inputs = rest.slice(dys.length, dys.length + tensors.length);
      const found = gradients(inputs, from).filter((_, position) => float[position]);
      // Inputs that came back unchanged would be loop-invariant, and what depends on them alone would be moved out of the loop.
      const used = inputs.map((input) => tf.zerosLike(input));
      return [tf.add(index ?? missing(), tf.scalar(1, 'int32')), count ?? missing(), ...from, ...used, ...found];
    },
    state,
    { name: 'remat', length: 1 },
  );
  const found = looped.slice(2 + dys.length + tensors.length);
  let next = 0;
  return float.map((isFloat, index) => {
    if (isFloat) return found[next++] ?? missing();
    return tf.zerosLike([...tensors, ...captured][index] ?? missing());
  });
}

function missing(): never {
  throw new Error('internal: the loop lost a part of its state');
}
