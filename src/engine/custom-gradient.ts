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

/** What the gradients around the current point are taken with respect to, by tensor id; undefined where tfjs's own functions take them. */
let watched: ReadonlySet<number> | undefined;

/** Whether gradients are being taken around the current point: what is computed now may be asked for its gradient. */
export function isDifferentiated(): boolean {
  return engine().state.activeTape !== null;
}

/** A scalar function's value and its gradients with respect to `xs`; undefined where it does not depend on one. */
export function gradients(
  fn: () => tf.Tensor,
  xs: readonly tf.Tensor[],
): { readonly value: tf.Tensor; readonly grads: readonly (tf.Tensor | undefined)[] } {
  const outer = watched;
  try {
    const { value, grads } = tf.engine().gradients(
      () => {
        watched = new Set([...(outer ?? []), ...xs.map(({ id }) => id)]);
        try {
          return fn();
        } finally {
          watched = undefined;
        }
      },
      [...xs],
      undefined,
      true,
    );
    return { value, grads: (grads as (tf.Tensor | null | undefined)[]).map((grad) => grad ?? undefined) };
  } finally {
    watched = outer;
  }
}

/** Gradients of `fn`'s outputs, weighted by `dys`, with respect to tensors that it takes or captures; the outer tape sees nothing of it. */
export function vectorJacobian(
  fn: () => readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  dys: readonly tf.Tensor[],
): tf.Tensor[] {
  return outsideTape(() => {
    const { grads } = gradients(() => {
      // Σ dy·y has the wanted gradient, for any number of outputs.
      const terms = fn().flatMap((output, index) => {
        const dy = dys[index];
        return dy === undefined || output.dtype !== 'float32' ? [] : [tf.sum(tf.mul(output, dy))];
      });
      return terms.length === 0 ? tf.scalar(0) : tf.addN(terms);
    }, inputs);
    return inputs.map((input, index) => grads[index] ?? tf.zerosLike(input));
  });
}

/**
 * Calls `fn` and finds the tensors that it uses but did not make and was not given: what its closure captures. Gradients must
 * reach those of them that depend on what is differentiated.
 */
export function withCaptured<Result>(
  fn: () => Result,
  given: readonly tf.Tensor[],
): { result: Result; captured: tf.Tensor[] } {
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
  const before = dependents(activeTape ?? []);
  const captured = new Map<number, tf.Tensor>();
  for (const { inputs, outputs } of tape) {
    for (const input of Object.values(inputs)) {
      if (!known.has(input.id) && input.dtype === 'float32' && before(input)) captured.set(input.id, input);
    }
    for (const output of outputs) known.add(output.id);
  }
  return { result, captured: [...captured.values()] };
}

/** Tells of a tensor that existed before whether it depends on what is differentiated: by the tape, from the watched tensors. */
function dependents(tape: NonNullable<EngineState['activeTape']>): (tensor: tf.Tensor) => boolean {
  if (watched === undefined) {
    // tf.grad and its kin do not say what they watch: whatever the tape knows may matter.
    const seen = new Set(
      tape.flatMap(({ inputs, outputs }) => [...Object.values(inputs), ...outputs].map(({ id }) => id)),
    );
    return ({ id }) => seen.has(id);
  }
  const reached = new Set(watched);
  for (const { inputs, outputs } of tape) {
    if (Object.values(inputs).some(({ id }) => reached.has(id))) for (const { id } of outputs) reached.add(id);
  }
  return ({ id }) => reached.has(id);
}

/** Runs `fn` apart from the tape around it: tfjs's `gradients` puts its tape in place of the one around it and does not put that back. */
export function outsideTape<Result>(fn: () => Result): Result {
  const { state } = engine();
  const { activeTape, kernelDepth, gradientDepth } = state;
  Object.assign(state, { activeTape: null, kernelDepth: 0, gradientDepth: 0 });
  try {
    return fn();
  } finally {
    Object.assign(state, { activeTape, kernelDepth, gradientDepth });
  }
}
