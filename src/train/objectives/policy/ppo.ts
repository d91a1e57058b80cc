import * as tf from '@tensorflow/tfjs';
import type { Loss } from '../../loss.js';
import { clippedPolicyLoss } from '../../reinforce/clipped-policy-loss.js';
import { valueLoss } from '../../reinforce/value-loss.js';
import type { ActorCritic, ActorCriticWeights } from './actor-critic.js';
import { answerTensors, tokenNumbers, whereCounted } from './answer-batch.js';
import type { AnswerBatch } from './answer-batch.js';
import { tokenCounts } from './grpo.js';

/** Answers with what each token is worth; all are of [rows, time], and 0 where nothing counts. */
export interface ActorCriticBatch extends AnswerBatch {
  /** ln π_old, when the answers were written. */
  readonly old: Float32Array;
  readonly advantages: Float32Array;
  /** V_old. */
  readonly oldValues: Float32Array;
  readonly returns: Float32Array;
}

export interface PpoObjectiveOptions {
  /** ε of the ratio. Default: 0.2. */
  readonly clip?: number;
  /** ε of the values, in units of the rewards; Infinity for none. Default: 0.2. */
  readonly valueClip?: number;
  /** How much the critic's loss counts beside the policy's. Default: 0.1, TRL's. */
  readonly valueRate?: number;
  /** That the answers were drawn at. Default: 1. */
  readonly temperature?: number;
}

const watched = ['entropy', 'kl', 'clippedLow', 'clippedHigh', 'valueClipped'] as const;

/**
 * `clippedPolicyLoss` with an advantage for each token (`policy`) and `valueLoss` (`value`), which counts `valueRate`; both are means over
 * tokens. Schulman 2017, PPO (1707.06347), equation 9. Watched, as means over tokens: the `entropy` of the policy that wrote, −ln π_old of
 * what was drawn; `kl`, k3 of π_old to π; the shares of tokens whose ratio or value is clipped.
 *
 * @throws TrainbookError, when a step is traced, if a bound is out of range.
 * @example
 * const objective = ppoObjective({ valueRate: 0.1 });
 */
export function ppoObjective({
  clip = 0.2,
  valueClip = 0.2,
  valueRate = 0.1,
  temperature = 1,
}: PpoObjectiveOptions = {}): <Weights>(
  model: ActorCritic<Weights>,
) => Loss<ActorCriticWeights<Weights>, ActorCriticBatch> {
  return (model) => ({
    shares: { policy: 1, value: valueRate },
    watched,
    unit: 'tokens',
    size: ({ mask }) => mask.reduce((sum, counts) => sum + counts, 0),
    tensors: (batch) => {
      const { old, advantages, oldValues, returns } = batch;
      return { ...answerTensors(batch), ...tokenNumbers(batch, { old, advantages, oldValues, returns }) };
    },
    counts: ({ mask }) => tokenCounts(['policy', 'value', ...watched], mask as tf.Tensor2D),
    sums: (weights, batch, computing = {}) => {
      const mask = batch['mask'] as tf.Tensor2D;
      const tokens = { inputs: batch['inputs'] as tf.Tensor, targets: batch['targets'] as tf.Tensor, temperature };
      const read = model.read(weights, tokens, computing);
      const ofPolicy = clippedPolicyLoss(
        {
          logProbabilities: whereCounted(read.logProbabilities, mask),
          oldLogProbabilities: batch['old'] as tf.Tensor2D,
          advantages: batch['advantages'] as tf.Tensor2D,
          mask,
        },
        { clipLow: clip },
      );
      const ofCritic = valueLoss(
        {
          values: whereCounted(read.values, mask),
          oldValues: batch['oldValues'] as tf.Tensor2D,
          returns: batch['returns'] as tf.Tensor2D,
          mask,
        },
        { clip: valueClip },
      );
      const { sampledEntropy: entropy, approximateKl: kl, clippedLow, clippedHigh } = ofPolicy.statistics;
      const seen = { entropy, kl, clippedLow, clippedHigh, valueClipped: ofCritic.clipped };
      return { policy: ofPolicy.sum, value: ofCritic.sum, ...seen };
    },
  });
}
