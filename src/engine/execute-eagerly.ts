import { setAttribute } from './attributes.js';
import type { Pointer } from './capi.js';
import { comparison } from './rules/comparison.js';
import { elementwise } from './rules/elementwise.js';
import type { Context } from './tensorflow/context.js';
import { type Attributes, bytesOf, type Spec } from './trace.js';

/** A tensor of TensorFlow and what is known of it. */
export interface Handle {
  readonly handle: Pointer;
  readonly spec: Spec;
}

/** Ops whose outputs have their inputs' shape where that is one, and whose `T` is the inputs' dtype. */
const worksByElement = new Set([...Object.keys(elementwise), ...Object.keys(comparison)]);

/** An op object is used again, and till then holds its inputs, where each has at most so many bytes. */
const mostBytesKept = 4096;

/** Runs an op by TensorFlow, at once. */
export function executeEagerly(
  context: Context,
  name: string,
  inputs: readonly Handle[],
  { attributes, numOutputs }: { readonly attributes: Attributes; readonly numOutputs: number },
): Handle[] {
  const { c } = context;
  const byElement = worksByElement.has(name);
  const configure = (op: Pointer, status: Pointer): void => {
    for (const { handle } of inputs) c.addInput(op, handle, status);
    for (const [key, attribute] of Object.entries(attributes)) {
      if (byElement && key === 'T' && attributes['N'] === undefined) continue; // TensorFlow sees it in the inputs, lists apart
      if ('shape' in attribute) c.opShape(op, key, attribute.shape, attribute.shape.length, status);
      else setAttribute(context.setters, op, key, attribute);
    }
  };
  const isSmall = inputs.every(({ spec }) => bytesOf(spec) <= mostBytesKept);
  const returns = context.execute(name, numOutputs, configure, isSmall);
  const shape = byElement ? sharedShape(inputs) : undefined;
  const sameType = name in elementwise ? inputs[0]?.spec.dtype : undefined;
  return returns.map((handle) => ({
    handle,
    spec: { dtype: sameType ?? context.dtypeOf(handle), shape: shape ?? context.shapeOf(handle) },
  }));
}

/** The shape that all of some tensors have, if there is one. To ask TensorFlow for an output's costs several foreign calls. */
function sharedShape([first, ...others]: readonly Handle[]): readonly number[] | undefined {
  if (first === undefined) return undefined;
  const { shape } = first.spec;
  const same = ({ spec: other }: Handle): boolean =>
    other.shape.length === shape.length && other.shape.every((size, axis) => size === shape[axis]);
  return others.every(same) ? shape : undefined;
}
