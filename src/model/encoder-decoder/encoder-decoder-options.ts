import { z } from 'zod';
import { mlps } from '../mlp.js';
import { parseOptions, size } from '../parse-options.js';

/**
 * The shape of an encoder–decoder, as an experiment writes it; unknown keys are refused. What is left out is as in the first T5.
 *
 * @example
 * encoderDecoderOptions.parse({ layers: 4, width: 256, heads: 4 });
 */
export const encoderDecoderOptions = z
  .strictObject({
    layers: size('number of blocks of the encoder'),
    decoderLayers: size('number of blocks of the decoder; as many as the encoder has unless given').optional(),
    width: size('size of the residual stream, in features'),
    heads: size('number of heads; divides width unless headSize is given'),
    headSize: size('features of a head; width / heads unless given').optional(),
    hidden: size('hidden size of the MLP, in features; 8/3 width (gated) or 4 width (others) unless given').optional(),
    mlp: z
      .enum(['relu', 'gelu', 'geluExact', 'geglu', 'swiglu'])
      .default('relu')
      .describe('the position-wise network; geglu and swiglu are gated'),
    buckets: z.int().min(4).default(32).describe('groups of distances between tokens, each with a bias a head; even'),
    distance: size('distance in tokens from which on all are in the last bucket').default(128),
    tiedEmbeddings: z.boolean().default(true).describe('whether the embedding also gives the logits'),
    scaledOutput: z
      .boolean()
      .optional()
      .describe('whether states are divided by √width before they give logits; as tiedEmbeddings says unless given'),
    startToken: z.int().nonnegative().default(0).describe('the token that stands before each target: padding, in T5'),
    normEpsilon: z.number().positive().default(1e-6).describe('added to the mean square in a norm'),
    initFactor: z
      .number()
      .positive()
      .default(1)
      .describe('what the standard deviations of the first weights are times'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('share of elements left out while training: of embeddings, attention, in MLPs, and what blocks add'),
  })
  .check(({ value: { width, heads, headSize = width / heads, buckets, distance }, issues }) => {
    const refuse = (path: string, input: unknown, message: string): void => {
      issues.push({ code: 'custom', input, path: [path], message });
    };
    if (!Number.isInteger(headSize))
      refuse('heads', heads, `heads must divide width: ${width} / ${heads} is not whole`);
    if (buckets % 2 !== 0) refuse('buckets', buckets, `buckets must be even, they are ${buckets}`);
    // The decoder's buckets are all for one direction, and the first half of them for one offset each.
    if (distance <= buckets / 2)
      refuse('distance', distance, `distance must be above half of the buckets, ${buckets / 2}; it is ${distance}`);
  });

/** The options and the vocabulary: what a model's own config.json holds. */
export const encoderDecoderSchema = encoderDecoderOptions.safeExtend({
  vocabularySize: size('number of tokens: tokenizer.size'),
});

/** What a user writes: the options, and the vocabulary that the tokenizer gives. */
export type EncoderDecoderOptions = z.input<typeof encoderDecoderOptions>;

/** An encoder–decoder's shape with nothing left open. Plain JSON. */
export interface EncoderDecoderConfig extends z.output<typeof encoderDecoderSchema> {
  readonly decoderLayers: number;
  readonly headSize: number;
  readonly hidden: number;
  readonly scaledOutput: boolean;
}

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function encoderDecoderConfig(options: z.input<typeof encoderDecoderSchema>): EncoderDecoderConfig {
  const parsed = parseOptions('encoderDecoder', encoderDecoderSchema, options);
  const { layers, width, heads, mlp, tiedEmbeddings } = parsed;
  return {
    ...parsed,
    decoderLayers: parsed.decoderLayers ?? layers,
    headSize: parsed.headSize ?? width / heads,
    hidden: parsed.hidden ?? mlps[mlp].hidden(width),
    scaledOutput: parsed.scaledOutput ?? tiedEmbeddings,
  };
}
