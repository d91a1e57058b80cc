import { TrainbookError } from '../../error.js';

/** Lengths in tokens. */
export interface OverlongOptions {
  /** L: beyond it an answer is cut off. */
  readonly longest: number;
  /** B: how long before L the penalty begins. DAPO has 4,096 before 20,480. */
  readonly buffer: number;
}

/**
 * 0 up to L − B tokens, (L − B − length) / B from there to L, −1 beyond it, to be added to an answer's reward: an answer that was cut off
 * loses, and it is told so before. Yu 2025, DAPO (2503.14476), equation 13.
 *
 * @throws TrainbookError if B is not in (0, L].
 * @example
 * overlongPenalty(180, { longest: 200, buffer: 50 }); // −0.6
 */
export function overlongPenalty(numTokens: number, { longest, buffer }: OverlongOptions): number {
  if (!(buffer > 0 && buffer <= longest)) {
    throw new TrainbookError({
      what: 'overlongPenalty: the buffer must lie within the longest answer',
      received: buffer,
      expected: `tokens, above 0 and up to ${longest}`,
      fix: 'set buffer to about a fifth of longest',
    });
  }
  const free = longest - buffer;
  if (numTokens <= free) return 0;
  return numTokens > longest ? -1 : (free - numTokens) / buffer;
}
