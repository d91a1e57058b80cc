import * as tf from '@tensorflow/tfjs';
import type { PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import { againstReference } from './pair-objective.js';
import { checkNumber, logRatios, rewardsOf } from './preference-losses.js';
import type { OfPairs, PreferenceLosses } from './preference-losses.js';
import type { PreferenceObjective, Reference } from './preference-objective.js';

export interface IpoOptions {
  /** τ of the paper: the difference that is aimed at is 1 / (2 β). Default: 0.1. */
  readonly beta?: number;
}

/**
 * (Δ − 1 / (2 β))² for each pair, with Δ = ln(π/ρ)(chosen) − ln(π/ρ)(rejected), [batch]: a difference to be reached, where DPO's grows
 * without end on pairs that are always labelled one way. Azar 2023, "A General Theoretical Paradigm to Understand Learning from Human
 * Preferences" (2310.12036), equation 17.
 *
 * With ln p as means over the tokens of an answer, as TRL and the objective `ipo` have it, or as sums, as the paper writes it. A reward is
 * β ln(π/ρ) of the same.
 *
 * @throws TrainbookError if β is not above 0.
 * @example
 * const { losses } = ipoLosses(policy, reference, { beta: 0.1 });
 */
export function ipoLosses(policy: OfPairs, reference: OfPairs, { beta = 0.1 }: IpoOptions = {}): PreferenceLosses {
  checkNumber('ipo', 'beta', beta, 0);
  const ratios = logRatios(policy, reference);
  const difference = tf.sub(ratios.chosen, ratios.rejected);
  return { losses: tf.square(tf.sub<tf.Tensor1D>(difference, 1 / (2 * beta))), rewards: rewardsOf(ratios, beta) };
}

/**
 * `ipoLosses` of a model's answers by their means over tokens, a mean over pairs; the reference as for `dpo`.
 *
 * @throws TrainbookError if β is not above 0, or a batch without stored numbers comes where there is no reference.
 * @example
 * await train(model, { objective: ipo({ beta: 0.1, reference: model }), data: (options) => preferenceLoader(pairs, sizes, options), … });
 */
export function ipo(
  options: IpoOptions & { readonly reference?: Reference } = {},
): PreferenceObjective<PreferenceBatch> {
  const { reference: own, beta = 0.1 } = options;
  checkNumber('ipo', 'beta', beta, 0);
  return againstReference('ipo', { own, numbers: { beta } }, (policy, reference) =>
    ipoLosses(policy.means, reference.means, options),
  );
}
