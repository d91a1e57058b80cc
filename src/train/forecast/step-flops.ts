import { countParameters } from '../../model/cost.js';
import type { Decoder } from '../../model/decoder.js';
import type { Encoder } from '../../model/encoder.js';
import { numberOfPieces } from '../accumulate.js';
import { rowsOfEach } from '../rows-of-each.js';

/** What a training can be planned for. */
export type Planned = Decoder | Encoder;

/** What decides the floating-point operations of a step. */
export interface StepFlopsOptions {
  readonly batchSize: number;
  /** Tokens of a row. Default: the model's context. */
  readonly length?: number | undefined;
  readonly recompute?: boolean | undefined;
}

/**
 * Floating-point operations of a training step: 3 × those of the forward pass, since the backward pass has two products for each
 * one; with recomputation blocks go forward once more, without their last product, which no gradient asks for. A loss in chunks takes
 * its gradient as it goes: the logits are computed once.
 *
 * @example
 * stepFlops(architecture, { batchSize: 8 }); // 3 × architecture.flopsPerToken × 8 × context
 */
export function stepFlops(architecture: Planned, options: StepFlopsOptions): number {
  const { config } = architecture;
  const { batchSize, length = config.context, recompute = false } = options;
  const forward = architecture.cost(length).forwardFlops;
  const output = architecture.kind === 'decoder' ? 2 * config.vocabularySize * config.width : 0;
  const inBlocks = forward - output;
  const down = 2 * config.layers * config.hidden * config.width;
  const again = recompute ? inBlocks - down : 0;
  return batchSize * length * (3 * forward + again);
}

/** What decides the time of a step. */
export interface StepWorkOptions extends StepFlopsOptions {
  readonly lossChunks?: number | undefined;
  readonly microBatch?: number | undefined;
  /** Processes that share the batch. Default: 1. */
  readonly workers?: number | undefined;
}

/**
 * The work of a step in one process, in floating-point operations of matrix products: `stepFlops`, and what else is read and written, at so many
 * FLOPs a byte. For each piece of a batch the sums of all gradients, for each chunk of the loss that of the output table: a sum is
 * read, what is added is read, the sum is written, in float32.
 *
 * @param flopsPerByte FLOPs of matrix products in the time in which memory gives one byte. Default: 8, of two CPU cores with 160 GFLOP/s and
 *   20 GB/s.
 * @throws TrainbookError if rows do not part evenly.
 * @example
 * stepWork(architecture, { batchSize: 8, microBatch: 2 });
 */
export function stepWork(architecture: Planned, options: StepWorkOptions, flopsPerByte = 8): number {
  const { config, specs } = architecture;
  const { batchSize, microBatch, lossChunks = 1, workers = 1 } = options;
  const rows = rowsOfEach(batchSize, workers);
  const numPieces = numberOfPieces(rows, microBatch);
  const ofSum = 3 * 4;
  const sums = numPieces > 1 ? ofSum * numPieces * countParameters(specs) : 0;
  const table = architecture.kind === 'decoder' ? config.vocabularySize * config.width : 0;
  const inChunks = lossChunks > 1 ? ofSum * numPieces * lossChunks * table : 0;
  return stepFlops(architecture, { ...options, batchSize: rows }) + flopsPerByte * (sums + inChunks);
}
