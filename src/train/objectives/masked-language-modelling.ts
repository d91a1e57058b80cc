import * as tf from '@tensorflow/tfjs';
import type { MaskedBatch } from '../../tokens/masked-loader.js';
import type { Loss } from '../loss.js';
import { textTensors } from './labelled-rows.js';
import { checkTokenLoss, sumPredictedTokens, tokenCounts, tokenShares } from './token-predictor.js';
import type { TokenLossSettings, TokenPredictor } from './token-predictor.js';

/** The tensors of a batch of masked texts. */
export type MaskedTensors = {
  readonly inputs: tf.Tensor; // int32 [batch, time]
  readonly mask: tf.Tensor; // int32 [batch, time]
  readonly types?: tf.Tensor; // int32 [batch, time]
  readonly targets: tf.Tensor; // int32 [batch, time]
  readonly weights: tf.Tensor; // float32 [batch, time]
};

/** A batch of masked texts as tensors of [batch, time]. */
export function maskedTensors(batch: MaskedBatch): MaskedTensors {
  const { originals, chosen, batchSize, context } = batch;
  const shape: [number, number] = [batchSize, context];
  return {
    ...textTensors(batch, batchSize),
    targets: tf.tensor2d(originals, shape, 'int32'),
    weights: tf.tensor2d(chosen, shape),
  };
}

/**
 * −log softmax(x)[y] of each chosen token y, which the model sees as [MASK], as another token or as it is (`maskTokens`); x
 * [batch, time, vocabulary] are the logits. Devlin 2018, "BERT" (1810.04805); alone, without pairs of sentences, as in Liu 2019, "RoBERTa"
 * (1907.11692). A batch without a chosen token has loss 0.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * const architecture = withHead(trunk, maskedLanguageModel(trunk));
 * await train({ architecture, weights: architecture.init(key) }, {
 *   objective: maskedLanguageModelling(),
 *   data: (options) => maskedLoader(texts, masking, options),
 *   …
 * });
 */
export function maskedLanguageModelling(
  settings: TokenLossSettings = {},
): <Weights>(model: TokenPredictor<Weights>) => Loss<Weights, MaskedBatch> {
  checkTokenLoss('maskedLanguageModelling', settings);
  return (model) => ({
    shares: tokenShares('loss', settings),
    unit: 'tokens',
    size: ({ batchSize, context }) => batchSize * context,
    tensors: maskedTensors,
    counts: (batch) => tokenCounts('loss', settings, (batch as MaskedTensors).weights),
    sums: (weights, batch, computing = {}) => {
      const { mask, ...tensors } = batch as MaskedTensors;
      return sumPredictedTokens('loss', settings, model, weights, { ...tensors, documents: mask }, computing);
    },
  });
}
