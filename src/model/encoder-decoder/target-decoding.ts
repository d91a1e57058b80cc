import * as tf from '@tensorflow/tfjs';
import { cell } from '../../engine/cell.js';
import type { Cell } from '../../engine/cell.js';
import { compile } from '../../engine/compile.js';
import { inferring } from '../../engine/inference.js';
import { flatten, mapTree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { pad } from '../../tokens/pad.js';
import { paddedLength } from '../decoding.js';
import type { Decoding } from '../decoding.js';
import { emptyCache } from '../key-value-cache.js';
import type { KeyValueCache } from '../key-value-cache.js';
import type { EncoderDecoder, SourceMemory } from './encoder-decoder.js';
import type { EncoderDecoderModel } from './encoder-decoder-model.js';
import type { EncoderDecoderWeights } from './encoder-decoder-specs.js';

/** Room for tokens is a multiple of this, so that decodings of about the same length share their compiled step. */
const ROWS_STEP = 64;

/**
 * Makes a model ready to write the targets of some sources: the sources are read once, and of each block the keys and values of cross
 * attention are kept, beside those of the target's own tokens. `start` takes what the targets begin with, usually the start token alone.
 *
 * Compiling takes seconds. What was compiled for a decoding that was disposed serves the next one of the same architecture, batch and
 * about the same lengths, whatever its weights.
 *
 * @param length The longest target that there is room for, in tokens, the start token counted.
 * @throws TrainbookError if there is no source, or one is empty.
 * @example
 * const decoding = await startTargetDecoding(model, [[37, 1612, 1]], { length: 64 });
 * const logits = await decoding.start([[model.architecture.config.startToken]]);
 */
export async function startTargetDecoding(
  { architecture, weights }: EncoderDecoderModel,
  sources: readonly (readonly number[])[],
  { length }: Pick<Decoding, 'length'>,
): Promise<Decoding> {
  checkSources(sources);
  const batch = sources.length;
  const rows = Math.ceil(length / ROWS_STEP) * ROWS_STEP;
  const writer = takeWriter(architecture, batch, rows);
  let memory = await inferring(() => read(writer, weights, sources, architecture.config.startToken));
  let starts = new Int32Array(batch);
  let row = 0; // the next token's

  const write = (tokens: Int32Array, time: number): Promise<Float32Array> =>
    inferring(async () => {
      const inputs = [
        tf.tensor2d(tokens, [batch, time], 'int32'),
        tf.scalar(row, 'int32'),
        tf.tensor1d(starts, 'int32'),
      ] as const;
      const logits = await writer.step(weights, memory, ...inputs);
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
      const { tokens } = pad(prompts, { token: 0, side: 'left', multipleOf: time });
      starts = Int32Array.from(lengths, (own) => time - own);
      row = 0;
      return write(tokens, time);
    },
    next: (tokens) => write(tokens, 1),
    reorder: (from) =>
      inferring(async () => {
        starts = from.map((sequence) => starts[sequence] ?? 0);
        const order = tf.tensor1d(from, 'int32');
        const reordered = await writer.reorder(memory, order);
        tf.dispose([...flatten<tf.Tensor>(memory), order]);
        memory = reordered;
      }),
    dispose: () => {
      tf.dispose(flatten<tf.Tensor>(memory));
      giveBack(architecture, writer);
    },
  };
}

/** Sources, padded on the right, as what decoding keeps of them. */
async function read(
  { remember }: Writer,
  weights: EncoderDecoderWeights,
  sources: readonly (readonly number[])[],
  padding: number,
): Promise<SourceMemory> {
  const longest = Math.max(...sources.map((source) => source.length));
  const { tokens, mask, numRows, length } = pad(sources, {
    token: padding,
    multipleOf: paddedLength(longest, Infinity),
  });
  const inputs = [
    tf.tensor2d(tokens, [numRows, length], 'int32'),
    tf.tensor2d(Int32Array.from(mask), [numRows, length], 'int32'),
  ] as const;
  const memory = await remember(weights, ...inputs);
  tf.dispose([...inputs]);
  return memory;
}

/** Keys and values of targets in cells, and the compiled functions that read sources and change the cells. */
interface Writer {
  readonly batch: number;
  readonly rows: number;
  readonly remember: (weights: EncoderDecoderWeights, source: tf.Tensor, mask: tf.Tensor) => Promise<SourceMemory>;
  readonly step: (
    weights: EncoderDecoderWeights,
    memory: SourceMemory,
    tokens: tf.Tensor,
    row: tf.Scalar,
    starts: tf.Tensor,
  ) => Promise<tf.Tensor>;
  readonly reorder: (memory: SourceMemory, from: tf.Tensor) => Promise<SourceMemory>;
  dispose(): void;
}

/** The last writer of each architecture that was given back. What it wrote is overwritten before it is seen. */
const idle = new WeakMap<EncoderDecoder, Writer>();

function giveBack(architecture: EncoderDecoder, writer: Writer): void {
  if (idle.get(architecture) === writer) return;
  idle.get(architecture)?.dispose();
  idle.set(architecture, writer);
}

function takeWriter(architecture: EncoderDecoder, batch: number, rows: number): Writer {
  const writer = idle.get(architecture);
  if (writer?.batch !== batch || writer.rows !== rows) return makeWriter(architecture, batch, rows);
  idle.delete(architecture);
  return writer;
}

function makeWriter(architecture: EncoderDecoder, batch: number, rows: number): Writer {
  const { decoderLayers, heads, headSize } = architecture.config;
  const empty = emptyCache({
    ...{ layers: decoderLayers, batch, rows },
    shape: { heads, keySize: headSize, valueSize: headSize },
  });
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
  return {
    batch,
    rows,
    remember: compile(
      (weights: EncoderDecoderWeights, source: tf.Tensor, mask: tf.Tensor): SourceMemory =>
        architecture.remember(weights, source, mask),
      { name: 'remember' },
    ),
    step: compile(
      // Weights are arguments: what a compiled function only mentions it holds as long as it lives.
      (
        weights: EncoderDecoderWeights,
        memory: SourceMemory,
        tokens: tf.Tensor,
        row: tf.Scalar,
        starts: tf.Tensor,
      ): tf.Tensor => {
        const { logits, cache } = architecture.decode(weights, tokens, row, { cache: readCells(), memory, starts });
        writeCells(cache);
        return logits;
      },
      { name: 'decode' },
    ),
    reorder: compile(
      (memory: SourceMemory, from: tf.Tensor): SourceMemory => {
        writeCells(mapTree<tf.Tensor, tf.Tensor>(readCells(), (all) => tf.gather(all, from)) as KeyValueCache);
        return mapTree<tf.Tensor, tf.Tensor>(memory, (all) => tf.gather(all, from)) as unknown as SourceMemory;
      },
      { name: 'reorder' },
    ),
    dispose: () => {
      for (const kept of flatten(cells)) kept.dispose();
    },
  };
}

/** @throws TrainbookError if there is none, or one has no tokens. */
function checkSources(sources: readonly (readonly number[])[]): void {
  const empty = sources.findIndex((source) => source.length === 0);
  if (sources.length > 0 && empty === -1) return;
  throw new TrainbookError({
    what: 'startTargetDecoding: there is nothing to read',
    received: sources.length === 0 ? 'no sources' : `source ${empty} has no tokens`,
    expected: 'sources of at least one token each',
    fix: 'end each source with the end-of-text token, as in training',
  });
}
