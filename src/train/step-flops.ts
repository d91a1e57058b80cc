import type { Decoder } from '../model/decoder.js';
import type { Encoder } from '../model/encoder.js';

/** What a training can be planned for. */
export type Planned = Decoder | Encoder;

/** What decides the floating-point operations of a step. */
export interface StepFlopsOptions {
  readonly batchSize: number;
  /** Tokens of a row. Default: the model's context. */
  readonly length?: number | undefined;
  readonly recompute?: boolean | undefined;
  readonly lossChunks?: number | undefined;
}

/**
 * Floating-point operations of a training step: 3 × those of the forward pass, since the backward pass has two products for each
 * one; with recomputation blocks go forward once more, without their last product, which no gradient asks for; with a loss in chunks
 * the logits are computed twice.
 *
 * @example
 * stepFlops(architecture, { batchSize: 8 }); // 3 × architecture.flopsPerToken × 8 × context
 */
export function stepFlops(architecture: Planned, options: StepFlopsOptions): number {
  const { config } = architecture;
  const { batchSize, length = config.context, recompute = false, lossChunks = 1 } = options;
  const forward = architecture.cost(length).forwardFlops;
  const output = architecture.kind === 'decoder' ? 2 * config.vocabularySize * config.width : 0;
  const inBlocks = forward - output;
  const down = 2 * config.layers * config.hidden * config.width;
  const again = (recompute ? inBlocks - down : 0) + (lossChunks > 1 ? output : 0);
  return batchSize * length * (3 * forward + again);
}
