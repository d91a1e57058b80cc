import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import { binding, tensorIds, wrapTensor } from './backend.js';
import { activeRecorder, Recorder, recording } from './recorder.js';
import type { Spec, Trace } from './trace.js';

/** A finished trace, and the eager or outer values that it captured. */
export interface Traced<Extra> {
  readonly trace: Trace;
  readonly recorder: Recorder;
  /** Number in the tensor table of what each captured input stands for; by position in `trace.inputs`. */
  readonly captured: ReadonlyMap<number, number>;
  readonly extra: Extra;
}

/**
 * Calls `fn` with symbolic tensors of the given specs and records what it does. `fn` returns the tensors that the trace gives
 * and anything else the caller wants back. `finish` may add outputs that exist only when `fn` is done (the new values of cells).
 */
export function trace<Extra>(
  name: string,
  specs: readonly Spec[],
  fn: (inputs: tf.Tensor[]) => { readonly outputs: readonly tf.Tensor[]; readonly extra: Extra },
  finish: (recorder: Recorder) => readonly number[] = () => [],
): Traced<Extra> {
  const parent = activeRecorder();
  const recorder = new Recorder(name, parent);
  const engine = tf.engine();
  try {
    return recording(recorder, () =>
      withoutDisposal(() => {
        engine.startScope(name);
        try {
          const inputs = specs.map((spec) => wrapTensor(binding.addSymbol(recorder, recorder.addInput(spec))));
          const { outputs, extra } = fn(inputs);
          const values = tensorIds(outputs).map((id) => binding.valueIn(recorder, id));
          const finished = recorder.finish([...values, ...finish(recorder)]);
          const captured = new Map<number, number>();
          finished.inputs.forEach((value, position) => {
            const id = recorder.captures.get(value);
            if (id !== undefined) captured.set(position, id);
          });
          return { trace: finished, recorder, captured, extra };
        } finally {
          engine.endScope();
        }
      }),
    );
  } finally {
    recorder.abandon();
  }
}

/**
 * While a function is traced nothing is freed: gradient functions reach for tensors that an inner tidy has let go of. What
 * asked to be freed is freed at the end of the outermost trace.
 */
function withoutDisposal<Result>(fn: () => Result): Result {
  const prototype = tf.Tensor.prototype;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- put back below, always called with its own `this`
  const dispose = prototype.dispose;
  if (dispose === deferDispose) return fn();
  prototype.dispose = deferDispose;
  try {
    return fn();
  } finally {
    prototype.dispose = dispose;
    const tensors = deferred;
    deferred = new Set();
    for (const tensor of tensors) {
      const symbolic = isSymbolic(tensor);
      tensor.dispose();
      if (symbolic) tensor.throwIfDisposed = refuseLeaked;
    }
  }
}

function isSymbolic(tensor: tf.Tensor): boolean {
  return !tensor.isDisposed && tensorIds([tensor]).some((id) => binding.isSymbol(id));
}

/** A tensor of a trace that user code kept in a variable outside. */
function refuseLeaked(): never {
  throw new TrainbookError({
    what: 'compile: a tensor of a traced function was used outside it',
    expected: 'what the function returns',
    fix: 'return the tensor from the compiled function instead of storing it in a variable outside',
  });
}

let deferred = new Set<tf.Tensor>();

function deferDispose(this: tf.Tensor): void {
  deferred.add(this);
}

/** @throws TrainbookError where a traced function returned a promise. */
export function requireSynchronous(name: string, result: unknown): void {
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new TrainbookError({
      what: `compile: ${name} is asynchronous, and a trace cannot stay open across an await`,
      received: 'a promise',
      expected: 'a function that returns tensors',
      fix: 'await outside the compiled function and pass the values in',
    });
  }
}
