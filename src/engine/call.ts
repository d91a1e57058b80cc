import type * as tf from '@tensorflow/tfjs';
import { binding, tensorIds, wrapTensor } from './backend.js';
import { customGradient, vectorJacobian, withCaptured } from './custom-gradient.js';
import { activeRecorder, type Recorder } from './recorder.js';
import type { Trace } from './trace.js';
import { trace, type Traced } from './tracing.js';

/**
 * A function that is traced once and called from many places of a trace: the equal blocks of a model stand in the program once.
 * Its arguments and results are tensors; gradients flow through it, also to what it captures.
 *
 * The captured tensors are those of the first call in a trace; what differs between calls must be an argument.
 *
 * @example
 * const layer = call((x, weight) => [tf.tanh(tf.matMul(x, weight))]);
 * let [h] = layer(x, weights[0]);
 * [h] = layer(h, weights[1]);
 */
export function call(
  fn: (...args: tf.Tensor[]) => readonly tf.Tensor[],
  name = fn.name || 'call',
): (...args: tf.Tensor[]) => tf.Tensor[] {
  const forward = tracedOnce(name, fn);
  const backwards = new Map<string, (...args: tf.Tensor[]) => tf.Tensor[]>();
  return (...args) => {
    if (activeRecorder() === undefined) return [...fn(...args)];
    const { result, captured } = withCaptured(() => forward(args), args);
    const inputs = [...args, ...captured];
    return customGradient(
      inputs,
      () => result,
      (dys) => {
        const key = `${dys.map(({ shape }) => shape.join('x')).join()}:${captured.map(({ id }) => id).join()}`;
        let backward = backwards.get(key);
        if (backward === undefined) {
          const run = tracedOnce(`${name}_backward`, (...given) => {
            const xs = given.slice(0, args.length);
            return vectorJacobian(() => fn(...xs), [...xs, ...captured], given.slice(args.length));
          });
          backward = (...given) => run(given);
          backwards.set(key, backward);
        }
        return backward(...args, ...dys);
      },
    );
  };
}

interface Known {
  readonly traced: Traced<unknown>;
  readonly callee: Trace;
}

/** Traces `fn` once for each recorder and signature; without a recorder it simply runs. */
function tracedOnce(
  name: string,
  fn: (...args: tf.Tensor[]) => readonly tf.Tensor[],
): (args: readonly tf.Tensor[]) => tf.Tensor[] {
  const known = new WeakMap<Recorder, Map<string, Known>>();
  return (args) => {
    const recorder = activeRecorder();
    if (recorder === undefined) return [...fn(...args)];
    const specs = tensorIds(args).map((id) => binding.specOf(id));
    const key = JSON.stringify(specs);
    let callees = known.get(recorder);
    if (callees === undefined) known.set(recorder, (callees = new Map<string, Known>()));
    let callee = callees.get(key);
    if (callee === undefined) {
      const traced = trace(name, specs, (inputs) => ({ outputs: fn(...inputs), extra: undefined }));
      binding.dropSymbols(traced.recorder);
      callee = { traced, callee: traced.trace };
      callees.set(key, callee);
    }
    return place(recorder, callee, args);
  };
}

function place(recorder: Recorder, { traced, callee }: Known, args: readonly tf.Tensor[]): tf.Tensor[] {
  const given = tensorIds(args);
  const ids = callee.inputs.map((_, position) => traced.captured.get(position) ?? given[position] ?? -1);
  const inputs = ids.map((id) => binding.valueIn(recorder, id));
  const specs = callee.outputs.map((value) => {
    const spec = callee.values[value];
    if (spec === undefined) throw new Error('internal: a value without a spec');
    return spec;
  });
  const outputs = recorder.addNode(
    'PartitionedCall',
    inputs,
    {
      Tin: { types: inputs.map((value) => recorder.specOf(value).dtype) },
      Tout: { types: specs.map(({ dtype }) => dtype) },
      f: { trace: callee },
    },
    specs,
  );
  return outputs.map((value) => wrapTensor(binding.addSymbol(recorder, value)));
}
