import { TrainbookError } from '../error.js';
import type { HostData } from './tensorflow/context.js';
import { type DType, type Elements, formatSpec, sizeOf, type Spec } from './trace.js';

/** The dtype by which tfjs knows a tensor. */
export function tfjsDtype(dtype: DType): 'float32' | 'int32' | 'bool' | 'complex64' | 'string' {
  switch (dtype) {
    case 'float32':
    case 'int32':
    case 'bool':
    case 'complex64':
    case 'string':
      return dtype;
    case 'float64':
    case 'bfloat16':
    case 'float16':
      return 'float32';
    case 'resource':
      return 'string';
    default:
      return 'int32';
  }
}

/** The elements of a tensor as they will lie in memory, from what tfjs hands over. */
export function toHostData(spec: Spec, buffer: ArrayLike<number> | HostData): HostData {
  if (spec.dtype === 'string') return [...(buffer as readonly Uint8Array[])];
  if (spec.dtype === 'float32')
    return buffer instanceof Float32Array ? buffer : Float32Array.from(buffer as ArrayLike<number>);
  if (spec.dtype === 'int32')
    return buffer instanceof Int32Array ? buffer : Int32Array.from(buffer as ArrayLike<number>);
  if (spec.dtype === 'int64') {
    // tfjs-node hands 64-bit integers over as pairs of 32-bit ones, low part first.
    const pairs = buffer as Int32Array;
    return new BigInt64Array(pairs.buffer, pairs.byteOffset, sizeOf(spec.shape));
  }
  return buffer instanceof Uint8Array ? buffer : Uint8Array.from(buffer as ArrayLike<number>);
}

/** True where all elements are one number: what `tf.zeros` and `tf.ones` give. */
export function isUniform(elements: Elements): boolean {
  const [first] = elements;
  for (const element of elements) if (!Object.is(element, first)) return false;
  return true;
}

/** The elements of a tensor that goes to a device. @throws TrainbookError for strings, which have no place there. */
export function elementsFor(device: string, spec: Spec, data: HostData): Elements {
  if (ArrayBuffer.isView(data)) return data;
  throw stringsOnDevice(device, spec);
}

/** The error of strings that are to go to a device. */
export function stringsOnDevice(device: string, spec: Spec): TrainbookError {
  return new TrainbookError({
    what: `compile: a tensor of strings cannot go to the device ${device}`,
    received: formatSpec(spec),
    expected: 'numbers',
    fix: "turn strings into numbers outside, or compile for device 'tensorflow'",
  });
}
