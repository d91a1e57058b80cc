import * as tf from '@tensorflow/tfjs';

/** How one kernel of tfjs passes gradients back: a function of the outputs' gradients, what was kept, and the attributes. */
export interface Gradient<Attributes> {
  readonly kernel: string;
  /** Names of inputs to keep for the backward pass; `'all'` where the kernel takes a list. */
  readonly inputs?: readonly string[] | 'all';
  /** Which outputs to keep. */
  readonly outputs?: readonly boolean[];
  /** The gradient of each input by its name; a thunk runs only if that input's gradient is wanted. It must be float32, of the input's shape. */
  backward: (
    dys: readonly tf.Tensor[],
    kept: readonly tf.Tensor[],
    attributes: Attributes,
  ) => Record<string, () => tf.Tensor>;
}

/** Registers a gradient for all backends, in place of tfjs's own where it has one. */
export function registerGradient<Attributes>({ kernel, inputs, outputs, backward }: Gradient<Attributes>): void {
  tf.registerGradient({
    kernelName: kernel,
    ...(inputs === 'all' ? { saveAllInputs: true } : inputs === undefined ? {} : { inputsToSave: [...inputs] }),
    ...(outputs === undefined ? {} : { outputsToSave: [...outputs] }),
    gradFunc: (dy, saved, attributes) =>
      backward(Array.isArray(dy) ? dy : [dy], saved, attributes as unknown as Attributes),
  });
}

/** The `index`-th of the tensors that a gradient was given; tfjs gives as many as were asked for. */
export function at(tensors: readonly tf.Tensor[], index: number): tf.Tensor {
  const tensor = tensors[index];
  if (tensor === undefined)
    throw new Error(`internal: a gradient was given ${tensors.length} tensors and wants number ${index}`);
  return tensor;
}

/** float32 zeros of a tensor's shape, as one op: `tf.zeros` would make an array in JavaScript, a large constant in a trace. */
export function zerosFor(tensor: tf.Tensor): tf.Tensor {
  return tf.fill(tensor.shape, 0, 'float32');
}

/**
 * Undoes a broadcast: the sum of dy over the axes along which `shape` was stretched to dy's shape.
 * Broadcasting copies each element; the gradient of a copied element is the sum over its copies.
 */
export function sumToShape(dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const added = dy.rank - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < added || (shape[axis - added] === 1 && size !== 1) ? [axis] : [],
  );
  return axes.length === 0 ? dy : tf.reshape(tf.sum(dy, axes), [...shape]);
}

/** An axis counted from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The product of sizes. */
export function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
