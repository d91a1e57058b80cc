import type * as tf from '@tensorflow/tfjs';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Decoder, ForwardOptions } from './decoder.js';
import type { Model } from './model.js';

/** How a batch is read by a model with an adapter. A prefix takes the place of a past, so none can be given. */
export type AdaptedOptions = Omit<ForwardOptions, 'past'>;

/** A model seen as a function of its adapter's weights: the model's own are constants, and have no gradient. */
export interface Adapted<Weights> {
  readonly base: Model;
  /** Logits [batch, time, vocabulary] of tokens, int32 [batch, time]. Learned positions before the tokens have none here. */
  forward(weights: Weights, tokens: tf.Tensor, options?: AdaptedOptions): tf.Tensor3D;
  /** What the logits are made from: [batch, time, width]. */
  hidden(weights: Weights, tokens: tf.Tensor, options?: AdaptedOptions): tf.Tensor3D;
  /** Hidden states to logits: [..., width] → [..., vocabulary]. No adapter changes the table. */
  logits(weights: Weights, hidden: tf.Tensor): tf.Tensor;
}

/** What follows from the hidden states: the model's own table gives the logits. */
export function adaptedFrom<Weights>(base: Model, hidden: Adapted<Weights>['hidden']): Adapted<Weights> {
  const logits = (states: tf.Tensor): tf.Tensor => base.architecture.logits(base.weights, states);
  return {
    base,
    hidden,
    logits: (_weights, states) => logits(states),
    forward: (weights, tokens, options) => logits(hidden(weights, tokens, options)) as tf.Tensor3D,
  };
}

/** A way of training few numbers beside a model in place of its own: `lora.ts`, `prefix-tuning.ts` and `prompt-tuning.ts` are some. */
export interface AdapterMethod<Weights> {
  readonly kind: string;
  /** How many numbers it trains. */
  numParameters(architecture: Decoder): number;
  /** First weights: the same for the same key. */
  init(model: Model, key: Key): Weights;
  /** The model as a function of the adapter's weights. */
  adapt(model: Model): Adapted<Weights>;
}

/**
 * trained / (own + trained): the share of all parameters that an adapter trains, as PEFT counts it.
 *
 * @example
 * trainableShare(lora({ rank: 8, targets: 'all-linear' }), gpt2('small')); // 0.0094
 */
export function trainableShare(method: Pick<AdapterMethod<never>, 'numParameters'>, architecture: Decoder): number {
  const trained = method.numParameters(architecture);
  return trained / (architecture.numParameters + trained);
}

/**
 * Checks that positions before the tokens leave room for them.
 *
 * @throws TrainbookError if both together are longer than the context.
 */
export function checkRoom(what: string, { config }: Decoder, numVirtualTokens: number, tokens: tf.Tensor): void {
  const time = tokens.shape[1] ?? 0;
  if (numVirtualTokens + time <= config.context) return;
  throw new TrainbookError({
    what: `${what}: the virtual tokens and the rows are longer than the model's context`,
    received: `${numVirtualTokens} virtual tokens and rows of ${time}`,
    expected: `at most ${config.context} together`,
    fix: `shorten the rows to ${config.context - numVirtualTokens} tokens`,
  });
}
