import * as tf from '@tensorflow/tfjs';

/** The parts of tfjs's engine that gradients of several outputs, and of what a closure captures, need. */
interface EngineState {
  activeTape: { readonly inputs: Readonly<Record<string, tf.Tensor>>; readonly outputs: readonly tf.Tensor[] }[] | null;
  gradientDepth: number;
  kernelDepth: number;
}

interface EngineWithKernelFunctions {
  readonly state: EngineState;
  runKernelFunc(parameters: {
    readonly forwardFunc: () => tf.Tensor[];
    readonly backwardsFunc: (dys: tf.Tensor | tf.Tensor[]) => Record<string, () => tf.Tensor>;
    readonly inputs: Record<string, tf.Tensor>;
  }): tf.Tensor[];
}

function engine(): EngineWithKernelFunctions {
  return tf.engine() as unknown as EngineWithKernelFunctions;
}

/**
 * Several outputs with a gradient of their own: `backward` maps ∂L/∂output, one for each output, to ∂L/∂input, one for each
 * input. (`tf.customGrad` knows one output only.)
 */
export function customGradient(
  inputs: readonly tf.Tensor[],
  forward: () => tf.Tensor[],
  backward: (dys: readonly tf.Tensor[]) => readonly tf.Tensor[],
): tf.Tensor[] {
  return engine().runKernelFunc({
    inputs: Object.fromEntries(inputs.map((input, index) => [String(index), input])),
    forwardFunc: forward,
    backwardsFunc: (dys) => {
      const grads = outsideTape(() => backward(Array.isArray(dys) ? dys : [dys]));
      return Object.fromEntries(
        inputs.map((input, index) => [String(index), () => grads[index] ?? tf.zerosLike(input)]),
      );
    },
  });
}

/** Gradients of `fn`'s outputs, weighted by `dys`, with respect to tensors that it takes or captures; the outer tape sees nothing of it. */
export function vectorJacobian(
  fn: () => readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  dys: readonly tf.Tensor[],
): tf.Tensor[] {
  return outsideTape(() => {
    const { grads } = tf.engine().gradients(
      () => {
        // Σ dy·y has the wanted gradient, for any number of outputs.
        const terms = fn().flatMap((output, index) => {
          const dy = dys[index];
          return dy === undefined || output.dtype !== 'float32' ? [] : [tf.sum(tf.mul(output, dy))];
        });
        return terms.length === 0 ? tf.scalar(0) : tf.addN(terms);
      },
      [...inputs],
      undefined,
      true,
    );
    return inputs.map((input, index) => (grads as (tf.Tensor | null | undefined)[])[index] ?? tf.zerosLike(input));
  });
}

/**
 * Calls `fn` and finds the tensors that it uses but did not make and was not given: what its closure captures. Gradients must
 * reach them too.
 */
export function withCaptured<Result>(fn: () => Result, given: readonly tf.Tensor[]): { result: Result; captured: tf.Tensor[] } {
  const { state } = engine();
  const { activeTape, gradientDepth, kernelDepth } = state;
  const tape: NonNullable<EngineState['activeTape']> = [];
  Object.assign(state, { activeTape: tape, gradientDepth: Math.max(1, gradientDepth), kernelDepth: 0 });
  let result: Result;
  try {
    result = fn();
  } finally {
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
  const known = new Set(given.map(({ id }) => id));
  const captured = new Map<number, tf.Tensor>();
  for (const { inputs, outputs } of tape) {
    for (const input of Object.values(inputs)) {
      if (!known.has(input.id) && input.dtype === 'float32') captured.set(input.id, input);
    }
    for (const output of outputs) known.add(output.id);
  }
  return { result, captured: [...captured.values()] };
}

/** Runs `fn` with a tape of its own: tfjs's `gradients` puts its tape in place of the one around it and does not put that back. */
function outsideTape<Result>(fn: () => Result): Result {
  const { state } = engine();
  const { activeTape, kernelDepth, gradientDepth } = state;
  Object.assign(state, { activeTape: null, kernelDepth: 0, gradientDepth: 0 });
  try {
    return fn();
  } finally {
    Object.assign(state, { activeTape, kernelDepth, gradientDepth });
  }
}
