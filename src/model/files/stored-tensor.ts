import { TrainbookError } from '../../error.js';
import { bfloat16ToFloat32, float16ToFloat32 } from './half.js';

/*
 * What all formats of weights have in common: tensors by name, each with a dtype and a shape, read one at a time.
 *
 * const file = await openSafetensors('model.safetensors');
 * file.tensors.get('model.norm.weight')  // { dtype: 'F32', storedAs: 'F32', shape: [256], read }
 */

/** What each dtype's elements are held in. Halves are raw words (`half.ts` turns them into numbers); a BOOL is 0 or 1. */
export const arrays = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export type Dtype = keyof typeof arrays;

/** A typed array that holds some dtype's elements. */
export type Elements =
  Float64Array | Float32Array | BigInt64Array | Int32Array | Int16Array | Int8Array | Uint16Array | Uint8Array;

/** A tensor as it lies in a file. `elements` is a copy of its own: nothing else sees its memory. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly elements: Elements;
  /** Given where the array leaves it open: a Uint16Array is F16 or BF16, a Uint8Array is BOOL, or else U8. */
  readonly dtype?: 'F16' | 'BF16' | 'BOOL';
}

/** A tensor of an open file: its bytes are read when asked for. */
export interface TensorEntry {
  /** The dtype that `read` gives. */
  readonly dtype: Dtype;
  /** The dtype in the file's own word. It differs where blocks are dequantised: `Q4_K` gives F32. */
  readonly storedAs: string;
  /** In PyTorch's order: the last axis lies together in memory. */
  readonly shape: readonly number[];
  /**
   * Reads this tensor's bytes and no others.
   *
   * @throws TrainbookError if the file is closed or has become shorter.
   */
  read(): Promise<StoredTensor>;
}

/** A tensor to be written: as it is, or its elements asked for when its turn comes, so that one at a time is in memory. */
export type WritableTensor = StoredTensor | Pick<TensorEntry, 'dtype' | 'shape' | 'read'>;

/** The bytes of a tensor's elements. */
export function numBytes(tensor: WritableTensor): number {
  if ('elements' in tensor) return tensor.elements.byteLength;
  return (numElements(tensor.shape) ?? NaN) * arrays[tensor.dtype].BYTES_PER_ELEMENT;
}

/** What stands in a file beside its tensors. */
export type MetadataValue = string | number | bigint | boolean | null | readonly MetadataValue[];

/** An open file (or folder of shards) of any format. Opening has checked all of it but the elements. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  close(): Promise<void>;
}

/** The dtype of a tensor's elements. */
export function dtypeOf({ elements, dtype }: StoredTensor): Dtype {
  const fitting = (Object.keys(arrays) as Dtype[]).filter((name) => elements instanceof arrays[name]);
  const named = fitting.find((name) => name === (dtype ?? (name === 'F16' || name === 'BF16' ? undefined : name)));
  if (named === undefined) {
    throw new TrainbookError({
      what: 'the dtype of a tensor does not fit its elements',
      received: `${elements.constructor.name}, dtype ${dtype ?? 'not given'}`,
      expected: 'F16 or BF16 for a Uint16Array, BOOL for a Uint8Array, none for other arrays',
    });
  }
  return named;
}

/** A tensor of elements whose dtype is known; the dtype is noted only where the array leaves it open. */
export function storedTensor(dtype: Dtype, shape: readonly number[], elements: Elements): StoredTensor {
  return dtype === 'F16' || dtype === 'BF16' || dtype === 'BOOL' ? { shape, elements, dtype } : { shape, elements };
}

/** Π shape, or undefined where that is no exact number (2⁵³ and above) or an axis has no size that is a whole number ≥ 0. */
export function numElements(shape: readonly number[]): number | undefined {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
  if (shape.includes(0)) return 0;
  let product = 1;
  for (const size of shape) {
    product *= size;
    if (product > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return product;
}

/**
 * A floating-point tensor's elements as float32: halves exactly, F64 rounded to nearest; F32 as they are, not copied.
 *
 * @throws TrainbookError for integers: they are ids or masks, no weights.
 * @example
 * const weight = float32Elements(await entry.read()); // Float32Array, whatever the file has
 */
export function float32Elements(tensor: StoredTensor): Float32Array {
  const { elements } = tensor;
  if (elements instanceof Float32Array) return elements;
  if (elements instanceof Float64Array) return Float32Array.from(elements);
  const dtype = dtypeOf(tensor);
  if (elements instanceof Uint16Array)
    return dtype === 'F16' ? float16ToFloat32(elements) : bfloat16ToFloat32(elements);
  throw new TrainbookError({
    what: 'float32Elements: the tensor holds no floating-point numbers',
    received: dtype,
    expected: 'F32, F16, BF16 or F64',
  });
}
