import { TrainbookError } from '../error.js';
import type { Pointer } from './capi.js';
import type { DeviceTensor } from './pjrt/device-tensor.js';
import type { Recorder } from './recorder.js';
import type { Context, HostData } from './tensorflow/context.js';
import { isUniform } from './host-data.js';
import { type Elements, formatSpec, sizeOf, type Spec } from './trace.js';

/**
 * One tensor of the binding's table:
 *
 * - `host`: elements in JavaScript, not yet copied into TensorFlow (tracing needs no TensorFlow at all);
 * - `handle`: computed, or being computed, by TensorFlow;
 * - `device`: in the memory of a device of a plugin, computed or being computed there;
 * - `symbol`: a value of a trace, known only by its spec.
 */
export type Entry =
  | { readonly kind: 'host'; readonly spec: Spec; readonly data: HostData }
  | { readonly kind: 'handle'; readonly spec: Spec; readonly handle: Pointer }
  | { readonly kind: 'device'; readonly spec: Spec; readonly tensor: DeviceTensor }
  | { readonly kind: 'symbol'; readonly spec: Spec; readonly recorder: Recorder; readonly value: number };

/** What a captured tensor is known by: an eager one by its number, a value of an outer trace by its place there. */
export function captureKey(id: number, entry: Entry): string {
  return entry.kind === 'symbol' ? `${entry.recorder.depth}:${entry.value}` : `eager:${id}`;
}

/** The error of a traced tensor that is used elsewhere. */
export function wrongTrace(owner: Recorder, user: Recorder | undefined): TrainbookError {
  return new TrainbookError({
    what: 'compile: a tensor of a traced function was used outside it',
    received: `a tensor of ${owner.name} ${user === undefined ? 'in an eager operation' : `in ${user.name}`}`,
    expected: 'tensors of the same function, its arguments, or tensors that exist outside',
    fix: 'return the tensor from the compiled function instead of storing it in a variable outside',
  });
}

/** A tensor's elements, waited for on this thread. @throws TrainbookError for a value of a trace, which has none yet. */
export function readEntry(entry: Entry, context: () => Context): HostData {
  switch (entry.kind) {
    case 'host':
      return entry.data;
    case 'handle':
      return context().read(entry.handle, entry.spec);
    case 'device':
      return entry.tensor.readSync();
    case 'symbol':
      throw new TrainbookError({
        what: 'compile: a value cannot be read while a function is traced; it does not exist yet',
        received: `data() or dataSync() of a ${formatSpec(entry.spec)} in ${entry.recorder.name}`,
        expected: 'tensor operations only',
        fix: 'return the tensor from the compiled function and read it there, or use tf.where instead of if',
      });
  }
}

/** Captured tensors of up to so many elements become constants of the trace: axes, shapes, scalars. */
const largestConstant = 64;

/** Elements still in JavaScript are constants up to this size (a mask of 512 x 512); larger ones are inputs, copied once. */
const largestHostConstant = 2 ** 18;

/** The elements of a tensor that is small enough to be a constant of a trace. */
export function constantElements(entry: Entry, context: () => Context): Elements | undefined {
  const { kind, spec } = entry;
  if (kind === 'symbol' || spec.dtype === 'string' || spec.dtype === 'resource') return undefined;
  const size = sizeOf(spec.shape);
  if (size <= largestConstant) return readEntry(entry, context) as Elements;
  if (kind !== 'host' || size > largestHostConstant || isUniform(entry.data as Elements)) return undefined;
  return entry.data as Elements;
}
