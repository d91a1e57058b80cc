import { z } from 'zod';
import { mlps } from './mlp.js';
import { parseOptions, size } from './parse-options.js';

/**
 * The shape of an encoder, as an experiment writes it; unknown keys are refused. What is left out is as in BERT.
 *
 * @example
 * encoderOptions.parse({ layers: 4, width: 256, heads: 4, context: 128 });
 */
export const encoderOptions = z
  .strictObject({
    layers: size('number of blocks'),
    width: size('size of the residual stream, in features'),
    heads: size('number of heads; divides width'),
    hidden: size('hidden size of the MLP, in features; 4 width unless given').optional(),
    context: size('longest sequence, in tokens'),
    types: z.int().nonnegative().default(2).describe('kinds of tokens, such as those of the first and second sentence'),
    mlp: z.enum(['geluExact', 'gelu', 'relu']).default('geluExact').describe('the position-wise network'),
    firstPosition: z
      .int()
      .nonnegative()
      .default(0)
      .describe('the row of the position table for the first token; those before it are left alone (RoBERTa has two)'),
    normEpsilon: z.number().positive().default(1e-12).describe('added to the variance in a norm'),
    initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('share of elements left out while training: of embeddings, attention, and what blocks add'),
  })
  .check(({ value: { width, heads }, issues }) => {
    if (width % heads === 0) return;
    const message = `heads must divide width: ${width} / ${heads} is not whole`;
    issues.push({ code: 'custom', input: heads, path: ['heads'], message });
  });

/** The options and the vocabulary: what a model's own config.json holds. */
export const encoderSchema = encoderOptions.safeExtend({
  vocabularySize: size('number of tokens: tokenizer.size'),
});

/** What a user writes: the options, and the vocabulary that the tokenizer gives. */
export type EncoderOptions = z.input<typeof encoderOptions>;

/** An encoder's shape with nothing left open. Plain JSON. */
export interface EncoderConfig extends z.output<typeof encoderSchema> {
  readonly hidden: number;
}

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function encoderConfig(options: z.input<typeof encoderSchema>): EncoderConfig {
  const parsed = parseOptions('encoder', encoderSchema, options);
  return { ...parsed, hidden: parsed.hidden ?? mlps[parsed.mlp].hidden(parsed.width) };
}
