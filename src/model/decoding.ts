import * as tf from '@tensorflow/tfjs';
import { cell } from '../engine/cell.js';
import type { Cell } from '../engine/cell.js';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { flatten, mapTree } from '../engine/tree.js';
import type { DecodeOptions, Decoder } from './decoder.js';
import { emptyCache } from './key-value-cache.js';
import type { KeyValueCache } from './key-value-cache.js';
import type { Model } from './model.js';
import type { DecoderWeights } from './weights.js';

/** How much room a decoding has, and how it reads prompts. */
export interface DecodingOptions extends Pick<Decoding, 'batch' | 'length'> {
  /** Whether prompts are read both ways, as by a model that learned from `prefixLoader`. Default: from left to right. */
  readonly prefix?: boolean;
}

/** A model being read from left to right. All sequences go on together, one token each at a time. */
export interface Decoding {
  readonly batch: number;
  /** The longest sequence that there is room for, in tokens. */
  readonly length: number;
  /** Begins anew with a prompt for each sequence; gives the logits after each, [batch × vocabulary]. */
  start(prompts: readonly (readonly number[])[]): Promise<Float32Array>;
  /** Takes the next token of each sequence; gives the logits after it, [batch × vocabulary]. */
  next(tokens: Int32Array): Promise<Float32Array>;
  /** Puts sequence `from[i]` in place of sequence i, for each i: for beam search. */
  reorder(from: Int32Array): Promise<void>;
  dispose(): void;
}

/** Rows that a cache has at first at most; where more are needed it is made twice as long, and the step is compiled anew. */
const FIRST_ROWS = 512;
/** The number of rows is a multiple of this, so that decodings of about the same length share their compiled step. */
const ROWS_STEP = 64;

/**
 * Makes a model ready to generate: one compiled step, with keys and values kept in cells between calls. Prompts are read in one
 * call, shorter ones padded on the left; positions and attention leave the padding out.
 *
 * Compiling takes seconds. What was compiled for a decoding that was disposed serves the next one of the same architecture, batch and
 * about the same length, whatever its weights.
 *
 * @example
 * const decoding = startDecoding(model, { batch: 1, length: 256 });
 * const logits = await decoding.start([[12, 7]]);
 * const more = await decoding.next(Int32Array.of(3));
 */
export function startDecoding(
  { architecture, weights }: Model,
  { batch, length, prefix = false }: DecodingOptions,
): Decoding {
  let cache: Cache | undefined;
  let starts = new Int32Array(batch);
  let row = 0; // the next token's

  const read = (tokens: Int32Array, time: number, bothWays = false): Promise<Float32Array> =>
    inferring(async () => {
      cache = roomFor(architecture, cache, batch, { needed: row + time, length });
      const step = bothWays ? cache.readBothWays : cache.step;
      const inputs = [
        tf.tensor2d(tokens, [batch, time], 'int32'),
        tf.scalar(row, 'int32'),
        tf.tensor1d(starts, 'int32'),
      ] as const;
      const logits = await step(weights, ...inputs);
      const numbers = (await logits.data()) as Float32Array;
      tf.dispose([...inputs, logits]);
      row += time;
      return numbers;
    });

  return {
    batch,
    length,
    start: async (prompts) => {
      const lengths = prompts.map((prompt) => prompt.length);
      const time = paddedLength(Math.max(...lengths), length);
      const tokens = new Int32Array(batch * time);
      starts = Int32Array.from(lengths, (own) => time - own);
      prompts.forEach((prompt, sequence) => {
        tokens.set(prompt, (sequence + 1) * time - prompt.length);
      });
      row = 0;
      return read(tokens, time, prefix);
    },
    next: (tokens) => read(tokens, 1),
    reorder: (from) =>
      inferring(async () => {
        starts = from.map((sequence) => starts[sequence] ?? 0);
        const order = tf.tensor1d(from, 'int32');
        await cache?.reorder(order);
        order.dispose();
      }),
    dispose: () => {
      if (cache !== undefined) giveBack(architecture, cache);
      cache = undefined;
    },
  };
}

