import { z } from 'zod';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { advanced, beamOptions, firstState } from './beams.js';
import type { Beam, BeamRules, BeamSearchState } from './beams.js';
import { startDecoding } from './decoding.js';
import type { Decoding } from './decoding.js';
import { checkPrompts } from './generate.js';
import type { Model } from './model.js';
import { parseOptions } from './parse-options.js';
import { roomFor } from './sample.js';

/**
 * How the likeliest continuations are looked for, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * beamSearchOptions.parse({ numBeams: 4, maxTokens: 40 });
 */
export const beamSearchOptions = z
  .strictObject({
    ...beamOptions.shape,
    numReturned: z.int().positive().default(1).describe('continuations to give for each prompt; at most numBeams'),
    maxTokens: z.int().positive().default(200).describe('tokens of a continuation, at most'),
    stops: z
      .array(z.int().nonnegative())
      .optional()
      .describe('tokens that end a continuation; the end-of-text token unless given'),
  })
  .check(({ value: { numReturned, numBeams }, issues }) => {
    if (numReturned <= numBeams) return;
    const message = `numReturned must not exceed numBeams: ${numReturned} > ${numBeams}`;
    issues.push({ code: 'custom', input: numReturned, path: ['numReturned'], message });
  });

/** What a user writes. */
export type BeamSearchOptions = z.input<typeof beamSearchOptions>;

/** A likely continuation of a prompt. */
export interface BeamText {
  readonly prompt: string;
  /** Without the prompt and a stop token. */
  readonly text: string;
  /** Σ ln p / (number of tokens)^lengthPenalty, a stop token among them. */
  readonly score: number;
  /** Without a stop token. */
  readonly numTokens: number;
  readonly finish: 'stop' | 'length';
}

/**
 * The likeliest continuations of each prompt, best first, as a beam search finds them: of all continuations with one token more the
 * `numBeams` likeliest are followed. For tasks with one right answer, such as translation; open text gets dull by it.
 * The rules are those of Hugging Face transformers.
 *
 * @throws TrainbookError if an option is out of range, a prompt is empty or longer than the context.
 * @example
 * const [[best]] = await beamSearch(model, tokenizer, ['The capital of France is'], { numBeams: 4, maxTokens: 8 });
 */
export async function beamSearch(
  model: Model,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  options: BeamSearchOptions = {},
): Promise<BeamText[][]> {
  const plan = parseOptions('beamSearch', beamSearchOptions, options);
  const { stops = [tokenizer.endOfText], numReturned, maxTokens } = plan;
  if (prompts.length === 0) return [];
  const ids = prompts.map((prompt) => tokenizer.encode(prompt));
  const length = roomFor(model, ids, maxTokens);
  const decoding = startDecoding(model, { batch: prompts.length * plan.numBeams, length });
  try {
    const found = await searchBeams(decoding, ids, { ...plan, stops });
    return found.map((beams, index) =>
      beams.slice(0, numReturned).map(({ tokens, score }): BeamText => {
        const isStopped = stops.includes(tokens.at(-1) ?? NaN);
        const own = isStopped ? tokens.slice(0, -1) : tokens;
        const finish = isStopped ? 'stop' : 'length';
        return { prompt: prompts[index] ?? '', text: tokenizer.decode(own), score, numTokens: own.length, finish };
      }),
    );
  } finally {
    decoding.dispose();
  }
}

/**
 * A beam search over tokens. The decoding has `numBeams` sequences for each prompt; caches go with the continuations.
 *
 * @returns For each prompt at most `numBeams` continuations, best first.
 * @throws TrainbookError if a prompt is empty or longer than the decoding.
 * @example
 * const [beams] = await searchBeams(decoding, [[12, 7]], { ...beamOptions.parse({ numBeams: 3 }), maxTokens: 20, stops: [0] });
 */
export async function searchBeams(
  decoding: Decoding,
  prompts: readonly (readonly number[])[],
  { maxTokens, stops, ...rules }: BeamRules & { readonly maxTokens: number; readonly stops: readonly number[] },
): Promise<(readonly Beam[])[]> {
  const { numBeams } = rules;
  checkPrompts(prompts, decoding.length);
  if (decoding.batch !== prompts.length * numBeams)
    throw new Error('internal: a beam search needs a sequence of the decoding for each beam of each prompt');
  const limits = prompts.map((prompt) => ({
    stops,
    maxTokens: Math.min(maxTokens, decoding.length - prompt.length + 1), // the last token is not read
  }));
  let states: readonly BeamSearchState[] = prompts.map(() => firstState);
  let logits = await decoding.start(prompts.flatMap((prompt) => Array.from({ length: numBeams }, () => prompt)));
  for (;;) {
    const vocabularySize = logits.length / decoding.batch;
    const rowOf = (sequence: number): Float32Array =>
      logits.subarray(sequence * vocabularySize, (sequence + 1) * vocabularySize);
    const order = Int32Array.from({ length: decoding.batch }, (_, sequence) => sequence);
    states = states.map((before, prompt) => {
      const first = prompt * numBeams;
      const limit = limits[prompt];
      if (before.running.length === 0 || limit === undefined) return before;
      const { state, from } = advanced(before, (index) => rowOf(first + index), rules, limit);
      from.forEach((beam, index) => (order[first + index] = first + beam));
      return state;
    });
    if (states.every(({ running }) => running.length === 0)) return states.map(({ ended }) => ended);
    if (order.some((from, sequence) => from !== sequence)) await decoding.reorder(order);
    const next = new Int32Array(decoding.batch); // what has ended reads on, unseen
    states.forEach(({ running }, prompt) => {
      running.forEach(({ tokens }, index) => (next[prompt * numBeams + index] = tokens.at(-1) ?? 0));
    });
    logits = await decoding.next(next);
  }
}
