import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import type { Target } from '../engine/compile.js';
import { inferring } from '../engine/inference.js';
import { TrainbookError } from '../error.js';
import { exitConfidence } from '../model/early-exit.js';
import type { EarlyExit } from '../model/early-exit.js';
import type { Model } from '../model/model.js';
import type { DecoderWeights } from '../model/weights.js';
import { tokenLosses } from '../train/objectives/cross-entropy.js';

/** What a threshold saves, and what it costs. */
export interface ExitPoint {
  readonly threshold: number;
  /** Layers that a token goes through on average. */
  readonly layers: number;
  /** Of the layers' operations, what is left out. */
  readonly saved: number;
  /** Nats a token, predicted by the layer that it leaves at. */
  readonly loss: number;
}

/** How the curve is measured. */
export interface EarlyExitCurveOptions extends Pick<EarlyExit, 'confidence' | 'from'> {
  /** Thresholds; one above 1 is the whole model. */
  readonly thresholds: readonly number[];
  readonly target?: Target;
}

/**
 * Layers saved against loss, for thresholds of confidence: each token of a text is predicted by the first layer that is sure enough.
 *
 * All tokens go through all layers here, in one pass, so the keys and values that a token looks at are the whole model's; in generation
 * those above the layer at which a token left are made of the state with which it left.
 *
 * @param rows Rows of tokens of one length.
 * @throws TrainbookError if rows are unlike, shorter than two tokens, or longer than the context.
 * @example
 * await earlyExitCurve(model, rows, { confidence: 'softmax', thresholds: [0.5, 0.9, 2] });
 */
export async function earlyExitCurve(
  { architecture, weights }: Model,
  rows: readonly (readonly number[])[],
  { confidence, thresholds, from = 1, target }: EarlyExitCurveOptions,
): Promise<readonly ExitPoint[]> {
  const [time = 0] = rows.map((row) => row.length);
  const { context, layers } = architecture.config;
  if (time < 2 || time > context || rows.some((row) => row.length !== time)) {
    throw new TrainbookError({
      what: 'earlyExitCurve: the rows do not fit the model',
      received: `rows of ${[...new Set(rows.map((row) => row.length))].join(', ')} tokens`,
      expected: `rows of one length, from 2 to ${context}`,
    });
  }
  const read = compile(
    (given: DecoderWeights, inputs: tf.Tensor, targets: tf.Tensor) => {
      const states = architecture.hiddenStates(given, inputs);
      const logitsOf = (each: tf.Tensor): tf.Tensor => architecture.layerLogits(given, each);
      const after = states.slice(1);
      const flat = tf.reshape<tf.Rank.R1>(targets, [-1]);
      return {
        sure: tf.stack(
          after.map((state, layer) => exitConfidence(confidence, states[layer] as tf.Tensor, state, logitsOf)),
        ),
        losses: tf.stack(after.map((state) => tokenLosses(tf.reshape(logitsOf(state), [flat.size, -1]), flat))),
      };
    },
    { name: 'early exit', ...(target !== undefined && { target }) },
  );
  return inferring(async () => {
    const inputs = tf.tensor2d(rows.map((row) => row.slice(0, -1)), [rows.length, time - 1], 'int32'); // prettier-ignore
    const targets = tf.tensor2d(rows.map((row) => row.slice(1)), [rows.length, time - 1], 'int32'); // prettier-ignore
    const { sure, losses } = await read(weights, inputs, targets);
    const numTokens = rows.length * (time - 1);
    const [byLayer, lossOf] = await Promise.all([sure.data(), losses.data()]);
    tf.dispose([inputs, targets, sure, losses]);
    return thresholds.map((threshold) => {
      let [numLayers, loss] = [0, 0];
      for (let token = 0; token < numTokens; token++) {
        let layer = from - 1;
        while (layer < layers - 1 && (byLayer[layer * numTokens + token] ?? 0) < threshold) layer++;
        numLayers += layer + 1;
        loss += lossOf[layer * numTokens + token] ?? NaN;
      }
      const mean = numLayers / numTokens;
      return { threshold, layers: mean, saved: 1 - mean / layers, loss: loss / numTokens };
    });
  });
}
