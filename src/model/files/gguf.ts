import { TrainbookError } from '../../error.js';
import { closedOnRefusal, fileSource, readBytes } from './byte-source.js';
import type { ByteSource } from './byte-source.js';
import { blockTypes, dequantise } from './gguf-blocks.js';
import type { BlockType } from './gguf-blocks.js';
import { HeaderGoesOn, parseGgufHeader } from './gguf-header.js';
import type { GgufHeader, GgufTensor, Refuse } from './gguf-header.js';
import { arrays, numElements, storedTensor } from './stored-tensor.js';
import type { Dtype, StoredTensor, TensorEntry, TensorFile } from './stored-tensor.js';

/*
 * The files of llama.cpp: metadata (architecture, tokenizer), then tensors, often packed in blocks (`gguf-blocks.ts`).
 *
 * general.architecture → 'llama', tokenizer.ggml.tokens → ['<|endoftext|>', …], llama.block_count → 30
 * blk.0.attn_q.weight → { dtype: 'F32', storedAs: 'Q4_1', shape: [576, 576] }
 */

/** The types by their numbers in files; those that have no reader here stand for the error alone. */
const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries({
    ...{ F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q8_1: 9, Q2_K: 10, Q3_K: 11, Q4_K: 12, Q5_K: 13 },
    ...{
      Q6_K: 14,
      Q8_K: 15,
      IQ2_XXS: 16,
      IQ2_XS: 17,
      IQ3_XXS: 18,
      IQ1_S: 19,
      IQ4_NL: 20,
      IQ3_S: 21,
      IQ2_S: 22,
      IQ4_XS: 23,
    },
    ...{ I8: 24, I16: 25, I32: 26, I64: 27, F64: 28, IQ1_M: 29, BF16: 30, TQ1_0: 34, TQ2_0: 35, MXFP4: 39 },
  }).map(([name, number]) => [number, name]),
);
const blocks: Readonly<Record<string, BlockType>> = blockTypes;

/** The head is read in pieces, each four times as long; 256 MB at most: those of the largest vocabularies have some 20 MB. */
const firstPiece = 1 << 20;
const longestHeader = 1 << 28;

/**
 * Opens a GGUF file (version 2 or 3): all metadata, and tensors that are read when asked for. Plain types come as they are
 * stored, packed ones (Q4_0, Q4_1, Q8_0, Q4_K, Q6_K) as float32. Shapes are PyTorch's, the file's reversed.
 *
 * @throws TrainbookError if the file is missing, damaged or big-endian, or has tensors of another type, which it names.
 * @example
 * const file = await openGguf('SmolLM2-135M-Instruct.Q4_1.gguf');
 * file.metadata.get('general.architecture'); // 'llama'
 * const query = await file.tensors.get('blk.0.attn_q.weight')?.read(); // float32 [576, 576]
 * await file.close();
 */
export async function openGguf(path: string): Promise<TensorFile> {
  return closedOnRefusal(await fileSource(path, 'a GGUF file'), ggufFrom);
}

/** The file that a source of bytes is; it belongs to the file from now on. */
export async function ggufFrom(source: ByteSource): Promise<TensorFile> {
  const refuse: Refuse = (problem, received, expected) =>
    new TrainbookError({ what: `${source.name} is not read as GGUF: ${problem}`, received, expected });
  const header = await readHeader(source, refuse);
  const alignment = header.metadata.get('general.alignment') ?? 32;
  if (
    typeof alignment !== 'number' ||
    !Number.isInteger(Math.log2(alignment)) ||
    alignment < 1 ||
    alignment > 1 << 20
  ) {
    throw refuse('its alignment is impossible', String(alignment), 'a power of two');
  }
  const padded = (length: number): number => Math.ceil(length / alignment) * alignment;

  const start = padded(header.length);
  const tensors = new Map<string, TensorEntry>();
  let end = 0;
  for (const info of [...header.tensors].sort((a, b) => a.offset - b.offset)) {
    const { name, offset } = info;
    const { entry, numBytes } = tensorEntry(source, start, info, refuse);
    if (offset !== padded(end))
      throw refuse(`${name} does not begin where the one before it ends`, `${offset}`, `${padded(end)}`);
    end = offset + numBytes;
    if (start + end > source.size) throw refuse(`${name} is cut off`, `${source.size} bytes`, `${start + end} bytes`);
    tensors.set(name, entry);
  }
  if (source.size > start + padded(end)) {
    throw refuse('bytes belong to no tensor', `${source.size} bytes`, `${start + end} bytes`);
  }
  const inFileOrder = header.tensors.map(({ name }) => [name, tensors.get(name)] as [string, TensorEntry]);
  return { tensors: new Map(inFileOrder), metadata: header.metadata, close: () => source.close() };
}

async function readHeader(source: ByteSource, refuse: Refuse): Promise<GgufHeader> {
  for (let length = firstPiece; ; length *= 4) {
    const available = Math.min(length, source.size, longestHeader);
    try {
      return parseGgufHeader(await readBytes(source, 0, available), refuse);
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error;
      if (available < length) throw refuse('its head is cut off, or too long', `${source.size} bytes`, 'a whole head');
    }
  }
}

function tensorEntry(
  source: ByteSource,
  start: number,
  { name, type, shape, offset }: GgufTensor,
  refuse: Refuse,
): { entry: TensorEntry; numBytes: number } {
  const storedAs = typeNames.get(type) ?? `type ${type}`;
  const size = numElements(shape);
  if (size === undefined)
    throw refuse(`${name} has an impossible shape`, `[${shape.join(', ')}]`, 'less than 2^53 elements');
  const position = start + offset;

  const block = Object.hasOwn(blocks, storedAs) ? blocks[storedAs] : undefined;
  if (block !== undefined) {
    if ((shape.at(-1) ?? 1) % block.blockElements !== 0) {
      throw refuse(
        `${name} has rows of no whole blocks`,
        `${shape.at(-1) ?? 1}`,
        `multiples of ${block.blockElements}`,
      );
    }
    const numBytes = (size / block.blockElements) * block.blockBytes;
    const read = async (): Promise<StoredTensor> => ({
      shape,
      elements: dequantise(block, await readBytes(source, position, numBytes)),
    });
    return { entry: { dtype: 'F32', storedAs, shape, read }, numBytes };
  }
  if (!Object.hasOwn(arrays, storedAs)) {
    const known = [
      ...Object.keys(arrays).filter((dtype) => dtype !== 'U8' && dtype !== 'BOOL'),
      ...Object.keys(blocks),
    ];
    throw refuse(`${name} is stored as ${storedAs}, which is not read here`, storedAs, known.join(', '));
  }
  const dtype = storedAs as Dtype;
  const read = async (): Promise<StoredTensor> => {
    const elements = new arrays[dtype](size);
    await source.readInto(new Uint8Array(elements.buffer), position);
    return storedTensor(dtype, shape, elements);
  };
  return { entry: { dtype, storedAs, shape, read }, numBytes: size * arrays[dtype].BYTES_PER_ELEMENT };
}
