import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { replaceAtomic } from '../files.js';

/*
 * A file is: 8 bytes, the length n of the header (little-endian); n bytes of JSON; the tensors' bytes, one after another.
 *
 * {"__metadata__":{"format":"pt"},"model.norm.weight":{"dtype":"F32","shape":[256],"data_offsets":[0,1024]}}
 *
 * Offsets count from the end of the header; there are no gaps and no overlaps.
 */

/** A tensor as it lies in a file. `elements` is a copy of its own: nothing else sees its memory. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly elements: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
}

/** The contents of a file: tensors by name, and free text. */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const formats = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  I64: BigInt64Array,
  U8: Uint8Array,
} as const;
type Format = keyof typeof formats;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const headerSchema = z.record(z.string(), z.unknown());
const metadataSchema = z.record(z.string(), z.string());

/** The longest header that is read, 100 MB, as in the reference implementation: a hostile length must not fill memory. */
const longestHeader = 100_000_000;

/**
 * The parts of a file, in order: its header, then each tensor's bytes (views, not copies), tensors in the order of their names.
 * Equal tensors and metadata give equal bytes.
 */
export function safetensorsParts({ tensors, metadata }: Safetensors): Uint8Array[] {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = Object.fromEntries(Object.entries(metadata).sort());
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const name of names) {
    const { shape, elements } = tensors.get(name) as StoredTensor;
    const end = offset + elements.byteLength;
    header[name] = { dtype: formatOf(elements), shape, data_offsets: [offset, end] };
    parts.push(new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength));
    offset = end;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8)); // data starts at a multiple of 8
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return [length, json, ...parts];
}

/**
 * Writes a file beside its place, flushes and renames it: it is whole or not there. Gives the hash of its bytes, equal to
 * `hashFile(path)`.
 *
 * @example
 * const hash = await writeSafetensors('model.safetensors', { tensors, metadata: {} });
 */
export async function writeSafetensors(path: string, contents: Safetensors): Promise<string> {
  const parts = safetensorsParts(contents);
  await replaceAtomic(path, parts);
  const sha = createHash('sha256');
  for (const part of parts) sha.update(part);
  return sha.digest('hex').slice(0, 32);
}

/**
 * Reads a file whole.
 *
 * @throws TrainbookError if the file is missing, cut short or not safetensors; it says what does not fit.
 * @example
 * const { tensors } = await readSafetensors('model.safetensors');
 */
export async function readSafetensors(path: string): Promise<Safetensors> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new TrainbookError({
      what: `cannot read ${path}`,
      received: String(cause),
      expected: 'a safetensors file',
      cause,
    });
  }
  return parseSafetensors(bytes, path);
}

/**
 * The contents of a file's bytes; `source` names them in errors.
 *
 * @throws TrainbookError where a length, an offset or a shape does not fit.
 */
export function parseSafetensors(bytes: Uint8Array, source: string): Safetensors {
  const refuse = (problem: string, expected: string): TrainbookError =>
    new TrainbookError({
      what: `${source} is not a whole safetensors file: ${problem}`,
      received: `${bytes.length} bytes`,
      expected,
      fix: 'copy or download the file again',
    });
  if (bytes.length < 8) throw refuse('it ends before its header', 'at least 8 bytes');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > longestHeader) throw refuse(`its header claims ${length} bytes`, `at most ${longestHeader}`);
  if (8 + length > bytes.length)
    throw refuse(`its header claims ${length} bytes`, `at least ${8 + length} bytes in all`);

  const header = parseHeader(bytes.subarray(8, 8 + length), refuse);
  // Not `bytes.subarray`: of a Buffer that is a Buffer, whose `slice` does not copy.
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + 8 + length, bytes.byteLength - 8 - length);
  const tensors = new Map<string, StoredTensor>();
  let offset = 0;
  for (const [name, { dtype, shape, data_offsets: offsets }] of header.entries) {
    const [begin, end] = offsets;
    const format = formats[dtype as Format] as (typeof formats)[Format] | undefined;
    if (format === undefined)
      throw refuse(`${name} has the dtype ${dtype}`, `one of ${Object.keys(formats).join(', ')}`);
    const numBytes = shape.reduce((product, size) => product * size, 1) * format.BYTES_PER_ELEMENT;
    if (begin !== offset) throw refuse(`${name} begins at ${begin}`, `${offset}, where the tensor before it ends`);
    if (end - begin !== numBytes)
      throw refuse(`${name} has ${end - begin} bytes`, `${numBytes} for [${shape.join(', ')}]`);
    if (end > data.length) throw refuse(`${name} ends at ${end} of ${data.length}`, 'all of its bytes');
    tensors.set(name, { shape, elements: new format(data.slice(begin, end).buffer) });
    offset = end;
  }
  if (offset !== data.length) throw refuse(`${data.length - offset} bytes belong to no tensor`, 'none');
  return { tensors, metadata: header.metadata };
}

type Entry = z.output<typeof entrySchema>;

function parseHeader(
  bytes: Uint8Array,
  refuse: (problem: string, expected: string) => TrainbookError,
): { entries: [string, Entry][]; metadata: Record<string, string> } {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw refuse('its header is not JSON', 'a JSON object');
  }
  const header = headerSchema.safeParse(json);
  if (!header.success) throw refuse('its header is not an object', 'a JSON object');
  const { __metadata__: free = {}, ...rest } = header.data;
  const metadata = metadataSchema.safeParse(free);
  if (!metadata.success) throw refuse('its metadata is not text', 'strings by name');
  const entries = Object.entries(rest).map(([name, value]): [string, Entry] => {
    const entry = entrySchema.safeParse(value);
    if (!entry.success) throw refuse(`the entry of ${name} is malformed`, 'dtype, shape and data_offsets');
    return [name, entry.data];
  });
  entries.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  return { entries, metadata: metadata.data };
}

function formatOf(elements: StoredTensor['elements']): Format {
  const found = Object.entries(formats).find(([, array]) => elements instanceof array);
  if (found === undefined) throw new Error('internal: safetensors has no format for these elements');
  return found[0] as Format;
}
