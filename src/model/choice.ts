import { z } from 'zod';

/**
 * How the next token is chosen, as an experiment writes it; unknown keys are refused. What is given acts in this order, that of
 * Hugging Face transformers: repetition penalty, temperature, top-k, top-p, min-p.
 *
 * @example
 * choiceOptions.parse({ temperature: 0.7, topP: 0.9 });
 */
export const choiceOptions = z.strictObject({
  repetitionPenalty: z
    .number()
    .positive()
    .optional()
    .describe(
      'divides positive logits of tokens that were there before, multiplies negative ones; above 1 avoids them',
    ),
  temperature: z
    .number()
    .nonnegative()
    .default(1)
    .describe('divides the logits; below 1 favours likely tokens, 0 (the limit) takes the likeliest'),
  topK: z.int().positive().optional().describe('draw only from this many likeliest tokens, and those as likely'),
  topP: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('draw only from the fewest likeliest tokens that together have this probability'),
  minP: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('draw only from tokens with at least this part of the likeliest one’s probability'),
});

/** What a user writes. */
export type ChoiceOptions = z.input<typeof choiceOptions>;

/** How the next token is chosen. */
export type Choice = z.output<typeof choiceOptions>;

/** Always the likeliest token: the limit of temperature 0. */
export const greedy = { temperature: 0 } as const satisfies ChoiceOptions;
