import type { Batch } from '../../tokens/loader.js';
import type { Loss } from '../loss.js';
import { tokenTensors } from './token-tensors.js';
import type { TokenTensors } from './token-tensors.js';
import { checkTokenLoss, sumPredictedTokens, tokenCounts, tokenShares, tokensWatched } from './token-predictor.js';
import type { TokenLossSettings, TokenPredictor } from './token-predictor.js';

/**
 * −log softmax(x)[y] of each next token y that counts, in nats; x [batch, time, vocabulary] are the logits. With `zLoss` also
 * z · (log Σ exp x)², as a part of its own: Chowdhery 2022, "PaLM" (2204.02311). With `experts` also what keeps a decoder's experts
 * equally loaded (`expert-balance.ts`), and their load is watched.
 *
 * A plan's `lossChunks` computes the logits in so many pieces of batch × time, and the gradients of a piece with it.
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * await train(model, { objective: causalLanguageModel({ zLoss: 1e-4 }), data: (options) => loader(packed, options), … });
 */
export function causalLanguageModel(
  settings: TokenLossSettings = {},
): <Weights>(model: TokenPredictor<Weights>) => Loss<Weights, Batch> {
  checkTokenLoss('causalLanguageModel', settings);
  return (model) => ({
    shares: tokenShares('loss', settings),
    watched: tokensWatched(settings),
    unit: 'tokens',
    size: ({ batchSize, context }) => batchSize * context,
    tensors: tokenTensors,
    counts: (batch) => tokenCounts('loss', settings, (batch as TokenTensors).weights),
    sums: (weights, batch, computing = {}) =>
      sumPredictedTokens('loss', settings, model, weights, batch as TokenTensors, computing),
  });
}
