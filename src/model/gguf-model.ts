import type { DecoderConfig } from './decoder-options.js';
import { describedGguf } from './gguf-architecture.js';
import type { GgufTensors } from './gguf-architecture.js';
import { scalingOfFactors } from './gguf-rotary.js';
import { openGguf } from './files/gguf.js';
import { float32Elements } from './files/stored-tensor.js';
import type { StoredTensor, TensorEntry, TensorFile } from './files/stored-tensor.js';
import { readWeights } from './model.js';
import type { Model } from './model.js';

/** What each rotary frequency is divided by; not a weight. */
const factorsName = 'rope_freqs.weight';

/**
 * Reads the model of a GGUF file: GPT-2, Llama, Qwen2 or Qwen3, its weights as float32 whatever they are packed as.
 *
 * @throws TrainbookError if the file is damaged, or its architecture, a key or a tensor is not known here.
 * @example
 * const model = await loadGgufModel('SmolLM2-135M-Instruct.Q4_1.gguf');
 */
export async function loadGgufModel(path: string): Promise<Model> {
  const file = await openGguf(path);
  try {
    return await ggufModel(file, path);
  } finally {
    await file.close();
  }
}

/** The model of an open GGUF file. */
export async function ggufModel(file: TensorFile, source = 'the GGUF file'): Promise<Model> {
  const shapes = new Map([...file.tensors].map(([name, { shape }]) => [name, shape] as const));
  const plain = describedGguf(file.metadata, { shapes }, source);
  const described = describedGguf(file.metadata, { shapes, ...(await scalingOf(file, plain, source)) }, source);
  const { config } = described.architecture;
  const tensors = new Map(
    [...file.tensors]
      .filter(([name]) => name !== factorsName)
      .map(([name, entry]) => {
        const heads = headsOf(name, config);
        return [name, described.interleaved && heads !== undefined ? inHalves(entry, heads) : entry] as const;
      }),
  );
  return { architecture: described.architecture, weights: await readWeights(described, { tensors }, source) };
}

async function scalingOf(
  file: TensorFile,
  { architecture: { config } }: ReturnType<typeof describedGguf>,
  source: string,
): Promise<Pick<GgufTensors, 'rotaryScaling'>> {
  const entry = file.tensors.get(factorsName);
  if (entry === undefined) return {};
  const { headSize, rotaryBase } = config;
  const factors = float32Elements(await entry.read());
  return { rotaryScaling: scalingOfFactors(factors, { headSize, base: rotaryBase }, source) };
}

function inHalves(entry: TensorEntry, heads: number): TensorEntry {
  return { ...entry, dtype: 'F32', read: async () => halves(await entry.read(), heads) };
}

/** How many heads the rows of a tensor belong to; undefined where it has no rows of queries or keys. */
export function headsOf(
  name: string,
  { heads, keyValueHeads }: Pick<DecoderConfig, 'heads' | 'keyValueHeads'>,
): number | undefined {
  return /\.attn_q\./.test(name) ? heads : /\.attn_k\./.test(name) ? keyValueHeads : undefined;
}

/**
 * Rows of queries or keys as they are in Hugging Face's files and here: of each head first the first ones of all pairs, then the
 * second ones (row i and row i + headSize / 2 turn together). llama.cpp has the two of a pair side by side (rows 2i and 2i + 1).
 *
 * @example
 * halves({ shape: [4, 1], elements: Float32Array.of(0, 1, 2, 3) }, 1).elements; // 0, 2, 1, 3
 */
export function halves(tensor: StoredTensor, heads: number): StoredTensor {
  return copiedRows(tensor, heads, (inPair, inHalf) => [inPair, inHalf]);
}

/**
 * The same rows as llama.cpp has them: the other way round.
 *
 * @example
 * inPairs({ shape: [4, 1], elements: Float32Array.of(0, 2, 1, 3) }, 1).elements; // 0, 1, 2, 3
 */
export function inPairs(tensor: StoredTensor, heads: number): StoredTensor {
  return copiedRows(tensor, heads, (inPair, inHalf) => [inHalf, inPair]);
}

/** A copy with each row where `move` says, of its places where pairs stand side by side and where they stand in halves. */
function copiedRows(
  tensor: StoredTensor,
  heads: number,
  move: (inPair: number, inHalf: number) => readonly [from: number, to: number],
): StoredTensor {
  const [rows = 0, ...rest] = tensor.shape;
  const length = rest.reduce((product, axis) => product * axis, 1);
  const elements = float32Elements(tensor);
  const copy = new Float32Array(elements.length);
  const headSize = rows / heads;
  for (let row = 0; row < rows; row++) {
    const inHead = row % headSize;
    const [from, to] = move(row, row - inHead + (inHead >> 1) + (inHead & 1) * (headSize >> 1));
    copy.set(elements.subarray(from * length, (from + 1) * length), to * length);
  }
  return { shape: tensor.shape, elements: copy };
}
