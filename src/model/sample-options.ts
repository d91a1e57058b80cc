import { z } from 'zod';
import type { Tokenizer } from '../tokens/tokenizer.js';
import { choiceOptions } from './choice.js';
import { parseOptions } from './parse-options.js';

/**
 * How texts are continued, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * sampleOptions.parse({ temperature: 0.7, topP: 0.9, maxTokens: 120, stopStrings: ['\n\n'] });
 */
export const sampleOptions = z.strictObject({
  ...choiceOptions.shape,
  maxTokens: z.int().nonnegative().default(200).describe('tokens to generate for each prompt, at most'),
  stops: z
    .array(z.int().nonnegative())
    .optional()
    .describe('tokens that end a text; the end-of-text token unless given'),
  stopStrings: z.array(z.string().min(1)).default([]).describe('strings that end a text, and are not part of it'),
});

/** What a user writes. */
export type SampleChoice = z.input<typeof sampleOptions>;

/** With every default filled in. */
export interface SamplePlan extends z.output<typeof sampleOptions> {
  readonly stops: number[];
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TrainbookError that names the option which is out of range or not known.
 */
export function samplePlan(owner: string, options: SampleChoice, tokenizer: Pick<Tokenizer, 'endOfText'>): SamplePlan {
  const plan = parseOptions(owner, sampleOptions, options);
  return { ...plan, stops: plan.stops ?? [tokenizer.endOfText] };
}
