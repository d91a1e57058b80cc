import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../engine/compile.js';
import type { CompileOptions } from '../../../engine/compile.js';
import { withPrecision } from '../../../engine/precision.js';
import type { Precision } from '../../../engine/precision.js';
import { numberOfPieces } from '../../accumulate.js';
import { answerTensors, whereCounted } from './answer-batch.js';
import type { AnswerBatch } from './answer-batch.js';

/** Tokens of a piece of a batch. */
export interface PassTokens {
  readonly inputs: tf.Tensor2D; // int32 [rows, time]
  readonly targets: tf.Tensor2D; // int32 [rows, time]
}

/** How a pass is computed. */
export interface TokenPassOptions {
  /** Rows that are computed at a time. Default: all. */
  readonly microBatch?: number | undefined;
  readonly precision?: Precision | undefined;
  readonly target?: CompileOptions['target'] | undefined;
}

/** Numbers of each token of a batch, by name: [rows, time], 0 where nothing counts. */
export type TokenPass<Weights, Name extends string> = (
  weights: Weights,
  batch: AnswerBatch,
) => Promise<Record<Name, Float32Array>>;

/**
 * One forward pass over answers, compiled once: ln π_old before several updates learn from them, ln π_ref, a critic's values. A piece of
 * the batch at a time, as the step that follows computes it.
 *
 * @throws TrainbookError, when it is called, if the rows do not part evenly into pieces.
 * @example
 * const pass = tokenPass('reference', ({ architecture, weights }: Model, tokens) => ({ reference: tokenLogProbabilities(architecture, weights, tokens) }));
 * const { reference } = await pass(model, batch);
 */
export function tokenPass<Weights, Name extends string>(
  name: string,
  compute: (weights: Weights, tokens: PassTokens) => Record<Name, tf.Tensor2D>,
  { microBatch, precision = 'float32', target }: TokenPassOptions = {},
): TokenPass<Weights, Name> {
  const compiled = compile(
    (weights: Weights, inputs: tf.Tensor2D, targets: tf.Tensor2D, mask: tf.Tensor2D): Record<string, tf.Tensor> =>
      Object.fromEntries(
        Object.entries<tf.Tensor2D>(compute(weights, { inputs, targets })).map(([of, numbers]) => [
          of,
          whereCounted(numbers, mask),
        ]),
      ),
    { name, ...(target !== undefined && { target }) },
  );
  return async (weights, batch) => {
    const { numRows, time } = batch;
    const size = numRows / numberOfPieces(numRows, microBatch);
    const found: Record<string, Float32Array> = {};
    for (let start = 0; start < numRows; start += size) {
      const { inputs, targets, mask } = answerTensors(rowsOf(batch, start, size));
      const results = await withPrecision(precision, () => compiled(weights, inputs, targets, mask));
      for (const [of, numbers] of Object.entries(results)) {
        const all = (found[of] ??= new Float32Array(numRows * time));
        all.set(await numbers.data(), start * time);
      }
      tf.dispose([inputs, targets, mask, results] as tf.TensorContainer);
    }
    return found;
  };
}

function rowsOf({ inputs, targets, mask, time }: AnswerBatch, start: number, numRows: number): AnswerBatch {
  const [from, to] = [start * time, (start + numRows) * time];
  return {
    inputs: inputs.subarray(from, to),
    targets: targets.subarray(from, to),
    mask: mask.subarray(from, to),
    numRows,
    time,
  };
}
