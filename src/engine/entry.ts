import { TrainbookError } from '../error.js';
import type { Pointer } from './capi.js';
import type { Recorder } from './recorder.js';
import type { HostData } from './tensorflow/context.js';
import type { Spec } from './trace.js';

/**
 * One tensor of the binding's table:
 *
 * - `host`: elements in JavaScript, not yet copied into TensorFlow (tracing needs no TensorFlow at all);
 * - `handle`: computed, or being computed, by TensorFlow;
 * - `symbol`: a value of a trace, known only by its spec.
 */
export type Entry =
  | { readonly kind: 'host'; readonly spec: Spec; readonly data: HostData }
  | { readonly kind: 'handle'; readonly spec: Spec; readonly handle: Pointer }
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
