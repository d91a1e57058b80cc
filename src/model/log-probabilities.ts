import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import type { CompileOptions } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { TrainbookError } from '../error.js';
import { pad } from '../tokens/pad.js';
import type { Model } from './model.js';
import type { DecoderWeights } from './weights.js';

/**
 * For each row of tokens: ln p of each but the first, given those before it. [length − 1] each
 *
 * @throws TrainbookError if a row is empty, longer than the context, or has a token that is none.
 */
export type TokenScorer = (rows: readonly (readonly number[])[]) => Promise<Float32Array[]>;

/** Rows of logits that are there at a time: at 151,936 tokens they take 78 MB. */
const rowsOfLogits = 128;

/**
 * Makes a function that says how likely a model finds given tokens, in one forward pass for `batchSize` rows. Rows are padded on the
 * right, where causal attention does not look, to a power of two, so that few lengths are compiled.
 *
 * @example
 * const score = tokenScorer(model);
 * const [first] = await score([[12, 7, 3]]); // ln p(7 | 12), ln p(3 | 12, 7)
 */
export function tokenScorer(
  { architecture, weights }: Model,
  {
    batchSize = 8,
    target,
  }: { readonly batchSize?: number; readonly target?: CompileOptions['target'] | undefined } = {},
): TokenScorer {
  const { context, vocabularySize } = architecture.config;
  const forward = compile(
    (values: DecoderWeights, tokens: tf.Tensor2D): tf.Tensor => {
      const [batch, time] = tokens.shape;
      const states = architecture.hidden(values, tf.slice(tokens, [0, 0], [batch, time - 1])); // [batch, time − 1, width]
      const targets = tf.reshape(tf.slice(tokens, [0, 1], [batch, time - 1]), [-1]);
      const width = states.shape[2];
      const rows = tf.reshape(states, [-1, width]);
      const numRows = batch * (time - 1);
      const parts = Array.from({ length: Math.ceil(numRows / rowsOfLogits) }, (_, part) => {
        const start = part * rowsOfLogits;
        const size = Math.min(rowsOfLogits, numRows - start);
        const logits = architecture.logits(values, tf.slice(rows, [start, 0], [size, width])) as tf.Tensor2D;
        const places = tf.stack([tf.range(0, size, 1, 'int32'), tf.slice(targets, [start], [size])], 1);
        return tf.sub(tf.gatherND(logits, places), tf.logSumExp(logits, 1)); // [size]
      });
      return tf.reshape(tf.concat(parts), [batch, time - 1]);
    },
    { name: 'logProbabilities', ...(target && { target }) },
  );

  const scoreBatch = (rows: readonly (readonly number[])[]): Promise<Float32Array[]> =>
    inferring(async () => {
      const longest = Math.max(...rows.map((row) => row.length));
      const time = Math.max(longest, Math.min(2 ** Math.ceil(Math.log2(Math.max(longest, 16))), context));
      const filled = [...rows, ...Array.from({ length: batchSize - rows.length }, () => [0])];
      const { tokens } = pad(filled, { token: 0, multipleOf: time });
      const input = tf.tensor2d(tokens, [batchSize, time], 'int32');
      const output = await forward(weights, input);
      const numbers = (await output.data()) as Float32Array;
      tf.dispose([input, output]);
      return rows.map((row, index) => numbers.slice(index * (time - 1), index * (time - 1) + row.length - 1));
    });

  return async (rows) => {
    for (const row of rows) checkRow(row, { context, vocabularySize });
    const scores: Float32Array[] = [];
    for (let start = 0; start < rows.length; start += batchSize)
      scores.push(...(await scoreBatch(rows.slice(start, start + batchSize))));
    return scores;
  };
}

function checkRow(row: readonly number[], sizes: { readonly context: number; readonly vocabularySize: number }): void {
  const { context, vocabularySize } = sizes;
  if (row.length < 1 || row.length > context) {
    throw new TrainbookError({
      what: 'tokenScorer: a row has no tokens, or more than the model’s context',
      received: `${row.length} tokens`,
      expected: `1 to ${context} tokens`,
    });
  }
  const wrong = row.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabularySize);
  if (wrong === undefined) return;
  throw new TrainbookError({
    what: 'tokenScorer: no such token',
    received: wrong,
    expected: `an integer from 0 to ${vocabularySize - 1}`,
    fix: 'take the tokenizer that the model was trained with',
  });
}
