import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../engine/cell.js';
import { compile } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { flatten } from '../engine/tree.js';
import { cacheCells, Idle, rowsFor } from './cache-cells.js';
import type { DecodeOptions, Decoder } from './decoder.js';
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
  return decodingBy(
    {
      step: ({ rows, isPrompt }, ...inputs) => {
        cache = roomFor(architecture, cache, batch, { needed: rows, length });
        return (isPrompt && prefix ? cache.readBothWays : cache.step)(weights, ...inputs);
      },
      reorder: async (order) => {
        await cache?.reorder(order);
      },
      dispose: () => {
        if (cache !== undefined) idle.giveBack(architecture, cache);
        cache = undefined;
      },
    },
    { batch, length },
  );
}

/** What reads tokens and keeps what it saw of them. */
export interface TokenReader {
  /** Reads tokens, after which so many rows are filled: logits after the last of each sequence. */
  step(
    at: { readonly rows: number; readonly isPrompt: boolean },
    tokens: tf.Tensor,
    row: tf.Scalar,
    starts: tf.Tensor,
  ): Promise<tf.Tensor>;
  /** Puts sequence `from[i]` in place of sequence i. */
  reorder(from: tf.Tensor): Promise<void>;
  dispose(): void;
}

/** The sizes of a decoding by a reader. */
interface ReadingSizes extends Pick<Decoding, 'batch' | 'length'> {
  /** Rows before the prompts, which the reader fills itself: prompts are then of one length, since padding would stand between. Default: 0. */
  readonly firstRow?: number;
}

/** A decoding by any reader: which row comes next, and where sequences begin that are padded on the left. */
export function decodingBy(reader: TokenReader, { batch, length, firstRow = 0 }: ReadingSizes): Decoding {
  let starts = new Int32Array(batch);
  let row = firstRow; // the next token's

  const read = (tokens: Int32Array, time: number, isPrompt: boolean): Promise<Float32Array> =>
    inferring(async () => {
      const inputs = [
        tf.tensor2d(tokens, [batch, time], 'int32'),
        tf.scalar(row, 'int32'),
        tf.tensor1d(starts, 'int32'),
      ] as const;
      const logits = await reader.step({ rows: row + time, isPrompt }, ...inputs);
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
      const longest = Math.max(...lengths);
      const time = firstRow === 0 ? paddedLength(longest, length) : longest;
      const tokens = new Int32Array(batch * time);
      starts = Int32Array.from(lengths, (own) => time - own);
      prompts.forEach((prompt, sequence) => {
        tokens.set(prompt, (sequence + 1) * time - prompt.length);
      });
      row = firstRow;
      return read(tokens, time, true);
    },
    next: (tokens) => read(tokens, 1, false),
    reorder: (from) =>
      inferring(async () => {
        starts = from.map((sequence) => starts[sequence] ?? 0);
        const order = tf.tensor1d(from, 'int32');
        await reader.reorder(order);
        order.dispose();
      }),
    dispose: () => {
      reader.dispose();
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

const idle = new Idle(makeCache);

/** The cache, or a longer one with the same rows. What an earlier decoding wrote is overwritten before it is seen. */
function roomFor(
  architecture: Decoder,
  before: Cache | undefined,
  batch: number,
  { needed, length }: { readonly needed: number; readonly length: number },
): Cache {
  if (before !== undefined && needed <= before.rows) return before;
  let enough = before?.rows ?? Math.min(FIRST_ROWS, rowsFor(length));
  while (enough < needed) enough *= 2;
  const cache = idle.take(architecture, batch, enough);
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
  const kept = cacheCells({ layers: config.layers, batch, rows, shape });
  const stepOf = (options: DecodeOptions): Step =>
    compile(
      // Weights are arguments: what a compiled function only mentions it holds as long as it lives.
      (weights: DecoderWeights, tokens: tf.Tensor, row: tf.Scalar, starts: tf.Tensor): tf.Tensor => {
        const { logits, cache } = architecture.decode(weights, tokens, row, kept.read(), starts, options);
        kept.write(cache);
        return logits;
      },
      { name: 'decode' },
    );
  return {
    batch,
    rows,
    cells: kept.cells,
    step: stepOf({}),
    readBothWays: stepOf({ bothWays: true }),
    reorder: compile(
      (from: tf.Tensor): tf.Tensor => {
        kept.reorder(from);
        return tf.scalar(0);
      },
      { name: 'reorder' },
    ),
    dispose: () => {
      kept.dispose();
    },
  };
}
