import { readBytes } from './byte-source.js';
import type { ByteSource } from './byte-source.js';
import { arrays } from './stored-tensor.js';
import type { Dtype, Elements } from './stored-tensor.js';

/** A view of elements that lie in a file from `position` on: [i, j] at offset + i·strides[0] + j·strides[1], in elements. */
export interface StridedView {
  readonly dtype: Dtype;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * Reads a view's elements in the order of its shape: straight into place where they lie so, or else the part of the storage
 * from its first to its last element, and gathered.
 */
export async function readStrided(source: ByteSource, position: number, view: StridedView): Promise<Elements> {
  const { dtype, offset, shape, strides } = view;
  const size = arrays[dtype].BYTES_PER_ELEMENT;
  const elements = new arrays[dtype](shape.reduce((product, length) => product * length, 1));
  if (elements.length === 0) return elements;
  const begin = position + offset * size;
  if (isContiguous(shape, strides)) {
    await source.readInto(new Uint8Array(elements.buffer), begin);
    return elements;
  }
  const span = shape.reduce((sum, length, axis) => sum + (length - 1) * (strides[axis] ?? 0), 1);
  const bytes = await readBytes(source, begin, span * size);
  // Bits are moved as unsigned words, so that no NaN is changed; 8 bytes are two words.
  const words: new (buffer: ArrayBufferLike) => Words =
    size === 1 ? Uint8Array : size === 2 ? Uint16Array : Uint32Array;
  const [from, into] = [new words(bytes.buffer), new words(elements.buffer)];
  if (size === 8) gather(from, into, [...shape, 2], [...strides.map((stride) => 2 * stride), 1]);
  else gather(from, into, shape, strides);
  return elements;
}

/** Whether elements lie in the order of the shape; the stride of an axis of size 1 says nothing. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (strides[axis] !== expected) return false;
    expected *= shape[axis] ?? 1;
  }
  return true;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** into = from[Σ index·stride], the last axis fastest. */
function gather(from: Words, into: Words, shape: readonly number[], strides: readonly number[]): void {
  const last = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  const index = shape.map(() => 0);
  let base = 0;
  for (let at = 0; at < into.length; at += last) {
    for (let inner = 0; inner < last; inner++) into[at + inner] = from[base + inner * step] as number;
    // The next row: the last but one axis counts up, and carries.
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      base += stride;
      if (next < (shape[axis] ?? 1)) {
        index[axis] = next;
        break;
      }
      base -= stride * next;
      index[axis] = 0;
    }
  }
}
