import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import type { Target } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import type { Model } from '../model/model.js';
import type { DecoderWeights } from '../model/weights.js';
import { sumCrossEntropy } from '../train/objectives/cross-entropy.js';

/** What a model computes, and how well it predicts. */
export interface LossAgainstFlops {
  readonly name: string;
  /** Of a forward pass at the rows' length, for each token. */
  readonly flops: number;
  /** Of the first model's, what is left out. */
  readonly saved: number;
  /** Nats a token. */
  readonly loss: number;
}

/**
 * Operations saved against loss, for models that compute unlike parts of themselves: dense, with experts, or with blocks that some tokens
 * alone go through (Mixture-of-Depths). The first is what others are compared with.
 *
 * @param rows Rows of tokens of one length.
 * @example
 * await lossAgainstFlops({ dense, 'a token in eight': sparse }, rows);
 */
export async function lossAgainstFlops(
  models: Readonly<Record<string, Model>>,
  rows: readonly (readonly number[])[],
  { target }: { readonly target?: Target } = {},
): Promise<readonly LossAgainstFlops[]> {
  const time = (rows[0]?.length ?? 1) - 1;
  const measured: LossAgainstFlops[] = [];
  for (const [name, { architecture, weights }] of Object.entries(models)) {
    const read = compile(
      (given: DecoderWeights, inputs: tf.Tensor, targets: tf.Tensor) =>
        sumCrossEntropy(architecture.forward(given, inputs), { targets, weights: tf.ones([rows.length, time]) }),
      { name: 'loss', ...(target !== undefined && { target }) },
    );
    const loss = await inferring(async () => {
      const inputs = tf.tensor2d(rows.map((row) => row.slice(0, -1)), [rows.length, time], 'int32'); // prettier-ignore
      const targets = tf.tensor2d(rows.map((row) => row.slice(1)), [rows.length, time], 'int32'); // prettier-ignore
      const sum = await read(weights, inputs, targets);
      const [value = NaN] = await sum.data();
      tf.dispose([inputs, targets, sum]);
      return value / (rows.length * time);
    });
    const flops = architecture.cost(time).forwardFlops;
    measured.push({ name, flops, saved: 1 - flops / (measured[0]?.flops ?? flops), loss });
  }
  return measured;
}
