import { uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';

/** How the next token is drawn from logits. */
export interface Choice {
  /** Divides the logits: below 1 favours likely tokens more; 0 always takes the likeliest. */
  readonly temperature: number;
  /** Only the likeliest tokens that together have this probability can be drawn, in (0, 1]. */
  readonly topP: number;
}

/**
 * A token drawn from softmax(logits / temperature), restricted to the smallest set of likeliest tokens whose probability
 * reaches topP. `uniform` in [0, 1) decides; of tokens that are equally likely the lower id comes first.
 * Holtzman 2020, "The Curious Case of Neural Text Degeneration" (1904.09751).
 *
 * @example
 * chooseToken(logits, { temperature: 0.7, topP: 0.9 }, 0.25);
 */
export function chooseToken(logits: Float32Array, { temperature, topP }: Choice, uniform: number): number {
  const likeliest = argMax(logits);
  if (temperature === 0) return likeliest;
  const highest = logits[likeliest] ?? 0;
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const order =
    topP < 1
      ? Uint32Array.from(weights.keys()).sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b)
      : undefined;
  const kept: number[] = [];
  let mass = 0;
  for (let rank = 0; rank < weights.length && (rank === 0 || mass < topP * total); rank++) {
    const token = order?.[rank] ?? rank;
    kept.push(token);
    mass += weights[token] ?? 0;
  }
  let left = uniform * mass;
  for (const token of kept) {
    left -= weights[token] ?? 0;
    if (left < 0) return token;
  }
  return likeliest; // rounding may leave a remainder of about 1e-16
}

/**
 * The token that a key draws. A key folded from the sequence and the position gives equal texts for equal keys, whatever else is
 * generated beside them.
 *
 * @example
 * const token = drawToken(logits, { temperature: 0.7, topP: 0.9 }, fold(key, position));
 */
export function drawToken(logits: Float32Array, choice: Choice, key: Key): number {
  const [uniform = 0] = uniformNumbers(key, 1);
  return chooseToken(logits, choice, uniform);
}

function argMax(values: Float32Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  return best;
}
