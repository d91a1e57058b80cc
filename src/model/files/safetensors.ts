import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { replaceAtomic } from '../../files.js';
import { closedOnRefusal, fileSource, readBytes } from './byte-source.js';
import type { ByteSource } from './byte-source.js';
import { numKeys, numWrittenKeys } from './json-keys.js';
import { arrays, dtypeOf, numBytes, numElements, storedTensor } from './stored-tensor.js';
import type { Dtype, StoredTensor, TensorEntry, TensorFile, WritableTensor } from './stored-tensor.js';

export type { StoredTensor } from './stored-tensor.js';

/*
 * A file is: 8 bytes, the length n of the header (little-endian); n bytes of JSON; the tensors' bytes, one after another.
 *
 * {"__metadata__":{"format":"pt"},"model.norm.weight":{"dtype":"F32","shape":[256],"data_offsets":[0,1024]}}
 *
 * Offsets count from the end of the header; there are no gaps and no overlaps.
 */

/** The contents of a file: tensors by name, and free text. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Contents to be written; tensors may be read in turn. */
export interface WritableTensors {
  readonly tensors: ReadonlyMap<string, WritableTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const textsSchema = z.custom<Record<string, string>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string'),
); // z.record would drop a key such as __proto__ in silence

/** The longest header that is read, 100 MB, as in the reference implementation: a hostile length must not fill memory. */
const longestHeader = 100_000_000;

/**
 * The parts of a file, in order: its header, then each tensor's bytes (views, not copies), tensors in the order of their names.
 * Equal tensors and metadata give equal bytes.
 *
 * @throws TrainbookError if a tensor's shape or dtype does not fit its elements.
 */
export function safetensorsParts({ tensors, metadata }: Safetensors): Uint8Array[] {
  const sorted = inOrder(tensors);
  return [...header(sorted, metadata), ...sorted.map(([, { elements }]) => bytesOf(elements))];
}

/** The same, one tensor at a time. */
async function* partsInTurn(contents: WritableTensors): AsyncGenerator<Uint8Array> {
  const sorted = inOrder(contents.tensors);
  yield* header(sorted, contents.metadata);
  for (const [name, tensor] of sorted) {
    const { shape, elements, dtype } = 'elements' in tensor ? tensor : await tensor.read();
    checkFits(name, { shape: tensor.shape, elements, ...(dtype && { dtype }) });
    if (!('elements' in tensor) && dtypeOf({ shape, elements, ...(dtype && { dtype }) }) !== tensor.dtype) {
      throw new Error(`internal: ${name} was said to be ${tensor.dtype}`);
    }
    yield bytesOf(elements);
  }
}

