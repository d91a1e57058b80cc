import * as tf from '@tensorflow/tfjs';
import type { RowTensors } from '../../loss.js';

// Legend: rows = answers; time = tokens of the longest row, but the last.

/** Answers that a policy wrote, each after its prompt: what a step of reinforcement learning reads. Plain arrays of [rows, time]. */
export interface AnswerBatch {
  /** Prompt and answer, without the last token; 0 after it. */
  readonly inputs: Int32Array;
  /** The same, one place further. */
  readonly targets: Int32Array;
  /** 1 where the target is the policy's own token, 0 in prompts, in padding, and in answers that do not count. */
  readonly mask: Float32Array;
  readonly numRows: number;
  readonly time: number;
}

/** A prompt and what was written to it. */
export interface AnswerRow {
  readonly prompt: ArrayLike<number>;
  readonly tokens: ArrayLike<number>;
  /** Whether anything is learnt of it. Default: yes. */
  readonly counts?: boolean;
}

/** Lengths that rows are padded to: as many parts of the longest that there may be, so that few shapes are compiled. */
const numLengths = 4;

/**
 * Rows of prompt and answer, padded on the right, where causal attention does not look: to the longest of them, rounded up to a quarter
 * of `longest`.
 *
 * @param longest tokens of prompt and answer together, at most
 * @example
 * const batch = answerBatch([{ prompt: [5, 2], tokens: [7, 1] }], 8); // inputs 5 2 7 0, targets 2 7 1 0, mask 0 1 1 0
 */
export function answerBatch(rows: readonly AnswerRow[], longest: number): AnswerBatch {
  const quarter = Math.ceil(longest / numLengths);
  const needed = Math.max(...rows.map(({ prompt, tokens }) => prompt.length + tokens.length));
  const time = Math.max(1, Math.min(longest, Math.ceil(needed / quarter) * quarter) - 1);
  const size = rows.length * time;
  const batch = { inputs: new Int32Array(size), targets: new Int32Array(size), mask: new Float32Array(size) };
  rows.forEach(({ prompt, tokens, counts = true }, index) => {
    const row = [...Array.from(prompt), ...Array.from(tokens)];
    const start = index * time;
    batch.inputs.set(row.slice(0, -1), start);
    batch.targets.set(row.slice(1), start);
    if (counts) batch.mask.fill(1, start + prompt.length - 1, start + row.length - 1);
  });
  return { ...batch, numRows: rows.length, time };
}

/** The arrays of a batch as tensors of [rows, time]. */
export function answerTensors({ inputs, targets, mask, numRows, time }: AnswerBatch): {
  readonly inputs: tf.Tensor2D;
  readonly targets: tf.Tensor2D;
  readonly mask: tf.Tensor2D;
} {
  const shape: [number, number] = [numRows, time];
  return {
    inputs: tf.tensor2d(inputs, shape, 'int32'),
    targets: tf.tensor2d(targets, shape, 'int32'),
    mask: tf.tensor2d(mask, shape),
  };
}

/** Numbers of tokens as a tensor of [rows, time], where there are any. */
export function tokenNumbers<Name extends string>(
  { numRows, time }: AnswerBatch,
  numbers: Readonly<Partial<Record<Name, Float32Array | undefined>>>,
): RowTensors {
  return Object.fromEntries(
    Object.entries<Float32Array | undefined>(numbers).flatMap(([name, array]) =>
      array === undefined ? [] : [[name, tf.tensor2d(array, [numRows, time])]],
    ),
  );
}

/** x where something counts, 0 elsewhere: log-probabilities of padding may be anything. */
export function whereCounted(x: tf.Tensor2D, mask: tf.Tensor2D): tf.Tensor2D {
  return tf.where(tf.greater(mask, 0), x, tf.zerosLike(x));
}
