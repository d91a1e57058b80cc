import { isDeepStrictEqual } from 'node:util';
import { treeEntries } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { ggufMetadata } from '../tokens/gguf-metadata.js';
import type { GgufValue } from '../tokens/gguf-metadata.js';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { familyNameOf } from './config-file.js';
import type { Decoder } from './decoder.js';
import { describedGguf, namesInGguf } from './gguf-architecture.js';
import { headsOf, inPairs } from './gguf-model.js';
import { factorsOfScaling, keysOfScaling, scalingOfFactors } from './gguf-rotary.js';
import { blockTypes } from './files/gguf-blocks.js';
import { writeGguf } from './files/write-gguf.js';
import type { GgufType, GgufWritable } from './files/write-gguf.js';
import { float32Elements } from './files/stored-tensor.js';
import type { MetadataValue } from './files/stored-tensor.js';
import type { Model } from './model.js';
import { namedTensors, writableWeights } from './names.js';

export interface SaveGgufOptions {
  readonly tokenizer: Tokenizer;
  /** How matrices are stored; vectors are always float32. Default: F16. */
  readonly type?: GgufType;
  /** The model's name, for the reader. */
  readonly name?: string;
  /** The chat template in Jinja, which llama.cpp's chat programs use. */
  readonly chatTemplate?: string;
}

/**
 * Writes a model and its tokenizer as a GGUF file, which llama.cpp and what is built on it run: GPT-2, Llama (and what is laid out as one),
 * Qwen2, Qwen3. A matrix whose rows are no whole blocks of 32 is stored as F16 where Q8_0 is asked for. What was written is described again
 * before a byte is written: a model that the file could not say is refused.
 *
 * @returns The file's hash.
 * @throws TrainbookError if the architecture or the tokenizer has no place in GGUF, or the model has an adapter beside it.
 * @example
 * await saveGguf(model, 'my-model.Q8_0.gguf', { tokenizer, type: 'Q8_0' });
 */
export async function saveGguf(
  { architecture, weights }: Model,
  path: string,
  { tokenizer, type = 'F16', name, chatTemplate }: SaveGgufOptions,
): Promise<string> {
  const family = familyNameOf(architecture) ?? 'none';
  const layout = namesInGguf(family);
  if (layout === undefined) throw refused(`a decoder of the family ${family}`, 'gpt2, llama, qwen2 or qwen3');
  const { vocabularySize } = architecture.config;
  const own = new Map<string, GgufValue>([
    ['general.architecture', { text: family }],
    ...(name === undefined ? [] : [['general.name', { text: name }] as const]),
    ['general.file_type', { uint32: { F32: 0, F16: 1, Q8_0: 7 }[type] }],
    ...keysOf(architecture, family),
  ]);
  const writable = writableWeights(weights, layout.names);
  const factors = factorsOfScaling(architecture.config);
  const tensors: GgufWritable[] = [
    ...(factors === undefined ? [] : [factorsTensor(factors)]),
    ...[...writable].map(([tensor, { shape, read }]): GgufWritable => {
      const heads = headsOf(tensor, architecture.config);
      return {
        name: tensor,
        type: typeOf(tensor, shape, type),
        shape,
        read: async () =>
          float32Elements(layout.interleaved && heads !== undefined ? inPairs(await read(), heads) : await read()),
      };
    }),
  ];
  checkDescribed(architecture, own, namedShapes(architecture, layout.names), path);
  const metadata = new Map([
    ...own,
    ...ggufMetadata(tokenizer, vocabularySize),
    ...(chatTemplate === undefined ? [] : [['tokenizer.chat_template', { text: chatTemplate }] as const]),
  ]);
  return writeGguf(path, metadata, tensors);
}

