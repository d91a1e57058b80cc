import { uniformNumbers } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import type { Choice } from './choice.js';
import { exponentials } from './exponential.js';
import { candidatesOf, highestOf, keepMinP, keepTopK, keepTopP, penaliseRepetition, temper } from './logit-filters.js';
import type { Candidates } from './logit-filters.js';

/**
 * Takes the next token. A key folded from the sequence and the position gives equal texts for equal keys, whatever else is
 * generated beside them; `seen` are the tokens of the prompt and of the text so far.
 */
export type TokenChooser = (logits: Float32Array, key: Key, seen: Iterable<number>) => number;

/**
 * A function that takes tokens by a choice. It keeps memory for a vocabulary from one call to the next.
 *
 * @throws TrainbookError, when called, if the logits are not numbers.
 * @example
 * const choose = tokenChooser({ temperature: 0.7, topP: 0.9 });
 * const token = choose(logits, fold(key, position), tokens);
 */
export function tokenChooser(choice: Choice): TokenChooser {
  let candidates: Candidates | undefined;
  return (logits, key, seen) => {
    const isGreedy = choice.temperature === 0;
    if (isGreedy && choice.repetitionPenalty === undefined) return likeliest(logits);
    candidates = filterLogits(candidatesOf(logits, candidates), choice, seen);
    if (isGreedy) return likeliest(candidates.logits);
    const [uniform = 0] = uniformNumbers(key, 1);
    return drawFrom(candidates, uniform);
  };
}

/**
 * Changes logits and takes tokens away as a choice says. At temperature 0 nothing after the repetition penalty would change which
 * token is the likeliest.
 *
 * @example
 * filterLogits(candidatesOf(logits), { temperature: 1, topK: 50 }, tokens).count; // 50
 */
export function filterLogits(candidates: Candidates, choice: Choice, seen: Iterable<number>): Candidates {
  const { repetitionPenalty, temperature, topK, topP, minP } = choice;
  if (repetitionPenalty !== undefined) penaliseRepetition(candidates, new Set(seen), repetitionPenalty);
  if (temperature === 0) return candidates;
  if (temperature !== 1) temper(candidates, temperature);
  if (topK !== undefined) keepTopK(candidates, topK);
  if (topP !== undefined && topP < 1) keepTopP(candidates, topP);
  if (minP !== undefined && minP > 0) keepMinP(candidates, minP);
  return candidates;
}

let weights = new Float64Array(0);

/**
 * The token at which the sum of probabilities, by rising id, passes `uniform`, in [0, 1): each is drawn as often as
 * softmax(logits) says.
 *
 * @throws TrainbookError if the logits are not numbers.
 * @example
 * drawFrom(candidates, 0.25);
 */
export function drawFrom(candidates: Candidates, uniform: number): number {
  const { tokens, logits, count } = candidates;
  const highest = highestOf(candidates);
  if (weights.length < count) weights = new Float64Array(count);
  const total = exponentials(logits, count, highest, weights);
  if (!(total > 0)) throw notNumbers();
  let left = uniform * total;
  for (let place = 0; place < count; place++) {
    left -= weights[place] as number;
    if (left < 0) return tokens[place] as number;
  }
  return tokens[logits.indexOf(highest)] as number; // rounding may leave a remainder of about 1e-16
}

/**
 * The token with the highest logit, of several the first.
 *
 * @throws TrainbookError if the logits are not numbers.
 * @example
 * likeliest(Float32Array.of(0.5, 2, 2)); // 1
 */
export function likeliest(logits: Float32Array): number {
  let best = -1;
  let highest = -Infinity;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] as number;
    if (logit > highest) {
      highest = logit;
      best = token;
    }
  }
  if (best < 0) throw notNumbers();
  return best;
}

/** What is thrown where logits are NaN. */
export function notNumbers(): TrainbookError {
  return new TrainbookError({
    what: 'the model gave logits that are not numbers',
    received: 'NaN, or −∞ for all tokens',
    expected: 'finite logits',
    fix: 'look at the weights: a training that diverged leaves NaN in them',
  });
}