/** Prompts are padded to a power of two, or to a multiple of 64, so that few lengths are compiled. */
export function paddedLength(longest: number, length: number): number {
  const step = longest >= 64 ? 64 : 2 ** Math.ceil(Math.log2(longest));
  return Math.max(longest, Math.min(Math.ceil(longest / step) * step, length));
}

type Step = (weights: DecoderWeights, tokens: tf.Tensor, row: tf.Scalar, starts: tf.Tensor) => Promise<tf.Tensor>;

/** Keys and values in cells, and the compiled functions that change them. */
interface Cache {
  readonly batch: number;
  readonly rows: number;
  readonly cells: KeyValueCache<Cell>;
  readonly step: Step;
  /** The same with tokens that see each other. */
  readonly readBothWays: Step;
  readonly reorder: (from: tf.Tensor) => Promise<unknown>;
  dispose(): void;
}

/** The last cache of each architecture that was given back. */
const idle = new WeakMap<Decoder, Cache>();

function giveBack(architecture: Decoder, cache: Cache): void {
  idle.get(architecture)?.dispose();
  idle.set(architecture, cache);
}

function takeCache(architecture: Decoder, batch: number, rows: number): Cache {
  const cache = idle.get(architecture);
  if (cache?.batch !== batch || cache.rows !== rows) return makeCache(architecture, batch, rows);
  idle.delete(architecture);
  return cache;
}

/** The cache, or a longer one with the same rows. What an earlier decoding wrote is overwritten before it is seen. */
function roomFor(
  architecture: Decoder,
  before: Cache | undefined,
  batch: number,
  { needed, length }: { readonly needed: number; readonly length: number },
): Cache {
  if (before !== undefined && needed <= before.rows) return before;
  let enough = before?.rows ?? Math.min(FIRST_ROWS, Math.ceil(length / ROWS_STEP) * ROWS_STEP);
  while (enough < needed) enough *= 2;
  const cache = takeCache(architecture, batch, enough);
  if (before !== undefined) {
    copyRows(before, cache);
    before.dispose();
  }
  return cache;
}

function copyRows(from: Cache, to: Cache): void {
  const old = flatten(from.cells);
  for (const [index, kept] of flatten(to.cells).entries()) {
    const values = (old[index] as Cell).read();
    const longer = tf.pad(values, [
      [0, 0],
      [0, 0],
      [0, to.rows - from.rows],
      [0, 0],
    ]);
    kept.write(longer);
    tf.dispose([values, longer]);
  }
}

function makeCache(architecture: Decoder, batch: number, rows: number): Cache {
  const { cacheShape: shape, config } = architecture;
  const empty = emptyCache({ layers: config.layers, batch, rows, shape });
  const cells = mapTree<tf.Tensor, Cell>(empty, (zeros, path) =>
    cell(zeros, { name: `cache.${path}` }),
  ) as KeyValueCache<Cell>;
  tf.dispose(empty as unknown as tf.TensorContainer);
  const readCells = (): KeyValueCache => mapTree(cells, (kept) => kept.read()) as KeyValueCache;
  const writeCells = (values: KeyValueCache): void => {
    const tensors = flatten<tf.Tensor>(values);
    flatten(cells).forEach((kept, index) => {
      kept.write(tensors[index] as tf.Tensor);
    });
  };
  const stepOf = (options: DecodeOptions): Step =>
    compile(
      // Weights are arguments: what a compiled function only mentions it holds as long as it lives.
      (weights: DecoderWeights, tokens: tf.Tensor, row: tf.Scalar, starts: tf.Tensor): tf.Tensor => {
        const { logits, cache } = architecture.decode(weights, tokens, row, readCells(), starts, options);
        writeCells(cache);
        return logits;
      },
      { name: 'decode' },
    );
  return {
    batch,
    rows,
    cells,
    step: stepOf({}),
    readBothWays: stepOf({ bothWays: true }),
    reorder: compile(
      (from: tf.Tensor): tf.Tensor => {
        writeCells(mapTree<tf.Tensor, tf.Tensor>(readCells(), (all) => tf.gather(all, from)) as KeyValueCache);
        return tf.scalar(0);
      },
      { name: 'reorder' },
    ),
    dispose: () => {
      for (const kept of flatten(cells)) kept.dispose();
    },
  };
}
