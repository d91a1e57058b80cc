import * as tf from '@tensorflow/tfjs';
import { compile } from '../../engine/compile.js';
import { inferring } from '../../engine/inference.js';
import { flatten, mapTree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { pad } from '../../tokens/pad.js';
import { cacheCells, Idle, rowsFor } from '../cache-cells.js';
import { decodingBy, paddedLength } from '../decoding.js';
import type { Decoding } from '../decoding.js';
import type { EncoderDecoder, SourceMemory } from './encoder-decoder.js';
import type { EncoderDecoderModel } from './encoder-decoder-model.js';
import type { EncoderDecoderWeights } from './encoder-decoder-specs.js';

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
  const writer = idle.take(architecture, batch, rowsFor(length));
  let memory = await inferring(() => read(writer, weights, sources, architecture.config.startToken));
  return decodingBy(
    {
      step: (_, ...inputs) => writer.step(weights, memory, ...inputs),
      reorder: async (order) => {
        const reordered = await writer.reorder(memory, order);
        tf.dispose(flatten<tf.Tensor>(memory));
        memory = reordered;
      },
      dispose: () => {
        tf.dispose(flatten<tf.Tensor>(memory));
        idle.giveBack(architecture, writer);
      },
    },
    { batch, length },
  );
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

// What a writer wrote is overwritten before it is seen.
const idle = new Idle(makeWriter);

function makeWriter(architecture: EncoderDecoder, batch: number, rows: number): Writer {
  const { decoderLayers, heads, headSize } = architecture.config;
  const kept = cacheCells({
    ...{ layers: decoderLayers, batch, rows },
    shape: { heads, keySize: headSize, valueSize: headSize },
  });
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
        const { logits, cache } = architecture.decode(weights, tokens, row, { cache: kept.read(), memory, starts });
        kept.write(cache);
        return logits;
      },
      { name: 'decode' },
    ),
    reorder: compile(
      (memory: SourceMemory, from: tf.Tensor): SourceMemory => {
        kept.reorder(from);
        return mapTree<tf.Tensor, tf.Tensor>(memory, (all) => tf.gather(all, from)) as unknown as SourceMemory;
      },
      { name: 'reorder' },
    ),
    dispose: () => {
      kept.dispose();
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
