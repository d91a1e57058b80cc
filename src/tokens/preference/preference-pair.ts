import { TrainbookError } from '../../error.js';
import type { TokenExample } from '../pack-examples.js';

/*
 * A question and two answers, of which people liked the first better:
 *
 *   prompt    <|im_start|> user \n 2+2? <|im_end|> <|im_start|> assistant \n
 *   chosen    4 <|im_end|>
 *   rejected  Maybe 5 <|im_end|>
 */

/** Two answers to one prompt, as tokens. */
export interface PreferencePair {
  readonly prompt: ArrayLike<number>;
  readonly chosen: ArrayLike<number>;
  readonly rejected: ArrayLike<number>;
  /** By how much the chosen answer is better, in the units of a reward: for `bradleyTerry`. Default: 0. */
  readonly margin?: number;
  /** ln p of each whole answer in a frozen model: see `storeReference`. All pairs have one, or none has. */
  readonly reference?: ReferenceLogProbabilities;
}

/** ln p of both answers of a pair, given its prompt. */
export interface ReferenceLogProbabilities {
  readonly chosen: number;
  readonly rejected: number;
}

/** Tokens of the prompt and the longer answer. */
export function pairLength({ prompt, chosen, rejected }: PreferencePair): number {
  return prompt.length + Math.max(chosen.length, rejected.length);
}

/**
 * The pair of two texts that begin with one prompt, such as two conversations with other last answers. The answer is what counts in
 * each: from its first counted token to its last.
 *
 * @throws TrainbookError if nothing counts in a text, what counts is not in one run, or the prompts differ.
 * @example
 * const bound = bind(template, tokenizer);
 * const pair = preferencePair(bound.example(liked), bound.example(disliked));
 */
export function preferencePair(chosen: TokenExample, rejected: TokenExample): PreferencePair {
  const liked = parted('chosen', chosen);
  const other = parted('rejected', rejected);
  const longest = Math.max(liked.prompt.length, other.prompt.length);
  const places = Array.from({ length: longest }, (_, place) => place);
  const differs = places.find((place) => liked.prompt[place] !== other.prompt[place]);
  if (differs !== undefined) {
    throw new TrainbookError({
      what: 'preferencePair: the answers are to different prompts',
      received: `prompts of ${liked.prompt.length} and ${other.prompt.length} tokens that differ from token ${differs} on`,
      expected: 'one prompt, token by token',
      fix: 'pair answers to one prompt, and let only what comes after it count',
    });
  }
  return { prompt: liked.prompt, chosen: liked.answer, rejected: other.answer };
}

function parted(side: string, { tokens, counted }: TokenExample): { prompt: Int32Array; answer: Int32Array } {
  const first = counted.indexOf(1);
  const end = counted.lastIndexOf(1) + 1;
  if (first === -1 || counted.subarray(first, end).includes(0)) {
    throw new TrainbookError({
      what: `preferencePair: it is not clear which tokens are the ${side} answer`,
      received:
        first === -1 ? 'no counted token' : `counted tokens from ${first} to ${end - 1} with others between them`,
      expected: 'one run of counted tokens, after the prompt',
      fix: 'count the last answer only',
    });
  }
  return { prompt: tokens.subarray(0, first), answer: tokens.subarray(first, end) };
}

/**
 * The pairs with answers cut at `context` tokens of prompt and answer together.
 *
 * @throws TrainbookError if no token of an answer is left, or a pair to be cut has a stored reference: that is of the whole answer.
 * @example
 * const batches = preferenceLoader(truncatePairs(pairs, 512), { context: 512, padding: 0 }, { batchSize: 8, key });
 */
export function truncatePairs(pairs: readonly PreferencePair[], context: number): PreferencePair[] {
  return pairs.map((pair, index) => {
    const room = context - pair.prompt.length;
    if (room <= 0) {
      throw new TrainbookError({
        what: `truncatePairs: no token of the answers of pair ${index} is left`,
        received: `a prompt of ${pair.prompt.length} tokens`,
        expected: `at most ${context - 1}, one below the context`,
        fix: 'take a longer context, shorten the prompt, or leave the pair out',
      });
    }
    if (pair.chosen.length <= room && pair.rejected.length <= room) return pair;
    if (pair.reference !== undefined) {
      throw new TrainbookError({
        what: `truncatePairs: pair ${index} has the log-probabilities of answers that are not cut`,
        received: `answers of ${pair.chosen.length} and ${pair.rejected.length} tokens`,
        expected: `at most ${room}`,
        fix: 'cut first, then storeReference',
      });
    }
    const cut = (answer: ArrayLike<number>): number[] => Array.from(answer).slice(0, room);
    return { ...pair, chosen: cut(pair.chosen), rejected: cut(pair.rejected) };
  });
}
