import { z } from 'zod';
import { candidatesOf, keepTopK } from './logit-filters.js';
import type { Candidates } from './logit-filters.js';
import { logSumExp } from './exponential.js';

/** The rules of a beam search, as an experiment writes them; unknown keys are refused. */
export const beamOptions = z.strictObject({
  numBeams: z.int().positive().default(4).describe('continuations that are followed at a time'),
  lengthPenalty: z
    .number()
    .default(1)
    .describe(
      'a score is the sum of log-probabilities over (number of tokens)^lengthPenalty; above 0 favours longer ones',
    ),
  earlyStopping: z
    .union([z.boolean(), z.literal('never')])
    .default(false)
    .describe(
      'true: end when numBeams continuations have ended; false: when, besides, the best running one would score no better now; ' +
        'never: when it would score no better at any length',
    ),
});

/** The rules of a beam search. */
export type BeamRules = z.output<typeof beamOptions>;

/** A continuation that has ended. */
export interface Beam {
  /** With the stop token, if it ended by one. */
  readonly tokens: readonly number[];
  /** Σ ln p / (number of tokens)^lengthPenalty. */
  readonly score: number;
}

/** A continuation that is followed. */
interface Running {
  readonly tokens: readonly number[];
  /** Σ ln p. */
  readonly sum: number;
}

/** A running continuation with one more token. */
interface Step extends Running {
  /** Which one, among the running. */
  readonly from: number;
  readonly ends: boolean;
}

/** The search of one prompt. It is a value: `advanced` gives the next one. */
export interface BeamSearchState {
  /** Best first; none once the search is over. */
  readonly running: readonly Running[];
  /** Best first, at most `numBeams`. */
  readonly ended: readonly Beam[];
}

export const firstState: BeamSearchState = { running: [{ tokens: [], sum: 0 }], ended: [] };

/** What ends a continuation. */
export interface BeamLimits {
  readonly stops: readonly number[];
  /** The most tokens that a continuation may have. */
  readonly maxTokens: number;
}

/**
 * One more token for each running continuation, with the rules of Hugging Face transformers. Of all continuations with one token more
 * the best (1 + stops) · numBeams are looked at (at least 2 · numBeams), so that enough of them go on; one that ends counts only among the
 * first numBeams. Those that reach `maxTokens` end too.
 *
 * @param logitsOf The logits after the running continuation of an index.
 * @returns The next state, and for each running continuation which one it goes on from.
 */
export function advanced(
  { running, ended }: BeamSearchState,
  logitsOf: (index: number) => Float32Array,
  rules: BeamRules,
  { stops, maxTokens }: BeamLimits,
): { readonly state: BeamSearchState; readonly from: readonly number[] } {
  const { numBeams, lengthPenalty, earlyStopping } = rules;
  const length = (running[0]?.tokens.length ?? 0) + 1;
  const numSteps = Math.max(2, 1 + stops.length) * numBeams;
  const steps = running
    .flatMap((beam, from) => bestTokens(logitsOf(from), numSteps).map((next) => ({ beam, from, ...next })))
    .map(({ beam, from, token, logProbability }): Step => ({
      from,
      tokens: [...beam.tokens, token],
      sum: beam.sum + logProbability,
      ends: stops.includes(token) || length >= maxTokens,
    }))
    .sort((a, b) => b.sum - a.sum)
    .slice(0, numSteps);
  const score = (sum: number, atLength: number): number => sum / atLength ** lengthPenalty;
  const endsNow = steps
    .slice(0, numBeams)
    .flatMap(({ tokens, sum, ends }) => (ends ? [{ tokens, score: score(sum, length) }] : []));
  const all = [...ended, ...endsNow].sort((a, b) => b.score - a.score).slice(0, numBeams);
  const goOn = steps.filter(({ ends }) => !ends).slice(0, numBeams);
  const bestSum = goOn[0]?.sum ?? -Infinity;
  const lengthThen = earlyStopping === 'never' && lengthPenalty > 0 ? maxTokens : length;
  const isFull = all.length === numBeams;
  const isOver = isFull && (earlyStopping === true || score(bestSum, lengthThen) <= (all.at(-1)?.score ?? -Infinity));
  return isOver
    ? { state: { running: [], ended: all }, from: [] }
    : {
        state: { running: goOn.map(({ tokens, sum }) => ({ tokens, sum })), ended: all },
        from: goOn.map(({ from }) => from),
      };
}

let candidates: Candidates | undefined;

/** The likeliest tokens with ln p, best first. */
function bestTokens(
  logits: Float32Array,
  count: number,
): { readonly token: number; readonly logProbability: number }[] {
  const total = logSumExp(logits);
  candidates = candidatesOf(logits, candidates);
  keepTopK(candidates, count);
  const { tokens, logits: kept } = candidates;
  return Array.from({ length: candidates.count }, (_, place) => ({
    token: tokens[place] as number,
    logProbability: (kept[place] as number) - total,
  }))
    .sort((a, b) => b.logProbability - a.logProbability)
    .slice(0, count);
}