/** Vectors and positions stay as they are, and rows that have no whole blocks are halved at most. */
function typeOf(name: string, shape: readonly number[], wanted: GgufType): GgufType {
  if (shape.length < 2 || name === 'position_embd.weight') return 'F32';
  return wanted === 'Q8_0' && (shape.at(-1) ?? 0) % blockTypes.Q8_0.blockElements !== 0 ? 'F16' : wanted;
}

function keysOf({ config }: Decoder, family: string): Map<string, GgufValue> {
  const { layers, width, heads, keyValueHeads, headSize, hidden, context, vocabularySize, normEpsilon } = config;
  const keys = new Map<string, GgufValue>([
    ['block_count', { uint32: layers }],
    ['context_length', { uint32: context }],
    ['embedding_length', { uint32: width }],
    ['feed_forward_length', { uint32: hidden }],
    ['attention.head_count', { uint32: heads }],
    ['attention.head_count_kv', { uint32: keyValueHeads }],
    ['vocab_size', { uint32: vocabularySize }],
  ]);
  if (family === 'gpt2') keys.set('attention.layer_norm_epsilon', { float32: normEpsilon });
  else {
    keys.set('attention.layer_norm_rms_epsilon', { float32: normEpsilon });
    keys.set('attention.key_length', { uint32: headSize });
    keys.set('attention.value_length', { uint32: headSize });
    keys.set('rope.dimension_count', { uint32: headSize });
    keys.set('rope.freq_base', { float32: config.rotaryBase });
    for (const [key, value] of keysOfScaling(config)) keys.set(key, value);
  }
  return new Map([...keys].map(([key, value]) => [`${family}.${key}`, value]));
}

/** The shapes as the file has them, by name. */
function namedShapes(
  { specs }: Decoder,
  names: NonNullable<ReturnType<typeof namesInGguf>>['names'],
): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map(treeEntries(specs).map(([path, { shape }]) => [path, shape] as const));
  return new Map(namedTensors(specs, names).map(({ name, paths: [path = ''] }) => [name, shapes.get(path) ?? []]));
}

/**
 * What the file will say must be this architecture, but for what only matters in training.
 *
 * @throws TrainbookError that names what would be lost.
 */
function checkDescribed(
  { config }: Decoder,
  metadata: ReadonlyMap<string, GgufValue>,
  shapes: ReadonlyMap<string, readonly number[]>,
  path: string,
): void {
  const plain = new Map([...metadata].map(([key, value]) => [key, Object.values(value)[0] as MetadataValue]));
  const factors = factorsOfScaling(config);
  const rotary = { headSize: config.headSize, base: config.rotaryBase };
  const rotaryScaling = factors && scalingOfFactors(factors, rotary, path);
  const said = describedGguf(plain, { shapes, rotaryScaling }, path).architecture.config;
  const lost = Object.keys({ ...config, ...said }).filter((key) => {
    if (key === 'dropout' || key === 'initDeviation') return false;
    const [own, read] = [config, said].map((each) =>
      asStored((each as unknown as Readonly<Record<string, Json>>)[key]),
    );
    return !isDeepStrictEqual(own, read);
  });
  if (lost.length > 0)
    throw refused(
      lost.map((key) => `${key} ${JSON.stringify(config[key as keyof typeof config])}`).join(', '),
      lost.map((key) => `${key} ${JSON.stringify(said[key as keyof typeof said])}`).join(', '),
    );
}

/** A value with its numbers as exact as float32 has them. */
function asStored(value: Json | undefined): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, each: unknown) =>
      typeof each === 'number' ? Number(each.toPrecision(6)) : each,
    ),
  );
}

function refused(received: string, expected: string): TrainbookError {
  return new TrainbookError({
    what: 'saveGguf: GGUF has no place for this model',
    received,
    expected,
    fix: 'save it as a folder, with saveModel',
  });
}

function factorsTensor(factors: Float32Array): GgufWritable {
  return { name: 'rope_freqs.weight', type: 'F32', shape: [factors.length], read: () => Promise.resolve(factors) };
}
