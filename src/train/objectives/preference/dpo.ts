import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../../error.js';
import type { PreferenceBatch } from '../../../tokens/preference/preference-batch.js';
import { againstReference } from './pair-objective.js';
import { checkNumber, logRatios, rewardsOf } from './preference-losses.js';
import type { OfPairs, PreferenceLosses } from './preference-losses.js';
import type { PreferenceObjective, Reference } from './preference-objective.js';

export interface DpoOptions {
  /** β: how much leaving the reference costs. Default: 0.1. */
  readonly beta?: number;
  /** ε, in [0, 0.5): the share of pairs that are taken to be labelled the wrong way round. Default: 0. */
  readonly labelSmoothing?: number;
}

/**
 * −(1 − ε) log σ(β Δ) − ε log σ(−β Δ) for each pair, with Δ = ln(π/ρ)(chosen) − ln(π/ρ)(rejected): policy π, reference ρ, ln p summed
 * over the tokens of an answer, [batch]. Rafailov 2023, "Direct Preference Optimization" (2305.18290), equation 7; ε: Mitchell 2023,
 * "A note on DPO with noisy preferences". A reward is β ln(π/ρ).
 *
 * Its gradient by Δ is −β (σ(−β Δ) − ε): with ε > 0 it turns round where β Δ is above ln((1 − ε) / ε).
 *
 * @throws TrainbookError if a number is out of range.
 * @example
 * const { losses, rewards } = dpoLosses(policy, reference, { beta: 0.1 });
 */
export function dpoLosses(policy: OfPairs, reference: OfPairs, options: DpoOptions = {}): PreferenceLosses {
  const { beta = 0.1, labelSmoothing = 0 } = options;
  checkDpo(options);
  const ratios = logRatios(policy, reference);
  const difference = tf.mul<tf.Tensor1D>(tf.sub(ratios.chosen, ratios.rejected), beta);
  const unlikely = tf.neg(tf.logSigmoid(difference));
  const losses =
    labelSmoothing === 0
      ? unlikely
      : tf.sub<tf.Tensor1D>(
          tf.mul(unlikely, 1 - labelSmoothing),
          tf.mul(tf.logSigmoid(tf.neg(difference)), labelSmoothing),
        );
  return { losses, rewards: rewardsOf(ratios, beta) };
}

/**
 * `dpoLosses` of a model's answers, a mean over pairs. The reference is a frozen model, such as the one that training starts from or an
 * adapter's base, whose weights are then there once; or the numbers that the pairs bring (`storeReference`).
 *
 * @throws TrainbookError if a number is out of range, or a batch without stored numbers comes where there is no reference.
 * @example
 * await train(model, {
 *   objective: dpo({ beta: 0.1, reference: model }),
 *   data: (options) => preferenceLoader(pairs, { context: 512, padding: 0 }, options),
 *   …
 * });
 */
export function dpo(
  options: DpoOptions & { readonly reference?: Reference } = {},
): PreferenceObjective<PreferenceBatch> {
  checkDpo(options);
  const { reference: own, beta = 0.1, labelSmoothing = 0 } = options;
  return againstReference('dpo', { own, numbers: { beta, labelSmoothing } }, (policy, reference) =>
    dpoLosses(policy.sums, reference.sums, options),
  );
}

function checkDpo({ beta = 0.1, labelSmoothing = 0 }: DpoOptions): void {
  checkNumber('dpo', 'beta', beta, 0);
  if (labelSmoothing >= 0 && labelSmoothing < 0.5) return;
  throw new TrainbookError({
    what: 'dpo: no such labelSmoothing',
    received: labelSmoothing,
    expected: 'a share from 0 up to 0.5, without 0.5: there pairs say nothing',
  });
}
