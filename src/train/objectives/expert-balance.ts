import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../../error.js';
import type { Routing } from '../../model/gating.js';
import type { PartSums } from '../loss.js';

// Legend: tokens = batch × time; E = experts, k = experts of a token.

/** What keeps experts in use. Each is a part of the loss of its own; without it there is no such part. */
export interface ExpertLossSettings {
  /** α of the balance: 0.01 in Switch, 0.001 to 0.02 in Mixtral and Qwen-MoE. */
  readonly balance?: number | undefined;
  /** Of the router's z-loss: 0.001 in ST-MoE. */
  readonly routerZ?: number | undefined;
  /** Whether each layer's loads are to be even (Switch), or those of all layers together (transformers' Mixtral). Default: `layers`. */
  readonly over?: 'layers' | 'model' | undefined;
}

/** @throws TrainbookError if a number is out of range. */
export function checkExpertLoss(what: string, settings: ExpertLossSettings): void {
  for (const name of ['balance', 'routerZ'] as const) {
    const factor = settings[name];
    if (factor === undefined || (factor > 0 && Number.isFinite(factor))) continue;
    throw new TrainbookError({
      what: `${what}: no such experts.${name}`,
      received: factor,
      expected: 'a number above 0, or none',
    });
  }
}

/** The shares of the parts that the settings ask for. */
export function expertShares({ balance, routerZ }: ExpertLossSettings): Readonly<Record<string, number>> {
  return { ...(balance !== undefined && { expertBalance: balance }), ...(routerZ !== undefined && { routerZ }) };
}

/** What is watched of experts: the fullest one's tokens over an even share, and the share of choices that were dropped. */
export const watchedOfExperts = ['fullestExpert', 'droppedTokens'] as const;

/**
 * E Σₑ fₑ pₑ with fₑ the choices of expert e, and pₑ its probability, both means over tokens: Fedus 2021, "Switch Transformers"
 * (2101.03961), section 2.2, of k choices as in Mixtral. It is k when all are even, and falls with the probabilities of full experts. The mean over
 * layers; or, over the `model`, of f and p that are means over layers first.
 *
 * @param weights How much each token counts: [tokens].
 * @example
 * balanceLoss(routing, tf.ones([tokens]));
 */
export function balanceLoss(
  routing: readonly Routing[],
  weights: tf.Tensor,
  over: ExpertLossSettings['over'] = 'layers',
): tf.Scalar {
  const pairs = routing.map((layer) => [loads(layer, weights), meanOf(layer.probabilities, weights)] as const);
  const number = routing[0]?.logits.shape[1] ?? 0;
  const mean = (all: readonly tf.Tensor[]): tf.Tensor => tf.div(tf.addN([...all]), all.length);
  const product = (f: tf.Tensor, p: tf.Tensor): tf.Tensor => tf.mul(tf.sum(tf.mul(f, p)), number);
  if (over === 'model') return product(mean(pairs.map(([f]) => f)), mean(pairs.map(([, p]) => p))) as tf.Scalar;
  return mean(pairs.map(([f, p]) => product(f, p))) as tf.Scalar;
}

/** The share of tokens that choose each expert: k in sum. [E] */
function loads({ experts, logits }: Routing, weights: tf.Tensor): tf.Tensor {
  const choices = tf.sum(tf.oneHot(experts, logits.shape[1] ?? 0, 1, 0, 'float32'), 1); // [tokens, E]
  return meanOf(choices, weights);
}

/** Over tokens: [tokens, n] → [n]. */
function meanOf(values: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  const total = tf.maximum(tf.sum(weights), 1e-6);
  return tf.div(tf.sum(tf.mul(values, tf.expandDims(weights, 1)), 0), total);
}

/**
 * (log Σ exp x)² of the router's logits x, the mean over tokens and layers: it keeps logits small, in which rounding weighs little.
 * Zoph 2022, "ST-MoE" (2202.08906), section 3.
 *
 * @example
 * routerZLoss(routing, tf.ones([tokens]));
 */
export function routerZLoss(routing: readonly Routing[], weights: tf.Tensor): tf.Scalar {
  const squares = routing.map(({ logits }) => tf.square(tf.logSumExp(logits, 1, true)));
  return tf.div(tf.addN(squares.map((square) => tf.sum(meanOf(square, weights)))), routing.length);
}

/**
 * What the routing of a batch, or of a piece of it, adds to the sums of a loss: each mean times the weight of the piece's tokens. f p is a
 * product of means, so a batch that is computed in pieces has the mean of the pieces' balances, as when processes share it.
 *
 * @throws TrainbookError if there is no routing.
 */
export function expertSums(settings: ExpertLossSettings, routing: readonly Routing[], weights: tf.Tensor): PartSums {
  if (routing.length === 0) {
    throw new TrainbookError({
      what: 'train: the loss has a part for experts, and the model has none',
      received: 'a dense model',
      expected: 'a decoder with the option experts',
      fix: 'leave out the setting experts of the objective',
    });
  }
  const counted = tf.reshape(weights, [-1]);
  const total = tf.sum<tf.Scalar>(counted);
  const weighed = (mean: tf.Tensor): tf.Scalar => tf.mul(mean, total);
  const number = routing[0]?.logits.shape[1] ?? 0;
  const active = routing[0]?.experts.shape[1] ?? 1;
  const ofLayers = (of: (layer: Routing) => tf.Tensor): tf.Tensor =>
    tf.div(tf.addN(routing.map((layer) => of(layer))), routing.length);
  return {
    ...(settings.balance !== undefined && { expertBalance: weighed(balanceLoss(routing, counted, settings.over)) }),
    ...(settings.routerZ !== undefined && { routerZ: weighed(routerZLoss(routing, counted)) }),
    fullestExpert: weighed(
      tf.mul(
        ofLayers((layer) => tf.max(loads(layer, counted))),
        number / active,
      ),
    ),
    droppedTokens: weighed(ofLayers(({ dropped }) => tf.mean(meanOf(dropped, counted)))),
  };
}
