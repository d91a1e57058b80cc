import * as tf from '@tensorflow/tfjs';
import { cell } from '../../engine/cell.js';
import { compile } from '../../engine/compile.js';
import { Idle } from '../cache-cells.js';
import { decodingBy } from '../decoding.js';
import type { Decoding } from '../decoding.js';
import type { RetNet, RetNetWeights } from './retnet.js';
import type { RetNetModel } from './retnet-model.js';

/**
 * Makes a retentive network ready to write. What it remembers of each sequence has one size, whatever the length: `length` bounds the
 * text, and costs nothing.
 *
 * Compiling takes seconds. What was compiled for a decoding that was disposed serves the next one of the same architecture and batch,
 * whatever its weights.
 *
 * @example
 * const decoding = startRetentionDecoding(model, { batch: 1, length: 10_000 });
 * const logits = await decoding.start([[12, 7]]);
 */
export function startRetentionDecoding(
  { architecture, weights }: RetNetModel,
  { batch, length }: Pick<Decoding, 'batch' | 'length'>,
): Decoding {
  const reader = idle.take(architecture, batch, 0);
  return decodingBy(
    {
      step: (_, ...inputs) => reader.step(weights, ...inputs),
      reorder: async (order) => {
        await reader.reorder(order);
      },
      dispose: () => {
        idle.giveBack(architecture, reader);
      },
    },
    { batch, length },
  );
}

/** States in cells, and the compiled functions that change them. */
interface Reader {
  readonly batch: number;
  readonly rows: number;
  readonly step: (weights: RetNetWeights, tokens: tf.Tensor, row: tf.Scalar, starts: tf.Tensor) => Promise<tf.Tensor>;
  readonly reorder: (from: tf.Tensor) => Promise<unknown>;
  dispose(): void;
}

// A decoding begins at row 0, where nothing is remembered of one before.
const idle = new Idle(makeReader);

function makeReader(architecture: RetNet, batch: number, rows: number): Reader {
  const empty = tf.zeros([batch, ...architecture.stateShape]);
  const states = architecture.specs.layers.map((_, layer) => cell(empty, { name: `state.${layer}` }));
  empty.dispose();
  return {
    batch,
    rows,
    step: compile(
      // Weights are arguments: what a compiled function only mentions it holds as long as it lives.
      (weights: RetNetWeights, tokens: tf.Tensor, row: tf.Scalar, starts: tf.Tensor): tf.Tensor => {
        const before = states.map((state) => state.read());
        const { logits, states: after } = architecture.decode(weights, tokens, row, before, starts);
        states.forEach((state, layer) => {
          state.write(after[layer] as tf.Tensor);
        });
        return logits;
      },
      { name: 'decode' },
    ),
    reorder: compile(
      (from: tf.Tensor): tf.Tensor => {
        for (const state of states) state.write(tf.gather(state.read(), from));
        return tf.scalar(0);
      },
      { name: 'reorder' },
    ),
    dispose: () => {
      for (const state of states) state.dispose();
    },
  };
}
