import type { DType, RuleInput } from '../trace.js';
import { takeList } from './inputs.js';
import { refuse } from './refuse.js';

/** Groups of dtypes, as TensorFlow's op definitions (2.21) allow them. */
export const floats: readonly DType[] = ['bfloat16', 'float16', 'float32', 'float64'];
export const signedIntegers: readonly DType[] = ['int8', 'int16', 'int32', 'int64'];
export const unsignedIntegers: readonly DType[] = ['uint8', 'uint16', 'uint32', 'uint64'];
export const integers: readonly DType[] = [...signedIntegers, ...unsignedIntegers];
export const floatsAndComplex: readonly DType[] = [...floats, 'complex64'];
export const signed: readonly DType[] = [...floats, ...signedIntegers];
export const signedAndComplex: readonly DType[] = [...signed, 'complex64'];
export const reals: readonly DType[] = [...floats, ...integers];
export const numbers: readonly DType[] = [...reals, 'complex64'];
/** What counts positions: axes, shapes, sizes. */
export const indexTypes: readonly DType[] = ['int32', 'int64'];
/** What `GatherV2` and the scatters take as indices. */
export const gatherIndexTypes: readonly DType[] = ['int16', 'int32', 'int64'];
export const bools: readonly DType[] = ['bool'];
export const any: readonly DType[] = [...numbers, 'bool', 'string', 'resource'];

/**
 * The one dtype of all `inputs`.
 *
 * @throws TrainbookError when they differ, or when the op does not take it
 */
export function requireDtype(op: string, allowed: readonly DType[], ...inputs: readonly RuleInput[]): DType {
  const [{ spec }] = takeList(op, inputs);
  if (inputs.some((input) => input.spec.dtype !== spec.dtype)) {
    refuse(
      op,
      inputs,
      `dtypes differ (${inputs.map((input) => input.spec.dtype).join(', ')})`,
      'one dtype; use tf.cast',
    );
  }
  if (!allowed.includes(spec.dtype)) {
    refuse(op, inputs, `not defined for ${spec.dtype}`, `one of ${allowed.join(', ')}; use tf.cast`);
  }
  return spec.dtype;
}
