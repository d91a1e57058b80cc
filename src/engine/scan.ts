import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { binding } from './backend.js';
import { loop } from './control.js';
import { customGradient, vectorJacobian, withCaptured } from './custom-gradient.js';
import { op1 } from './op.js';
import { activeRecorder } from './recorder.js';
import type { Spec } from './trace.js';
import { trace } from './tracing.js';

/** One step of a scan: the carry and a slice of each input → the next carry and a slice of each output. */
export type ScanStep = (
  carry: readonly tf.Tensor[],
  slices: readonly tf.Tensor[],
) => { readonly carry: readonly tf.Tensor[]; readonly outputs: readonly tf.Tensor[] };

export interface Scanned {
  readonly carry: tf.Tensor[];
  /** Each [length, …]: the steps' outputs, stacked. */
  readonly outputs: tf.Tensor[];
}

/**
 * A loop over the first axis: `(carry, outputs[i]) = step(carry, inputs[i])`, traced once however long it is. A deep model
 * of equal layers compiles as fast as one layer; a loss over chunks never holds all of its logits.
 *
 * Gradients flow to the carry, the inputs and what `step` captures. The backward pass keeps only the carries and runs each
 * step again (recomputation), so memory is linear in the carry. Outside a compiled function the steps simply run.
 *
 * @throws TrainbookError if the inputs have different lengths, or the carry changes its shape.
 * @example
 * const { carry: [sum] } = scan(([total], [x]) => ({ carry: [tf.add(total, x)], outputs: [] }), [tf.scalar(0)], [numbers]);
 */
export function scan(
  step: ScanStep,
  initial: readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  length?: number,
): Scanned {
  const numSteps = lengthOf(inputs, length);
  if (activeRecorder() === undefined) return unrolled(step, initial, inputs, numSteps);
  const given = [...initial, ...inputs];
  const { result, captured } = withCaptured(() => forward(step, initial, inputs, numSteps), given);
  const { carry, outputs, carries } = result;
  const all = [...given, ...captured];
  const results = customGradient(
    all,
    () => [...carry, ...outputs],
    (dys) => backward(step, { initial, inputs, captured, carries, numSteps }, dys),
  );
  return { carry: results.slice(0, carry.length), outputs: results.slice(carry.length) };
}

/** Outside a compiled function the steps simply run one after another, and tfjs's own gradients hold. */
function unrolled(
  step: ScanStep,
  initial: readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  numSteps: number,
): Scanned {
  let carry: readonly tf.Tensor[] = initial;
  const rows: (readonly tf.Tensor[])[] = [];
  for (let index = 0; index < numSteps; index++) {
    const done = step(
      carry,
      inputs.map((input) => rowOf(input, tf.scalar(index, 'int32'))),
    );
    requireSameShapes(carry, done.carry);
    carry = done.carry;
    rows.push(done.outputs);
  }
  const [first = []] = rows;
  return { carry: [...carry], outputs: first.map((_, place) => tf.stack(rows.map((outputs) => get(outputs[place])))) };
}

interface Forward {
  readonly carry: tf.Tensor[];
  readonly outputs: tf.Tensor[];
  /** Each carry as it was before each step: [length, …]. */
  readonly carries: tf.Tensor[];
}

function forward(
  step: ScanStep,
  initial: readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  numSteps: number,
): Forward {
  const after = shapesOfStep(step, initial, inputs);
  requireSameShapes(initial, after.slice(0, initial.length));
  const stacks = [...initial, ...after.slice(initial.length)].map(({ shape, dtype }) =>
    tf.zeros([numSteps, ...shape], dtype),
  );
  const numCarry = initial.length;
  const state = loop(
    ([index]) => tf.less(get(index), tf.scalar(numSteps, 'int32')),
    ([index, ...rest]) => {
      const i = get(index);
      const carry = rest.slice(0, numCarry);
      const { carry: next, outputs } = step(
        carry,
        inputs.map((input) => rowOf(input, i)),
      );
      const kept = [...carry, ...outputs].map((value, place) => writeRow(get(rest[numCarry + place]), i, value));
      return [tf.add(i, tf.scalar(1, 'int32')), ...next, ...kept];
    },
    [tf.scalar(0, 'int32'), ...initial, ...stacks],
    { name: 'scan', length: numSteps },
  );
  return {
    carry: state.slice(1, 1 + numCarry),
    carries: state.slice(1 + numCarry, 1 + 2 * numCarry),
    outputs: state.slice(1 + 2 * numCarry),
  };
}

interface Residuals {
  readonly initial: readonly tf.Tensor[];
  readonly inputs: readonly tf.Tensor[];
  readonly captured: readonly tf.Tensor[];
  readonly carries: readonly tf.Tensor[];
  readonly numSteps: number;
}

