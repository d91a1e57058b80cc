import * as tf from '@tensorflow/tfjs';
import { linear } from '../../../model/linear.js';
import type { Computing } from '../../loss.js';
import { stateLogProbabilities } from '../token-log-probabilities.js';
import type { FollowedTokens } from '../token-log-probabilities.js';
import { refusePieces } from '../token-predictor.js';
import type { TokenPredictor } from '../token-predictor.js';

// Legend: rows = answers; time = tokens of the longest row, but the last.

/** A policy, and a critic that says what is still to be earned: one tree, so that a step trains both. */
export interface ActorCriticWeights<Weights> {
  readonly policy: Weights;
  readonly critic: {
    readonly head: { readonly weight: tf.Tensor; readonly bias: tf.Tensor }; // [width, 1], [1]
    /** The critic's own trunk, of the policy's form. Without one it reads the policy's hidden states. */
    readonly trunk?: Weights;
  };
}

/** What both say of tokens. */
export interface ActorCriticReading {
  /** log π of each target. */
  readonly logProbabilities: tf.Tensor2D; // [rows, time]
  /** V before each target is chosen: what was read are the tokens before it. */
  readonly values: tf.Tensor2D; // [rows, time]
}

/** A policy with a critic, as functions of the weights of both. */
export interface ActorCritic<Weights> {
  read(weights: ActorCriticWeights<Weights>, tokens: FollowedTokens, computing?: Computing): ActorCriticReading;
}

/**
 * V = h w + b with h the hidden states of the policy's trunk, or of a trunk of its own: Stiennon 2020, "Learning to summarize from human
 * feedback" (2009.01325), where they do not disturb each other; shared: Ziegler 2019 (1909.08593).
 *
 * @throws TrainbookError, when it reads, if the policy does not say what its logits are made from.
 * @example
 * const { logProbabilities, values } = actorCritic(architecture).read(weights, { inputs, targets });
 */
export function actorCritic<Weights>(policy: TokenPredictor<Weights>): ActorCritic<Weights> {
  return {
    read: (weights, tokens, { chunks = 1, ...computing } = {}) => {
      const hidden = (of: Weights): tf.Tensor => policy.hidden?.(of, tokens.inputs, computing) ?? refusePieces(chunks);
      const { head, trunk } = weights.critic;
      const states = hidden(weights.policy);
      const logitsOf = (piece: tf.Tensor): tf.Tensor => policy.logits?.(weights.policy, piece) ?? refusePieces(chunks);
      const read = trunk === undefined ? states : hidden(trunk);
      return {
        logProbabilities: stateLogProbabilities(logitsOf, states, tokens, chunks),
        values: tf.reshape(linear(head, read), tokens.targets.shape as [number, number]),
      };
    },
  };
}

/** A critic's first head: it expects nothing, and its first gradient leaves the trunk alone. */
export function valueHead(width: number): ActorCriticWeights<never>['critic']['head'] {
  return { weight: tf.zeros([width, 1]), bias: tf.zeros([1]) };
}