function inOrder<T>(tensors: ReadonlyMap<string, T>): [name: string, tensor: T][] {
  return [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
}

function header(
  tensors: readonly [name: string, tensor: WritableTensor][],
  metadata: Readonly<Record<string, string>>,
): [length: Uint8Array, json: Uint8Array] {
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) {
    entries.push(['__metadata__', Object.fromEntries(Object.entries(metadata).sort())]);
  }
  let offset = 0;
  for (const [name, tensor] of tensors) {
    if ('elements' in tensor) checkFits(name, tensor);
    const end = offset + numBytes(tensor);
    const dtype = 'elements' in tensor ? dtypeOf(tensor) : tensor.dtype;
    entries.push([name, { dtype, shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const text = JSON.stringify(Object.fromEntries(entries));
  const json = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8)); // data starts at a multiple of 8
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return [length, json];
}

function checkFits(name: string, { shape, elements }: StoredTensor): void {
  if (name !== '__metadata__' && numElements(shape) === elements.length) return;
  throw new TrainbookError({
    what: `safetensors: the tensor ${name} cannot be written`,
    received: `the shape [${shape.join(', ')}] and ${elements.length} elements`,
    expected: 'as many elements as the shape says, under a name other than __metadata__',
  });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: StoredTensor['elements']): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Writes a file beside its place, flushes and renames it: it is whole or not there. Gives the hash of its bytes, equal to
 * `hashFile(path)`.
 *
 * @example
 * const hash = await writeSafetensors('model.safetensors', { tensors, metadata: {} });
 */
export async function writeSafetensors(path: string, contents: WritableTensors): Promise<string> {
  return replaceAtomic(path, partsInTurn(contents));
}

/**
 * Reads a file whole, each tensor straight into its own array.
 *
 * @throws TrainbookError if the file is missing, cut short or not safetensors; it says what does not fit.
 * @example
 * const { tensors } = await readSafetensors('model.safetensors');
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const [name, entry] of file.tensors) tensors.set(name, await entry.read());
    return { tensors, metadata: Object.fromEntries(file.metadata) };
  } finally {
    await file.close();
  }
}

/** An open safetensors file: its metadata is text. */
export interface SafetensorsFile extends TensorFile {
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens a file and reads its header; the tensors are read when asked for, each straight into its own array.
 *
 * @throws TrainbookError if the file is missing, cut short or not safetensors; it says what does not fit.
 * @example
 * const file = await openSafetensors('model.safetensors');
 * const norm = await file.tensors.get('model.norm.weight')?.read();
 * await file.close();
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return closedOnRefusal(await fileSource(path, 'a safetensors file'), safetensorsFrom);
}

/** The file that a source of bytes is; it belongs to the file from now on. */
export async function safetensorsFrom(source: ByteSource): Promise<SafetensorsFile> {
  const length = headerLength(await readBytes(source, 0, Math.min(8, source.size)), source);
  const { layout, metadata } = parseHeader(await readBytes(source, 8, length), source);
  const tensors = new Map<string, TensorEntry>();
  for (const { name, dtype, shape, begin, end } of layout) {
    tensors.set(name, {
      dtype,
      storedAs: dtype,
      shape,
      read: async () => {
        const elements = new arrays[dtype]((end - begin) / arrays[dtype].BYTES_PER_ELEMENT);
        await source.readInto(new Uint8Array(elements.buffer), 8 + length + begin);
        return storedTensor(dtype, shape, elements);
      },
    });
  }
  return { tensors, metadata: new Map(Object.entries(metadata)), close: () => source.close() };
}

/**
 * The contents of a file's bytes; `source` names them in errors.
 *
 * @throws TrainbookError where a length, an offset or a shape does not fit.
 */
export function parseSafetensors(bytes: Uint8Array, source: string): Safetensors {
  const named = { name: source, size: bytes.length };
  const length = headerLength(bytes.subarray(0, 8), named);
  const { layout, metadata } = parseHeader(bytes.subarray(8, 8 + length), named);
  // Not `bytes.subarray`: of a Buffer that is a Buffer, whose `slice` does not copy.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + 8 + length, bytes.byteLength - 8 - length);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of layout) {
    tensors.set(name, storedTensor(dtype, shape, new arrays[dtype](data.slice(begin, end).buffer)));
  }
  return { tensors, metadata };
}

type Named = Pick<ByteSource, 'name' | 'size'>;

function refusal({ name, size }: Named, problem: string, expected: string): TrainbookError {
  return new TrainbookError({
    what: `${name} is not a whole safetensors file: ${problem}`,
    received: `${size} bytes`,
    expected,
    fix: 'copy or download the file again',
  });
}

function headerLength(first: Uint8Array, source: Named): number {
  if (first.length < 8) throw refusal(source, 'it ends before its header', 'at least 8 bytes');
  const length = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (length > longestHeader) throw refusal(source, `its header claims ${length} bytes`, `at most ${longestHeader}`);
  if (8 + length > source.size) {
    throw refusal(source, `its header claims ${length} bytes`, `at least ${8 + length} bytes in all`);
  }
  return length;
}

/** Where a tensor lies; `begin` and `end` count from the end of the header. */
interface Place {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseHeader(bytes: Uint8Array, source: Named): { layout: Place[]; metadata: Record<string, string> } {
  const { entries, metadata } = headerEntries(bytes, source);
  const size = source.size - 8 - bytes.length;
  let offset = 0;
  const layout = entries.map(([name, { dtype, shape, data_offsets: offsets }]): Place => {
    const [begin, end] = offsets;
    if (!Object.hasOwn(arrays, dtype)) {
      throw refusal(source, `${name} has the dtype ${dtype}`, `one of ${Object.keys(arrays).join(', ')}`);
    }
    const known = dtype as Dtype;
    const expected = (numElements(shape) ?? Infinity) * arrays[known].BYTES_PER_ELEMENT;
    if (begin !== offset)
      throw refusal(source, `${name} begins at ${begin}`, `${offset}, where the one before it ends`);
    if (end - begin !== expected) {
      throw refusal(source, `${name} has ${end - begin} bytes`, `${expected} for [${shape.join(', ')}]`);
    }
    if (end > size) throw refusal(source, `${name} ends at ${end} of ${size}`, 'all of its bytes');
    offset = end;
    return { name, dtype: known, shape, begin, end };
  });
  if (offset !== size) throw refusal(source, `${size - offset} bytes belong to no tensor`, 'none');
  return { layout, metadata };
}

type Entry = z.output<typeof entrySchema>;

function headerEntries(
  bytes: Uint8Array,
  source: Named,
): { entries: [string, Entry][]; metadata: Record<string, string> } {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    throw refusal(source, 'its header is not JSON', 'a JSON object');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw refusal(source, 'its header is not an object', 'a JSON object');
  }
  if (numWrittenKeys(text) !== numKeys(json)) throw refusal(source, 'its header has a name twice', 'each name once');
  let metadata: Record<string, string> = {};
  const entries: [string, Entry][] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      const texts = textsSchema.safeParse(value);
      if (!texts.success) throw refusal(source, 'its metadata is not text', 'strings by name');
      metadata = texts.data;
      continue;
    }
    const entry = entrySchema.safeParse(value);
    if (!entry.success) {
      throw refusal(source, `the entry of ${name} is malformed`, 'dtype, shape and data_offsets');
    }
    entries.push([name, entry.data]);
  }
  entries.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  return { entries, metadata };
}
