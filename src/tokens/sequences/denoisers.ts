import { uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { corruptSpans, spanCounts, withSentinels } from './span-corruption.js';
import type { SequencePair, SpanMarks, SpanOptions } from './span-corruption.js';

/** What makes a source and a target of a text. */
export interface Denoiser {
  /** How long they are at most for a text of so many tokens. */
  lengths(length: number): { readonly source: number; readonly target: number };
  /** A pure function of text and key. */
  denoise(tokens: ArrayLike<number>, key: Key): SequencePair;
}

/** How a source begins: a token that says which denoiser made it. Default: none. */
export interface ModeMark {
  readonly mode?: number;
}

/**
 * Spans are left out and to be written: T5's objective, and UL2's R- and X-denoisers.
 *
 * @throws TrainbookError when it is used, as `corruptSpans`.
 * @example
 * const denoiser = spanDenoiser({ density: 0.15, meanSpan: 3, sentinels: sentinelsOf(tokenizer), end: tokenizer.endOfText });
 */
export function spanDenoiser(options: SpanOptions & SpanMarks & ModeMark): Denoiser {
  return {
    lengths: (length) => {
      const { numNoise, numSpans } = spanCounts(length, options);
      return framedLengths(options, length - numNoise + numSpans, numNoise + numSpans);
    },
    denoise: (tokens, key) => withMode(options, corruptSpans(tokens, options, key)),
  };
}

/**
 * The end of a text is to be written, after its beginning: UL2's S-denoiser, a prefix language model. The length of the end is drawn evenly
 * from 1 to 2 · share · length − 1, so that its mean is the share. As a span of the other denoisers it follows a sentinel.
 *
 * @throws TrainbookError if the share is not above 0 and at most ½.
 * @example
 * const denoiser = prefixDenoiser({ share: 0.25, sentinels: sentinelsOf(tokenizer), end: tokenizer.endOfText });
 */
export function prefixDenoiser(options: { readonly share?: number } & SpanMarks & ModeMark): Denoiser {
  const { share = 0.25 } = options;
  if (!(share > 0 && share <= 0.5)) {
    throw new TrainbookError({
      what: 'prefixDenoiser: no such share',
      received: share,
      expected: 'a share of the text above 0, at most 0.5',
    });
  }
  const longest = (length: number): number => Math.max(1, Math.min(length - 1, Math.round(2 * share * length) - 1));
  return {
    lengths: (length) => framedLengths(options, length, longest(length) + 1),
    denoise: (tokens, key) => {
      const { length } = tokens;
      const [uniform = 0] = uniformNumbers(key, 1);
      const ending = 1 + Math.floor(uniform * longest(length));
      const mask = new Uint8Array(length).fill(1, length - ending);
      return withMode(options, withSentinels(tokens, mask, options));
    },
  };
}

/** A denoiser, and how many of all texts it is for; rates need not add up to 1. */
export type Rated = readonly [denoiser: Denoiser, rate: number];

/** The tokens that UL2 names its modes by: `[R]`, `[S]` and `[X]`; the published models write them `[NLU]`, `[S2S]`, `[NLG]`. */
export interface Ul2Modes {
  readonly regular: number;
  readonly sequential: number;
  readonly extreme: number;
}

/**
 * UL2's mixture of seven, equally often: Tay 2022, "UL2: Unifying Language Learning Paradigms" (2205.05131), table 1. R-denoisers leave out
 * 15% in short spans, X-denoisers half of the text or long spans, the S-denoiser the end.
 *
 * @example
 * const denoisers = ul2Denoisers({ sentinels, end: tokenizer.endOfText, modes: { regular: 5, sequential: 6, extreme: 7 } });
 */
export function ul2Denoisers({ modes, ...marks }: SpanMarks & { readonly modes: Ul2Modes }): readonly Rated[] {
  const spans = (mode: number, density: number, meanSpan: number): Rated => [
    spanDenoiser({ ...marks, mode, density, meanSpan }),
    1,
  ];
  return [
    spans(modes.regular, 0.15, 3),
    spans(modes.regular, 0.15, 8),
    [prefixDenoiser({ ...marks, mode: modes.sequential, share: 0.25 }), 1],
    spans(modes.extreme, 0.5, 3),
    spans(modes.extreme, 0.5, 8),
    spans(modes.extreme, 0.15, 64),
    spans(modes.extreme, 0.5, 64),
  ];
}

/** The denoiser at which the sum of rates passes `uniform`, in [0, 1). */
export function denoiserAt(denoisers: readonly Rated[], uniform: number): Denoiser {
  const total = denoisers.reduce((sum, [, rate]) => sum + rate, 0);
  let left = uniform * total;
  for (const [denoiser, rate] of denoisers) {
    left -= rate;
    if (left < 0) return denoiser;
  }
  return (denoisers.at(-1) as Rated)[0]; // rounding may leave a remainder
}

function framedLengths(
  { end, mode }: Pick<SpanMarks, 'end'> & ModeMark,
  source: number,
  target: number,
): { readonly source: number; readonly target: number } {
  const ends = end === undefined ? 0 : 1;
  return { source: source + ends + (mode === undefined ? 0 : 1), target: target + ends };
}

function withMode({ mode }: ModeMark, { source, target }: SequencePair): SequencePair {
  return mode === undefined ? { source, target } : { source: [mode, ...Array.from(source)], target };
}
