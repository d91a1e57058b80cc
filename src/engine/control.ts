/** Loops and calls inside a trace: nodes that hold traces of their own. Without a trace they simply run. */
import * as tf from '@tensorflow/tfjs';
import { binding, tensorIds, wrapTensor } from './backend.js';
import { TrainbookError } from '../error.js';
import { customGradient } from './custom-gradient.js';
import { activeRecorder, type Recorder } from './recorder.js';
import { formatSpec, type Spec, type Trace } from './trace.js';
import { trace, type Traced } from './tracing.js';

type Step = (state: tf.Tensor[]) => readonly tf.Tensor[];

/**
 * While `condition(state)` holds: `state = body(state)`. Shapes and dtypes of the state stay. What the functions capture from
 * outside is passed through the loop unchanged. It has no gradient, since how often it runs is not known: `scan` has one.
 *
 * @throws TypeError if the body changes a shape; TrainbookError in a gradient through it.
 * @example
 * const [count] = whileLoop(([n]) => tf.less(n, 10), ([n]) => [tf.add(n, 3)], [tf.scalar(0)]);
 */
export function whileLoop(
  condition: (state: tf.Tensor[]) => tf.Tensor,
  body: Step,
  initial: readonly tf.Tensor[],
): tf.Tensor[] {
  return customGradient(
    initial,
    () => loop(condition, body, initial),
    () => {
      throw new TrainbookError({
        what: 'whileLoop: a loop whose length is not known has no gradient',
        expected: 'a scan, which runs a fixed number of steps',
        fix: 'use scan, or stopGradient on the result',
      });
    },
  );
}

/** The same for the engine's own use: gradients are the caller's. `length` says how often it runs, where that is known (for `explain`). */
export function loop(
  condition: (state: tf.Tensor[]) => tf.Tensor,
  body: Step,
  initial: readonly tf.Tensor[],
  { name = 'while', length }: { readonly name?: string; readonly length?: number } = {},
): tf.Tensor[] {
  const recorder = activeRecorder();
  if (recorder === undefined) return runLoop(condition, body, initial);
  const specs = initial.map(specOf);
  const traced = [
    trace(`${name}_condition`, specs, (state) => ({ outputs: [condition(state)], extra: undefined })),
    trace(`${name}_body`, specs, (state) => ({ outputs: body(state), extra: undefined })),
  ];
  const [tracedCondition, tracedBody] = traced;
  if (tracedCondition === undefined || tracedBody === undefined) throw new Error('internal: a loop has two traces');
  requireSameSpecs(name, specs, outputSpecs(tracedBody.trace));

  // Captured values are loop state that does not change: the same list, in the same order, for both functions.
  const captured = [...new Set(traced.flatMap((part) => [...part.captured.values()]))];
  const capturedSpecs = captured.map((id) => binding.specOf(id));
  const closed = traced.map((part, index) => closeOver(part, specs.length, captured, capturedSpecs, index === 1));
  const [closedCondition, closedBody] = closed;
  if (closedCondition === undefined || closedBody === undefined) throw new Error('internal: a loop has two traces');
  const inputs = [...tensorIds(initial), ...captured].map((id) => binding.valueIn(recorder, id));
  const all = [...specs, ...capturedSpecs];
  const outputs = recorder.addNode(
    'StatelessWhile',
    inputs,
    {
      T: { types: all.map(({ dtype }) => dtype) },
      cond: { trace: closedCondition },
      body: { trace: closedBody },
      ...(length === undefined ? {} : { _length: { int: length } }),
    },
    all,
  );
  for (const part of traced) binding.dropSymbols(part.recorder);
  return wrapValues(recorder, outputs.slice(0, specs.length));
}

function runLoop(condition: (state: tf.Tensor[]) => tf.Tensor, body: Step, initial: readonly tf.Tensor[]): tf.Tensor[] {
  let state = initial.map((tensor) => tensor.clone());
  for (;;) {
    const go = tf.tidy(() => condition(state).dataSync<'bool'>()[0] === 1);
    if (!go) return state;
    const next = tf.tidy(() => [...body(state)]);
    for (const tensor of state) tensor.dispose();
    state = next;
  }
}

/**
 * The trace with captured values as its last inputs, in the order of `captured`; a loop's body also returns them.
 */
function closeOver(
  { trace: inner, captured: places }: Traced<unknown>,
  numGiven: number,
  captured: readonly number[],
  specs: readonly Spec[],
  passThrough: boolean,
): Trace {
  const values = [...inner.values];
  const valueOf = new Map([...places].map(([position, id]) => [id, inner.inputs[position]]));
  const extra = captured.map((id, index) => valueOf.get(id) ?? values.push(specs[index] ?? noSpec()) - 1);
  return {
    ...inner,
    values,
    inputs: [...inner.inputs.slice(0, numGiven), ...extra],
    outputs: passThrough ? [...inner.outputs, ...extra] : inner.outputs,
  };
}

/**
 * An input of the trace that no compiler can fold to a constant, with the value 1: a loop that runs so often is not unrolled
 * or merged with the code around it.
 */
export function opaqueOne(): tf.Tensor {
  one ??= tf.tidy(() => tf.keep(tf.scalar(1, 'int32')));
  const recorder = activeRecorder();
  if (recorder === undefined) return one.clone();
  const [id] = tensorIds([one]);
  const { outermost } = recorder;
  let symbol = opaque.get(outermost);
  if (symbol === undefined) {
    const value = outermost.addInput({ dtype: 'int32', shape: [] });
    outermost.captures.set(value, id ?? noSpec());
    symbol = binding.addSymbol(outermost, value);
    opaque.set(outermost, symbol);
  }
  return wrapTensor(symbol);
}

let one: tf.Tensor | undefined;
const opaque = new WeakMap<Recorder, number>();

function wrapValues(recorder: Recorder, values: readonly number[]): tf.Tensor[] {
  return values.map((value) => wrapTensor(binding.addSymbol(recorder, value)));
}

function specOf(tensor: tf.Tensor): Spec {
  const [id] = tensorIds([tensor]);
  return binding.specOf(id ?? noSpec());
}

function outputSpecs({ outputs, values }: Trace): Spec[] {
  return outputs.map((value) => values[value] ?? noSpec());
}

function requireSameSpecs(name: string, before: readonly Spec[], after: readonly Spec[]): void {
  const [from, to] = [before.map(formatSpec).join(', '), after.map(formatSpec).join(', ')];
  if (from !== to) {
    throw new TypeError(
      `${name}: the state changes its shape in the loop: it starts as (${from}) and the body returns (${to})`,
    );
  }
}

function noSpec(): never {
  throw new Error('internal: a value without a spec');
}
