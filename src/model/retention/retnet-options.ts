import { z } from 'zod';
import { parseOptions, size } from '../parse-options.js';

/**
 * The shape of a retentive network, as an experiment writes it; unknown keys are refused. What is left out is as in the paper.
 *
 * @example
 * retnetOptions.parse({ layers: 4, width: 256, heads: 4, context: 1024 });
 */
export const retnetOptions = z
  .strictObject({
    layers: size('number of blocks'),
    width: size('size of the residual stream, in features'),
    heads: size('number of heads, each with a decay of its own; divides width'),
    valueSize: size('features of a value of a head; 2 width / heads unless given').optional(),
    context: size('longest sequence, in tokens'),
    hidden: size('hidden size of the MLP, in features; 2 width unless given').optional(),
    chunk: size(
      'tokens of a chunk: long texts are read chunk by chunk, where that is less work than all pairs at once',
    ).default(128),
    tiedEmbeddings: z.boolean().default(true).describe('whether the embedding also gives the logits'),
    rotaryBase: z.number().positive().default(10_000).describe('base of the rotary angles of queries and keys'),
    normEpsilon: z.number().positive().default(1e-5).describe('added to the variance in a norm'),
    initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('share of elements left out while training: of embeddings, and what blocks add'),
  })
  .check(({ value: { width, heads }, issues }) => {
    const keySize = width / heads;
    if (Number.isInteger(keySize) && keySize % 2 === 0) return;
    issues.push({
      code: 'custom',
      input: heads,
      path: ['heads'],
      message: `rotary positions turn pairs: width / heads must be whole and even, it is ${width} / ${heads}`,
    });
  });

/** The options and the vocabulary: what a model's own config.json holds. */
export const retnetSchema = retnetOptions.safeExtend({
  vocabularySize: size('number of tokens: tokenizer.size'),
});

/** What a user writes: the options, and the vocabulary that the tokenizer gives. */
export type RetNetOptions = z.input<typeof retnetOptions>;

/** A retentive network's shape with nothing left open. Plain JSON. */
export interface RetNetConfig extends z.output<typeof retnetSchema> {
  readonly valueSize: number;
  readonly hidden: number;
}

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function retnetConfig(options: z.input<typeof retnetSchema>): RetNetConfig {
  const parsed = parseOptions('retnet', retnetSchema, options);
  const { width, heads } = parsed;
  return {
    ...parsed,
    valueSize: parsed.valueSize ?? (2 * width) / heads,
    hidden: parsed.hidden ?? 2 * width,
  };
}
