import { replaceAtomic } from '../../files.js';
import type { GgufValue } from '../../tokens/gguf-metadata.js';
import { blockTypes, quantiseQ8 } from './gguf-blocks.js';
import { float32ToFloat16 } from './half.js';

/*
 * Writes what `gguf-header.ts` describes, version 3.
 */

/** How numbers are stored: float32; float16; or 8 bits and a scale for each 32. */
export type GgufType = 'F32' | 'F16' | 'Q8_0';

/** A tensor to be written; its numbers are asked for when its turn comes, so that one tensor at a time is in memory. */
export interface GgufWritable {
  readonly name: string;
  readonly type: GgufType;
  /** In PyTorch's order; of Q8_0 the last axis has whole blocks of 32. */
  readonly shape: readonly number[];
  read(): Promise<Float32Array>;
}

const typeNumbers = { F32: 0, F16: 1, Q8_0: 8 } as const satisfies Record<GgufType, number>;
const alignment = 32;

/**
 * Writes a GGUF file, whole or not at all; gives its hash.
 *
 * @example
 * await writeGguf('model.gguf', new Map([['general.architecture', { text: 'llama' }]]), tensors);
 */
export function writeGguf(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufWritable[],
): Promise<string> {
  return replaceAtomic(path, partsOf(metadata, tensors));
}

async function* partsOf(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufWritable[],
): AsyncGenerator<Uint8Array> {
  const header = headerOf(metadata, tensors);
  yield header;
  yield padding(header.length);
  for (const tensor of tensors) {
    const values = await tensor.read();
    if (values.length !== sizeOf(tensor))
      throw new Error(`internal: ${tensor.name} was said to have ${sizeOf(tensor)}`);
    const bytes = packed(tensor.type, values);
    yield bytes;
    yield padding(bytes.length);
  }
}

function packed(type: GgufType, values: Float32Array): Uint8Array {
  if (type === 'Q8_0') return quantiseQ8(values);
  const elements = type === 'F16' ? float32ToFloat16(values) : values;
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}

const sizeOf = ({ shape }: Pick<GgufWritable, 'shape'>): number => shape.reduce((product, axis) => product * axis, 1);

function bytesOf(tensor: GgufWritable): number {
  const size = sizeOf(tensor);
  if (tensor.type !== 'Q8_0') return size * (tensor.type === 'F16' ? 2 : 4);
  return (size / blockTypes.Q8_0.blockElements) * blockTypes.Q8_0.blockBytes;
}

const padded = (length: number): number => Math.ceil(length / alignment) * alignment;
const padding = (length: number): Uint8Array => new Uint8Array(padded(length) - length);

function headerOf(metadata: ReadonlyMap<string, GgufValue>, tensors: readonly GgufWritable[]): Uint8Array {
  const parts: Buffer[] = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(metadata.size)];
  for (const [key, value] of metadata) parts.push(text(key), ...valueParts(value));
  let offset = 0;
  for (const tensor of tensors) {
    const { name, type, shape } = tensor;
    parts.push(text(name), uint32(shape.length), ...[...shape].reverse().map(uint64), uint32(typeNumbers[type]));
    parts.push(uint64(offset));
    offset += padded(bytesOf(tensor));
  }
  return Buffer.concat(parts);
}

/** The number of the type, then the value. */
function valueParts(value: GgufValue): Buffer[] {
  if ('uint32' in value) return [uint32(4), uint32(value.uint32)];
  if ('float32' in value)
    return [
      uint32(6),
      bytes(4, (view) => {
        view.setFloat32(0, value.float32, true);
      }),
    ];
  if ('bool' in value) return [uint32(7), Buffer.of(Number(value.bool))];
  if ('text' in value) return [uint32(8), text(value.text)];
  if ('texts' in value) return [uint32(9), uint32(8), uint64(value.texts.length), ...value.texts.map(text)];
  const numbers = Buffer.from(Int32Array.from(value.int32s).buffer);
  return [uint32(9), uint32(5), uint64(value.int32s.length), numbers];
}

function bytes(length: number, write: (view: DataView) => void): Buffer {
  const buffer = Buffer.alloc(length);
  write(new DataView(buffer.buffer, buffer.byteOffset, length));
  return buffer;
}

const uint32 = (number: number): Buffer =>
  bytes(4, (view) => {
    view.setUint32(0, number, true);
  });
const uint64 = (number: number): Buffer =>
  bytes(8, (view) => {
    view.setBigUint64(0, BigInt(number), true);
  });

function text(value: string): Buffer {
  const utf8 = Buffer.from(value);
  return Buffer.concat([uint64(utf8.length), utf8]);
}