/** From the last step to the first: the gradient of the carry is carried, those of the inputs are rows, those of captures add up. */
function backward(step: ScanStep, residuals: Residuals, dys: readonly tf.Tensor[]): tf.Tensor[] {
  const { initial, inputs, captured, carries, numSteps } = residuals;
  const numCarry = initial.length;
  const floatInputs = inputs.map(({ dtype }) => dtype === 'float32');
  const zeros = [...inputs, ...captured].map((tensor) => tf.zeros(tensor.shape));
  const dOutputs = dys.slice(numCarry);
  const dCarry = initial.map((tensor, place) =>
    tensor.dtype === 'float32' ? get(dys[place]) : tf.zeros(tensor.shape),
  );
  const state = loop(
    ([index]) => tf.greaterEqual(get(index), tf.scalar(0, 'int32')),
    ([index, ...rest]) => {
      const i = get(index);
      const carry = carries.map((stack) => rowOf(stack, i));
      const slices = inputs.map((input) => rowOf(input, i));
      const weights = [...rest.slice(0, numCarry), ...dOutputs.map((stack) => rowOf(stack, i))];
      const found = vectorJacobian(
        () => {
          const { carry: next, outputs } = step(carry, slices);
          return [...next, ...outputs];
        },
        [...carry, ...slices, ...captured],
        weights,
      );
      const dInputs = inputs.map((_, place) => {
        const stack = get(rest[numCarry + place]);
        return floatInputs[place] === true ? writeRow(stack, i, get(found[numCarry + place])) : stack;
      });
      const dCaptured = captured.map((_, place) =>
        tf.add(get(rest[numCarry + inputs.length + place]), get(found[numCarry + inputs.length + place])),
      );
      const dBefore = initial.map((tensor, place) =>
        tensor.dtype === 'float32' ? get(found[place]) : get(rest[place]),
      );
      return [tf.sub(i, tf.scalar(1, 'int32')), ...dBefore, ...dInputs, ...dCaptured];
    },
    [tf.scalar(numSteps - 1, 'int32'), ...dCarry, ...zeros],
    { name: 'scan_backward', length: numSteps },
  );
  return state.slice(1);
}

/** stack[index]: [length, …] → […] */
export function rowOf(stack: tf.Tensor, index: tf.Tensor): tf.Tensor {
  return tf.reshape(tf.gather(stack, tf.reshape<tf.Rank.R1>(index, [1])), stack.shape.slice(1));
}

/** The stack with `value` in place of stack[index]. */
export function writeRow(stack: tf.Tensor, index: tf.Tensor, value: tf.Tensor): tf.Tensor {
  return op1('TensorScatterUpdate', [stack, tf.reshape(index, [1, 1]), tf.expandDims(value, 0)], {
    T: { type: stack.dtype as 'float32' },
    Tindices: { type: 'int32' },
  });
}

function lengthOf(inputs: readonly tf.Tensor[], length: number | undefined): number {
  const lengths = new Set([...inputs.map(({ shape }) => shape[0]), ...(length === undefined ? [] : [length])]);
  const [only] = lengths;
  if (lengths.size === 1 && only !== undefined && Number.isInteger(only) && only > 0) return only;
  throw new TrainbookError({
    what: 'scan: it is not clear how often to run',
    received: `inputs of shapes ${inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ') || 'none'}, length ${length ?? 'not given'}`,
    expected: 'inputs that agree in their first axis, or a length',
  });
}

/** What a tensor is, without its elements. */
type Shaped = Pick<tf.Tensor, 'shape' | 'dtype'>;

/** The shapes that one step gives, from a trace that is thrown away. */
function shapesOfStep(step: ScanStep, initial: readonly tf.Tensor[], inputs: readonly tf.Tensor[]): Shaped[] {
  const slices = inputs.map(({ shape, dtype }): Spec => ({ dtype: dtype, shape: shape.slice(1) }));
  const specs = [...initial.map(({ shape, dtype }): Spec => ({ dtype: dtype, shape })), ...slices];
  const { recorder, extra } = trace('scan_shapes', specs, (symbols) => {
    const { carry, outputs } = step(symbols.slice(0, initial.length), symbols.slice(initial.length));
    const all = [...carry, ...outputs];
    return { outputs: all, extra: all.map(({ shape, dtype }): Shaped => ({ shape, dtype })) };
  });
  binding.dropSymbols(recorder);
  return extra;
}

function requireSameShapes(before: readonly Shaped[], after: readonly Shaped[]): void {
  const format = (tensors: readonly Shaped[]): string =>
    tensors.map(({ dtype, shape }) => `${dtype}[${shape.join(', ')}]`).join(', ');
  if (format(before) === format(after)) return;
  throw new TrainbookError({
    what: 'scan: the carry must keep its shapes and dtypes',
    received: `a step returned ${format(after)}`,
    expected: format(before),
    fix: 'cast or reshape the carry in the step, or its initial value',
  });
}

function get(tensor: tf.Tensor | undefined): tf.Tensor {
  if (tensor === undefined) throw new Error('internal: scan lost a part of its state');
  return tensor;
}
