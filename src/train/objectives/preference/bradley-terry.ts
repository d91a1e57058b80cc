import * as tf from '@tensorflow/tfjs';
import type { PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import type { Loss } from '../../loss.js';
import type { RowReader } from '../labelled-rows.js';
import { pairFrame, textRewards, weighed } from './pair-objective.js';
import { checkNumber, rewardsOf } from './preference-losses.js';
import type { OfPairs, PreferenceLosses } from './preference-losses.js';

export interface BradleyTerryOptions {
  /** c in c (r(chosen) + r(rejected))²: keeps rewards around 0, which differences alone do not; 0.01 is usual. Default: 0. */
  readonly centring?: number;
}

/**
 * −log σ(r(chosen) − r(rejected) − m) + c (r(chosen) + r(rejected))² for each pair of rewards, [batch]: the chance that the chosen answer
 * is liked better is σ of their difference. Bradley and Terry 1952; margins m: Touvron 2023, "Llama 2" (2307.09288), section 3.2.2;
 * centring: Eisenstein 2023 (2312.09244).
 *
 * @throws TrainbookError if c is below 0.
 * @example
 * const { losses } = bradleyTerryLosses({ chosen, rejected }, { centring: 0.01 }, margins);
 */
export function bradleyTerryLosses(
  rewards: OfPairs,
  { centring = 0 }: BradleyTerryOptions = {},
  margins?: tf.Tensor1D,
): PreferenceLosses {
  checkNumber('bradleyTerry', 'centring', centring, 0, true);
  const { chosen, rejected } = rewards;
  const difference = tf.sub<tf.Tensor1D>(chosen, rejected);
  const unlikely = tf.neg(tf.logSigmoid(margins === undefined ? difference : tf.sub<tf.Tensor1D>(difference, margins)));
  const losses =
    centring === 0 ? unlikely : tf.add<tf.Tensor1D>(unlikely, tf.mul(tf.square(tf.add(chosen, rejected)), centring));
  return { losses, rewards: rewardsOf(rewards) };
}

/**
 * `bradleyTerryLosses` of a reward model, one number for each text, with the margins of the pairs; a mean over pairs. On a decoder pool
 * the last token.
 *
 * @throws TrainbookError if c is below 0, or the model gives more than one number for a text.
 * @example
 * const architecture = withHead(trunk, sequenceClassification(trunk, { classes: ['reward'], pooling: lastToken, dense: false }));
 * await train({ architecture, weights }, { objective: bradleyTerry(), data: (options) => preferenceLoader(pairs, sizes, options), … });
 */
export function bradleyTerry(
  options: BradleyTerryOptions = {},
): <Weights>(model: RowReader<Weights>) => Loss<Weights, PreferenceBatch> {
  checkNumber('bradleyTerry', 'centring', options.centring ?? 0, 0, true);
  return (model) => ({
    ...pairFrame,
    shares: { loss: 1 },
    sums: (weights, batch, computing = {}) => {
      const rewards = textRewards(model, weights, batch, computing);
      return weighed(bradleyTerryLosses(rewards, options, batch['margins'] as tf.Tensor1D), batch);
    },
  });
}
