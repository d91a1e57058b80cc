import { fold, permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';

/*
 * Raffel's example (1910.10683, figure 2), with "for inviting" and "last" chosen:
 *
 *   tokens   Thank you for inviting me to your party last week
 *   source   Thank you <X> me to your party <Y> week </s>
 *   target   <X> for inviting <Y> last </s>
 */

/** How much of a text is left out, and in what pieces. */
export interface SpanOptions {
  /** Which share of the tokens is left out. Default: 0.15. */
  readonly density?: number;
  /** How many tokens a span has on average. Default: 3. */
  readonly meanSpan?: number;
}

/** What stands for a span, and what ends a text. */
export interface SpanMarks {
  /** Ids of the sentinels, in the order of their use, such as those of `<extra_id_0>`, `<extra_id_1>`, …: `sentinelsOf`. */
  readonly sentinels: readonly number[];
  /** The token that ends source and target. Default: none. */
  readonly end?: number;
}

/** A source, and the target that belongs to it. */
export interface SequencePair {
  readonly source: ArrayLike<number>;
  readonly target: ArrayLike<number>;
}

/** How many tokens of a text are left out, in how many spans: at least one of each, and at least one token a span stays. */
export function spanCounts(
  length: number,
  { density = 0.15, meanSpan = 3 }: SpanOptions,
): { readonly numNoise: number; readonly numSpans: number } {
  checkSpans({ density, meanSpan });
  const whole = Math.max(length, 2);
  const numNoise = Math.min(Math.max(halfToEven(whole * density), 1), whole - 1);
  const numSpans = Math.max(halfToEven(numNoise / meanSpan), 1);
  return { numNoise, numSpans: Math.min(numSpans, numNoise, whole - numNoise) };
}

/** A number rounded as TensorFlow and Python round it: halves to the even neighbour. */
function halfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * 1 where a token is left out: T5's `random_spans_noise_mask`. The text is cut into as many pieces that stay as spans that do not, one
 * after the other, the first of which stays; all ways to cut n tokens into s pieces of at least one are equally likely, so that
 *
 *   P(a piece has k tokens) = C(n − k − 1, s − 2) / C(n − 1, s − 1), with mean n / s.
 *
 * @throws TrainbookError if the density is not between 0 and 1, or a span is shorter than a token.
 * @example
 * noiseMask(100, { density: 0.15, meanSpan: 3 }, key(1)); // 15 ones in 5 runs
 */
export function noiseMask(length: number, options: SpanOptions, key: Key): Uint8Array {
  const { numNoise, numSpans } = spanCounts(length, options);
  const whole = Math.max(length, 2);
  const noise = randomPieces(numNoise, numSpans, fold(key, 'noise'));
  const kept = randomPieces(whole - numNoise, numSpans, fold(key, 'kept'));
  const mask = new Uint8Array(whole);
  let end = 0;
  for (const [index, stays] of kept.entries()) {
    const start = end + stays;
    end = start + (noise[index] ?? 0);
    mask.fill(1, start, end);
  }
  return mask.subarray(0, length);
}

/** Lengths of pieces: `numPieces − 1` of the places between neighbours are drawn, without repeats. */
function randomPieces(numItems: number, numPieces: number, key: Key): number[] {
  const cuts = [...permutation(key, numItems - 1).subarray(0, numPieces - 1)].map((place) => place + 1);
  const ends = [...cuts.sort((a, b) => a - b), numItems];
  return ends.map((end, index) => end - (ends[index - 1] ?? 0));
}

/**
 * Leaves spans of a text out, for a model to write them: Raffel 2019, "T5" (1910.10683), section 3.1.4. In the source each span is one
 * sentinel; the target has each sentinel, and after it its span.
 *
 * @param key Decides what is left out.
 * @throws TrainbookError if there are fewer sentinels than spans, or an option is out of range.
 * @example
 * const { source, target } = corruptSpans(tokens, { sentinels: sentinelsOf(tokenizer), end: 1 }, key(1));
 */
export function corruptSpans(tokens: ArrayLike<number>, options: SpanOptions & SpanMarks, key: Key): SequencePair {
  const mask = noiseMask(tokens.length, options, key);
  return withSentinels(tokens, mask, options);
}

/** Source and target of a mask: each run of ones is a span. */
export function withSentinels(
  tokens: ArrayLike<number>,
  mask: Uint8Array,
  { sentinels, end }: SpanMarks,
): SequencePair {
  const [source, target]: [number[], number[]] = [[], []];
  let numSpans = 0;
  for (let place = 0; place < tokens.length; place++) {
    const token = tokens[place] ?? 0;
    if (mask[place] !== 1) source.push(token);
    else {
      if (place === 0 || mask[place - 1] !== 1) {
        const sentinel = sentinels[numSpans++] ?? tooFew(sentinels.length, tokens.length);
        source.push(sentinel);
        target.push(sentinel);
      }
      target.push(token);
    }
  }
  if (end !== undefined) {
    source.push(end);
    target.push(end);
  }
  return { source, target };
}

/**
 * How long a text must be for its source to fill `source` tokens when spans are left out, and how long its target is then: T5's
 * `random_spans_helper`, but that it counts one span where T5's counts none. Source and target end with an end token.
 *
 * @throws TrainbookError if no text is short enough.
 * @example
 * spanLengths(512); // { text: 568, target: 114 }
 */
export function spanLengths(
  source: number,
  options: SpanOptions = {},
): { readonly text: number; readonly target: number } {
  const lengths = (text: number): [source: number, target: number] => {
    const { numNoise, numSpans } = spanCounts(text, options);
    return [text - numNoise + numSpans + 1, numNoise + numSpans + 1];
  };
  let text = source;
  while (lengths(text + 1)[0] <= source) text++;
  while (text > 0 && lengths(text)[0] > source) text--;
  if (text < 2) {
    throw new TrainbookError({
      what: 'spanLengths: no text is so short',
      received: source,
      expected: 'room for a token, a sentinel and an end token at least',
    });
  }
  const [filled, target] = lengths(text);
  // T5 takes a token off where half is left out, so that source and target are equally long.
  return options.density === 0.5 && target > filled ? { text: text - 1, target: target - 1 } : { text, target };
}

/**
 * The ids of T5's sentinels in a tokenizer, `<extra_id_0>`, `<extra_id_1>`, … as far as there are.
 *
 * @throws TrainbookError if there are none.
 * @example
 * sentinelsOf(tokenizer); // [32099, 32098, …]
 */
export function sentinelsOf(tokenizer: { readonly special: ReadonlyMap<string, number> }): number[] {
  const found: number[] = [];
  for (let id = tokenizer.special.get('<extra_id_0>'); id !== undefined;) {
    found.push(id);
    id = tokenizer.special.get(`<extra_id_${found.length}>`);
  }
  if (found.length > 0) return found;
  throw new TrainbookError({
    what: 'sentinelsOf: the tokenizer has no sentinels',
    received: `special tokens ${[...tokenizer.special.keys()].slice(0, 8).join(' ')}`,
    expected: '<extra_id_0>, <extra_id_1>, …',
    fix: 'train the tokenizer with them among its special tokens, or name other ids',
  });
}

function checkSpans({ density, meanSpan }: { readonly density: number; readonly meanSpan: number }): void {
  if (density > 0 && density < 1 && meanSpan >= 1) return;
  const isDensity = !(density > 0 && density < 1);
  throw new TrainbookError({
    what: isDensity ? 'corruptSpans: no such density' : 'corruptSpans: no such mean length of spans',
    received: isDensity ? density : meanSpan,
    expected: isDensity ? 'a share above 0 and below 1' : 'a number of tokens, at least 1',
  });
}

function tooFew(numSentinels: number, length: number): never {
  throw new TrainbookError({
    what: 'corruptSpans: there are more spans than sentinels',
    received: `${numSentinels} sentinels for a text of ${length} tokens`,
    expected: 'a sentinel for each span',
    fix: 'take shorter texts, longer spans, or more sentinels',
  });
}
