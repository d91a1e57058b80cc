import * as tf from '@tensorflow/tfjs';
import { withPrecision } from '../engine/precision.js';
import type { ExpertsConfig } from './experts-options.js';
import { linear } from './linear.js';
import type { Linear } from './linear.js';
import { flatRows } from './dispatch.js';

// Legend: tokens = batch × time; E = experts of a block, k = experts of a token.

/** What a router says of the tokens of one block. Gradients flow through all but the choice. */
export type Routing = {
  readonly logits: tf.Tensor; // [tokens, E]
  /** Scores that add up to 1 over the experts. */
  readonly probabilities: tf.Tensor; // [tokens, E]
  /** The experts of each token, the highest score first. */
  readonly experts: tf.Tensor; // int32 [tokens, k]
  /** 1 where an expert was full, and the token went without it. */
  readonly dropped: tf.Tensor; // float32 [tokens, k]
};

/** Which experts a token goes through, and what each counts. */
export interface Choice {
  readonly logits: tf.Tensor; // [tokens, E]
  readonly probabilities: tf.Tensor; // [tokens, E]
  readonly experts: tf.Tensor; // int32 [tokens, k]
  readonly gates: tf.Tensor; // [tokens, k]
}

/**
 * The k experts with the highest scores of each token, and their gates: g = s / Σ s of those chosen, or s itself, times `scale`; the
 * scores are s = softmax(x R), or σ(x R). x [tokens, width].
 *
 * Shazeer 2017 (1701.06538); Mixtral: Jiang 2024 (2401.04088). With a bias b the experts of the highest s + b are chosen, while gates
 * are made of s alone: DeepSeek-V3 (2412.19437), section 2.1.2. The router computes in float32 whatever the precision of other products:
 * rounding would change choices (Fedus 2021, 2101.03961, section 2.4).
 *
 * @example
 * const { experts, gates } = chooseExperts(config, weights.router, x);
 */
export function chooseExperts(config: ExpertsConfig, router: Linear, x: tf.Tensor2D): Choice {
  const { scores: kind, active, normalised, scale } = config;
  const { bias, ...product } = router;
  const logits = withPrecision('float32', () => linear(product, x));
  const scores = kind === 'softmax' ? tf.softmax(logits) : tf.sigmoid(logits);
  const choosing = bias === undefined ? scores : tf.add(scores, bias);
  const { indices: experts } = tf.topk(inBestGroups(config, choosing), active);
  const [tokens, number] = scores.shape as [number, number];
  const chosen = tf.gather(tf.reshape(scores, [-1]), flatRows(experts, tokens, number)); // [tokens, k]
  const gates = normalised ? tf.div(chosen, tf.add(tf.sum(chosen, 1, true), smallest)) : chosen;
  return {
    logits,
    probabilities: kind === 'softmax' ? scores : tf.div(scores, tf.add(tf.sum(scores, 1, true), smallest)),
    experts,
    gates: scale === 1 ? gates : tf.mul(gates, scale),
  };
}

/** Keeps 0 / 0 out. */
const smallest = 1e-20;

/** The scores, far below all others outside the best groups: those whose two highest scores add up to most. */
function inBestGroups({ groups }: ExpertsConfig, scores: tf.Tensor): tf.Tensor {
  if (groups === undefined) return scores;
  const [tokens, number] = scores.shape as [number, number];
  const inGroup = number / groups.number;
  const best = tf.topk(tf.reshape(scores, [tokens, groups.number, inGroup]), 2).values;
  const chosen = tf.topk(tf.sum(best, 2), groups.active).indices; // [tokens, groups.active]
  const isChosen = tf.sum(tf.oneHot(chosen, groups.number, 1, 0, 'float32'), 1); // [tokens, groups.number]
  const outside = tf.mul(tf.sub(1, tf.expandDims(isChosen, 2)), -1e9);
  return tf.reshape(tf.add(tf.reshape(scores, [tokens, groups.number, inGroup]), outside), [tokens, number]);
}
