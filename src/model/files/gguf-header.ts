import type { TrainbookError } from '../../error.js';
import type { MetadataValue } from './stored-tensor.js';

/*
 * The head of a GGUF file (all little-endian; a string is its length in 8 bytes, then UTF-8):
 *
 * 47 47 55 46  version: u32  tensors: u64  pairs: u64
 * pairs:       "general.architecture" 8 (string) "llama", "llama.rope.freq_base" 6 (f32) 100000, …
 * tensors:     "token_embd.weight" 2 (axes) 576 49152 (fastest first) 8 (Q8_0) 0 (offset: u64), …
 * padding to a multiple of general.alignment (32), then the tensors' bytes, each padded so
 *
 * A reader of our own: @huggingface/gguf takes a header that is cut off for a whole one (it reads zeros behind the end).
 */

/** A tensor as the head describes it. */
export interface GgufTensor {
  readonly name: string;
  /** The number that stands for the type. */
  readonly type: number;
  /** In PyTorch's order: the file's, reversed. */
  readonly shape: readonly number[];
  /** In bytes, from the beginning of the tensors. */
  readonly offset: number;
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: readonly GgufTensor[];
  /** Of the head, in bytes, without the padding. */
  readonly length: number;
}

export type Refuse = (problem: string, received: string, expected: string) => TrainbookError;

/** The bytes at hand end within the head. */
export class HeaderGoesOn extends Error {}

/** Elements of all arrays together, at most: the largest vocabularies have some 260,000 tokens. */
const mostElements = 20_000_000;

/** Axes of a tensor and arrays within arrays, at most, as in llama.cpp. */
const mostAxes = 4;
const deepestArray = 4;

interface Cursor {
  readonly view: DataView;
  position: number;
  numElements: number;
  readonly refuse: Refuse;
}

/**
 * Reads the head of a file from its first bytes.
 *
 * @throws HeaderGoesOn if it is longer than `bytes`.
 * @throws TrainbookError (`refuse`) where it is no head of GGUF 2 or 3.
 */
export function parseGgufHeader(bytes: Uint8Array, refuse: Refuse): GgufHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cursor: Cursor = { view, position: 0, numElements: 0, refuse };
  const magic = uint32(cursor);
  if (magic !== 0x46554747) throw refuse('it does not begin with GGUF', `0x${magic.toString(16)}`, 'GGUF');
  const version = uint32(cursor);
  if (version !== 2 && version !== 3) {
    throw refuse('its version or byte order is not read', String(version), '2 or 3, little-endian');
  }
  const numTensors = uint64(cursor);
  const numPairs = uint64(cursor);
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < numPairs; index++) {
    const key = text(cursor);
    if (metadata.has(key)) throw refuse(`its metadata has ${key} twice`, key, 'each key once');
    metadata.set(key, value(cursor, uint32(cursor), 0));
  }
  const tensors: GgufTensor[] = [];
  const names = new Set<string>();
  for (let index = 0; index < numTensors; index++) {
    const tensor = tensorInfo(cursor);
    if (names.has(tensor.name)) throw refuse('it has a tensor twice', tensor.name, 'each name once');
    names.add(tensor.name);
    tensors.push(tensor);
  }
  return { metadata, tensors, length: cursor.position };
}

function tensorInfo(cursor: Cursor): GgufTensor {
  const name = text(cursor);
  const numAxes = uint32(cursor);
  if (numAxes > mostAxes) throw cursor.refuse(`${name} has too many axes`, String(numAxes), `at most ${mostAxes}`);
  const shape = Array.from({ length: numAxes }, () => uint64(cursor)).reverse();
  return { name, shape, type: uint32(cursor), offset: uint64(cursor) };
}

function take(cursor: Cursor, length: number): number {
  const { position } = cursor;
  if (position + length > cursor.view.byteLength) throw new HeaderGoesOn();
  cursor.position += length;
  return position;
}

const uint32 = (cursor: Cursor): number => cursor.view.getUint32(take(cursor, 4), true);

/** A count, size or offset. */
function uint64(cursor: Cursor): number {
  const number = cursor.view.getBigUint64(take(cursor, 8), true);
  if (number > BigInt(Number.MAX_SAFE_INTEGER))
    throw cursor.refuse('it has an impossible number', String(number), '< 2^53');
  return Number(number);
}

function text(cursor: Cursor): string {
  const length = uint64(cursor);
  const at = take(cursor, length);
  const bytes = new Uint8Array(cursor.view.buffer, cursor.view.byteOffset + at, length);
  try {
    return decoder.decode(bytes);
  } catch {
    throw cursor.refuse('a text is not UTF-8', Buffer.from(bytes.subarray(0, 16)).toString('hex'), 'UTF-8');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The types of values by number, but for strings (8) and arrays (9). */
const scalars: ReadonlyMap<number, (cursor: Cursor) => MetadataValue> = new Map<
  number,
  (cursor: Cursor) => MetadataValue
>([
  [0, (cursor) => cursor.view.getUint8(take(cursor, 1))],
  [1, (cursor) => cursor.view.getInt8(take(cursor, 1))],
  [2, (cursor) => cursor.view.getUint16(take(cursor, 2), true)],
  [3, (cursor) => cursor.view.getInt16(take(cursor, 2), true)],
  [4, uint32],
  [5, (cursor) => cursor.view.getInt32(take(cursor, 4), true)],
  [6, (cursor) => cursor.view.getFloat32(take(cursor, 4), true)],
  [7, bool],
  [8, text],
  [10, (cursor) => exact(cursor.view.getBigUint64(take(cursor, 8), true))],
  [11, (cursor) => exact(cursor.view.getBigInt64(take(cursor, 8), true))],
  [12, (cursor) => cursor.view.getFloat64(take(cursor, 8), true)],
]);

/** A number where that is exact, or else a bigint. */
function exact(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

function bool(cursor: Cursor): boolean {
  const number = cursor.view.getUint8(take(cursor, 1));
  if (number > 1) throw cursor.refuse('a truth value is neither 0 nor 1', String(number), '0 or 1');
  return number === 1;
}

function value(cursor: Cursor, type: number, depth: number): MetadataValue {
  if (type === 9) return array(cursor, depth + 1);
  const scalar = scalars.get(type);
  if (scalar === undefined) throw cursor.refuse('its metadata has an unknown type', String(type), '0 to 12');
  return scalar(cursor);
}

function array(cursor: Cursor, depth: number): MetadataValue[] {
  if (depth > deepestArray) throw cursor.refuse('its arrays are too deep', String(depth), `at most ${deepestArray}`);
  const type = uint32(cursor);
  const length = uint64(cursor);
  cursor.numElements += length;
  if (cursor.numElements > mostElements) {
    throw cursor.refuse('its arrays are too long', `${cursor.numElements} elements`, `at most ${mostElements}`);
  }
  const items: MetadataValue[] = [];
  for (let index = 0; index < length; index++) items.push(value(cursor, type, depth));
  return items;
}
