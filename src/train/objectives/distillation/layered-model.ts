import type * as tf from '@tensorflow/tfjs';
import type { LayerAttention } from '../../../model/decoder.js';
import type { TokenPredictorOptions } from '../token-predictor.js';

/** A model that shows what is inside it: a decoder, or an encoder. */
export interface LayeredModel<Weights> {
  readonly config: { readonly layers: number; readonly width: number };
  /** layers + 1 times [batch, time, width]: the embeddings, and what each block makes of them. */
  hiddenStates(weights: Weights, inputs: tf.Tensor, options?: TokenPredictorOptions): readonly tf.Tensor[];
  /** What the attention of a layer sees of the states that its block is given. */
  attentionInputs(weights: Weights, layer: number, states: tf.Tensor, options?: TokenPredictorOptions): LayerAttention;
}

/** The attention of a layer as a batch is read. */
export function attentionOf<Weights>(
  model: LayeredModel<Weights>,
  weights: Weights,
  layer: number,
  inputs: tf.Tensor,
  reading: TokenPredictorOptions,
): LayerAttention {
  const states = model.hiddenStates(weights, inputs, reading)[layer];
  if (states === undefined) throw new Error(`internal: there are no states before layer ${layer}`);
  return model.attentionInputs(weights, layer, states, reading);
}
