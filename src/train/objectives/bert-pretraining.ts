import * as tf from '@tensorflow/tfjs';
import type { HeadedOptions } from '../../model/heads/with-head.js';
import type { MaskedPairBatch } from '../../tokens/masked-loader.js';
import { tokenLosses } from './cross-entropy.js';
import type { Loss } from '../loss.js';
import { maskedTensors } from './masked-language-modelling.js';
import type { MaskedTensors } from './masked-language-modelling.js';
import { checkTokenLoss, sumTokenLosses, sumTokenLossesInPieces, tokenCounts, tokenShares } from './token-predictor.js';
import type { TokenLossSettings } from './token-predictor.js';

/** A trunk with two heads: `withHeads(trunk, { maskedLanguageModel: …, nextSentence: … })`. */
export interface BertModel<Weights> {
  hidden(weights: Weights, inputs: tf.Tensor, options?: HeadedOptions): tf.Tensor3D;
  only(name: 'maskedLanguageModel' | 'nextSentence'): {
    logits(weights: Weights, hidden: tf.Tensor, options?: Pick<HeadedOptions, 'mask' | 'dropoutKey'>): tf.Tensor;
  };
}

type Tensors = MaskedTensors & {
  readonly following: tf.Tensor; // int32 [batch]
  readonly pairWeights: tf.Tensor; // float32 [batch]
};

/**
 * Two means: −log p of each masked token, over the tokens that were chosen, and −log p of whether the second sentence of a pair
 * follows the first, over the pairs: Devlin 2018, "BERT" (1810.04805), section 3.1. Their parts of the loss are `maskedLanguageModel` and
 * `nextSentence`.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * const heads = { maskedLanguageModel: maskedLanguageModel(trunk), nextSentence: nextSentence(trunk) };
 * const architecture = withHeads(trunk, heads);
 * await train({ architecture, weights: architecture.init(key) }, {
 *   objective: bertPretraining(),
 *   data: (options) => maskedPairLoader(pairs, masking, options),
 *   …
 * });
 */
export function bertPretraining(
  settings: TokenLossSettings = {},
): <Weights>(model: BertModel<Weights>) => Loss<Weights, MaskedPairBatch> {
  checkTokenLoss('bertPretraining', settings);
  return (model) => ({
    shares: { ...tokenShares('maskedLanguageModel', settings), nextSentence: 1 },
    unit: 'tokens',
    size: ({ batchSize, context }) => batchSize * context,
    tensors: (batch) => ({
      ...maskedTensors(batch),
      following: tf.tensor1d(batch.following, 'int32'),
      pairWeights: tf.tensor1d(batch.pairWeights),
    }),
    counts: (batch) => {
      const { weights, pairWeights } = batch as Tensors;
      return { ...tokenCounts('maskedLanguageModel', settings, weights), nextSentence: tf.sum<tf.Scalar>(pairWeights) };
    },
    sums: (weights, batch, { chunks = 1, ...computing } = {}) => {
      const { inputs, mask, types, following, pairWeights, ...tokens } = batch as Tensors;
      const states = model.hidden(weights, inputs, { mask, types, ...computing });
      const ofTokens = (hidden: tf.Tensor): tf.Tensor => model.only('maskedLanguageModel').logits(weights, hidden);
      const masked =
        chunks === 1
          ? sumTokenLosses('maskedLanguageModel', settings, ofTokens(states), tokens)
          : sumTokenLossesInPieces('maskedLanguageModel', settings, ofTokens, states, tokens, chunks);
      const pairs = model.only('nextSentence').logits(weights, states, { mask, dropoutKey: computing.dropoutKey });
      const losses = tokenLosses(pairs as tf.Tensor2D, following as tf.Tensor1D);
      return { ...masked, nextSentence: tf.sum<tf.Scalar>(tf.mul(losses, pairWeights)) };
    },
  });
}
