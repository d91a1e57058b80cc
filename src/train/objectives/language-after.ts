import * as tf from '@tensorflow/tfjs';
import type { Multimodal, MultimodalWeights } from '../../model/modalities/multimodal.js';
import type { PairedBatch } from '../../tokens/paired-loader.js';
import type { Loss } from '../loss.js';
import { checkTokenLoss, sumPredictedTokens, tokenCounts, tokenShares } from './token-predictor.js';
import type { TokenLossSettings } from './token-predictor.js';
import { tokenTensors } from './token-tensors.js';
import type { TokenTensors } from './token-tensors.js';

/**
 * −log softmax(x)[y] of each next token y of a text that stands after an input of a kind: `causalLanguageModel` with the tokens of an encoder
 * before the text, of which none is predicted. `mixture` trains several kinds, and text by itself, at once.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * type Kind = 'image' | 'speech'; // all kinds of the model
 * const objective = mixture({
 *   text: [(model: Multimodal<Kind>) => causalLanguageModel()(model.text), 0.5],
 *   image: [languageAfter<Kind>('image'), 0.3],
 *   speech: [languageAfter<Kind>('speech'), 0.2],
 * });
 */
export function languageAfter<Name extends string>(
  name: Name,
  settings: Omit<TokenLossSettings, 'experts'> = {},
): (model: Multimodal<Name>) => Loss<MultimodalWeights<Name>, PairedBatch> {
  checkTokenLoss('languageAfter', settings);
  return (model) => ({
    shares: tokenShares('loss', settings),
    unit: 'tokens',
    size: ({ batchSize, context }) => batchSize * (model.encoders[name].numTokens + context),
    tensors: (batch) => ({
      ...tokenTensors(batch),
      media: tf.tensor(batch.media, [batch.batchSize, ...batch.shape]),
    }),
    counts: (batch) => tokenCounts('loss', settings, (batch as TokenTensors).weights),
    sums: (weights, batch, computing = {}) => {
      const { media, ...text } = batch as TokenTensors & { readonly media: tf.Tensor };
      return sumPredictedTokens('loss', settings, model.after(name, media), weights, text, computing);
    },
  });
}
