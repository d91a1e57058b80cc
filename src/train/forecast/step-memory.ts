import { countMatrices, countParameters } from '../../model/cost.js';
import { keptActivations } from '../../model/kept-activations.js';
import type { KeptActivations } from '../../model/kept-activations.js';
import { numberOfPieces } from '../accumulate.js';
import { rowsOfEach } from '../rows-of-each.js';
import type { Planned } from './step-flops.js';
import type { TrainingMemoryOptions } from './training-memory.js';

// Legend: L = blocks, W = width, V = numbers that the loss sees of a token; N = tokens that are computed at a time.

/** What is there for a part of a step only. */
export type PassingPart = 'gradients' | 'activations' | 'copies of weights' | 'logits' | 'gradients of activations';

/** When a step is fullest. */
export type Moment =
  | 'the loss'
  | 'the gradient of the last block'
  | 'the gradient of the first block'
  | 'the gradient of the embedding'
  | 'the sum of gradients over processes';

/** Bytes by part. */
type Passing = Readonly<Record<PassingPart, number>>;

/** With fewer rows matrices are multiplied one by one, and not put side by side. */
const rowsOfJoinedProducts = 64;

/**
 * The moment at which a step holds most, and what it holds then, in bytes:
 *
 *   at the loss                       all that blocks keep (or their inputs), two matrices of logits N V
 *   the gradient of the last block    all that blocks keep, the output table's gradient, and what passes through one block
 *   the gradient of the first block   all gradients, what one block keeps, and what passes through it
 *   the gradient of the embedding     all gradients, that of a tied table twice
 *   the sum over processes            a process's own gradients, and their sum
 *
 * Between the last and the first block activations shrink and gradients grow evenly, so that one of the two ends is fullest. Gradients that add up
 * over pieces of a batch, or go to other processes, are there from the start.
 */
export function fullestMoment(
  architecture: Planned,
  options: TrainingMemoryOptions,
): { readonly moment: Moment; readonly parts: Passing } {
  const moments = momentsOf(architecture, options);
  return moments.reduce((most, one) => (total(one.parts) > total(most.parts) ? one : most));
}

function momentsOf(
  architecture: Planned,
  options: TrainingMemoryOptions,
): readonly { readonly moment: Moment; readonly parts: Passing }[] {
  const { config, specs } = architecture;
  const { length = config.context, recompute = false, lossChunks = 1, precision = 'float32', workers = 1 } = options;
  const isDecoder = architecture.kind === 'decoder';
  const outputs = options.outputs ?? (isDecoder ? config.vocabularySize : 0);
  const rows = rowsOfEach(options.batchSize, workers);
  const numPieces = numberOfPieces(rows, options.microBatch);
  const numTokens = (rows / numPieces) * length;

  const hidden = 4 * numTokens * config.width; // one state of the residual stream
  const table = 4 * outputs * config.width;
  const all = 4 * countParameters(specs);
  const blockWeights = Math.max(0, ...specs.layers.map((block) => 4 * countParameters(block)));
  const blocks = keptActivations(config, length);
  const kept = blocks.map((block) => numTokens * bytesKept(block, precision));
  const copies = bytesOfCopies(architecture, numTokens, precision);
  // The loop of `remat` takes copies of a block's input and weights, these in two layouts; the compiler makes those of all blocks early.
  const ofAll = recompute ? 2 * config.layers * hidden : sumOf(kept);
  const copiesOfAll = config.layers * (recompute ? 2 * blockWeights : copies);
  const copiesOfOne = copies + (recompute ? 2 * blockWeights : 0);
  const ofOne = Math.max(...kept) + (recompute ? hidden : 0);
  const passing = 4 * numTokens * Math.max(...blocks.map((block) => block.passing));
  const through = passing + (recompute ? 4 * hidden : 0); // the loop carries the input, the output's gradient, and what becomes of them

  const sums = numPieces > 1 || workers > 1 ? all : 0;
  const atEnd = numPieces > 1 ? 2 * all : all;
  const isTied = isDecoder && architecture.config.tiedEmbeddings;
  const nothing = { gradients: 0, activations: 0, 'copies of weights': 0, logits: 0, 'gradients of activations': 0 };
  const moments: { readonly moment: Moment; readonly parts: Partial<Passing> }[] = [
    {
      moment: 'the loss',
      parts: {
        gradients: sums + (lossChunks > 1 ? table : 0),
        activations: ofAll + 2 * hidden,
        'copies of weights': copiesOfAll,
        logits: (2 * 4 * numTokens * outputs) / lossChunks,
      },
    },
    {
      moment: 'the gradient of the last block',
      parts: {
        gradients: sums + table,
        activations: ofAll + (recompute ? ofOne : 0),
        'copies of weights': copiesOfAll + (recompute ? copies : 0),
        'gradients of activations': through,
      },
    },
    {
      moment: 'the gradient of the first block',
      parts: {
        gradients: atEnd,
        activations: ofOne,
        'copies of weights': copiesOfOne,
        'gradients of activations': through,
      },
    },
    {
      moment: 'the gradient of the embedding',
      parts: { gradients: atEnd + (isTied ? table : 0), 'gradients of activations': hidden },
    },
    { moment: 'the sum of gradients over processes', parts: { gradients: workers > 1 ? 2 * all : 0 } },
  ];
  return moments.map(({ moment, parts }) => ({ moment, parts: { ...nothing, ...parts } }));
}

/** Bytes that a block keeps of a token. */
function bytesKept({ values, factors, shared }: KeptActivations, precision: keyof typeof bytesOfProducts): number {
  const isPlain = bytesOfProducts[precision] === 4;
  return 4 * values + bytesOfProducts[precision] * (factors + (isPlain ? 0 : shared));
}

const bytesOfProducts = { float32: 4, tf32: 4, bfloat16: 2, float16: 2 } as const;

/**
 * Copies of a block's matrices that are kept until its backward pass: query, key and value side by side, and gate and up; in another
 * format than float32 all of them.
 */
function bytesOfCopies(architecture: Planned, numTokens: number, precision: keyof typeof bytesOfProducts): number {
  // The last: with experts the first layers may be dense, and smaller.
  const block = architecture.specs.layers.at(-1);
  if (block === undefined) return 0;
  if (bytesOfProducts[precision] < 4) return bytesOfProducts[precision] * countMatrices(block);
  if (numTokens < rowsOfJoinedProducts) return 0;
  const { query, key, value } = block.attention;
  const isLatent = 'latent' in architecture.config && architecture.config.latent !== undefined;
  const projections = isLatent ? [] : [query, key, value];
  const { gate, up } = block.mlp;
  return 4 * countMatrices([...projections, ...(gate && up ? [gate, up] : [])]);
}

function total(parts: Passing): number {
  return sumOf(Object.values(parts));
}

function sumOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, more) => sum + more, 0);
}
