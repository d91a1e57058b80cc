import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { swiglu, geluMlp } from './mlp.js';

const size = (description: string) => z.int().positive().describe(description);

/**
 * The shape of a decoder, as an experiment writes it; unknown keys are refused. What is left out gets the default of a
 * small Llama: RMSNorm, rotary positions, SwiGLU, tied embeddings.
 *
 * @example
 * decoderOptions.parse({ layers: 4, width: 256, heads: 4, context: 256 });
 */
export const decoderOptions = z
  .strictObject({
    layers: size('number of blocks'),
    width: size('size of the residual stream, in features'),
    heads: size('number of query heads; divides width'),
    keyValueHeads: size('number of key and value heads; divides heads; as many as heads unless given').optional(),
    context: size('longest sequence, in tokens'),
    hidden: size('hidden size of the MLP, in features; 8/3 width (SwiGLU) or 4 width (GELU) unless given').optional(),
    norm: z.enum(['rms', 'layer']).default('rms').describe('RMSNorm, or LayerNorm without a bias'),
    positions: z.enum(['rotary', 'learned']).default('rotary').describe('how the order of tokens is known'),
    mlp: z.enum(['swiglu', 'gelu']).default('swiglu').describe('the position-wise network'),
    tiedEmbeddings: z.boolean().default(true).describe('whether the embedding also gives the logits'),
    rotaryBase: z
      .number()
      .positive()
      .default(10_000)
      .describe('base of the rotary angles; the slowest pair turns once in about 2π base tokens'),
    normEpsilon: z.number().positive().default(1e-5).describe('added to the mean square in a norm'),
    initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
  })
  .check(({ value, issues }) => {
    const refuse = (path: keyof typeof value, message: string): void => {
      issues.push({ code: 'custom', input: value[path], path: [path], message });
    };
    const { width, heads, keyValueHeads = heads, positions } = value;
    if (width % heads !== 0) refuse('heads', `heads must divide width: ${width} / ${heads} is not whole`);
    else if (positions === 'rotary' && (width / heads) % 2 !== 0) {
      refuse('heads', `rotary positions turn pairs: width / heads must be even, it is ${width / heads}`);
    }
    if (heads % keyValueHeads !== 0) {
      refuse('keyValueHeads', `keyValueHeads must divide heads: ${heads} / ${keyValueHeads} is not whole`);
    }
  });

/** What a user writes: the options, and the vocabulary that the tokenizer gives. */
export type DecoderOptions = z.input<typeof decoderOptions>;

/** A decoder's shape with nothing left open. Plain JSON. */
export interface DecoderConfig extends z.output<typeof decoderOptions> {
  readonly vocabularySize: number;
  readonly keyValueHeads: number;
  readonly hidden: number;
}

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function decoderConfig(options: DecoderOptions & { readonly vocabularySize: number }): DecoderConfig {
  const { vocabularySize, ...rest } = options;
  const parsed = decoderOptions.safeParse(rest);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TrainbookError({
      what: `decoder: ${issue?.path.join('.') ?? 'options'}: ${issue?.message ?? 'not valid'}`,
      received: JSON.stringify(rest),
      expected: 'the options that decoderOptions describes',
    });
  }
  if (!Number.isInteger(vocabularySize) || vocabularySize < 1) {
    throw new TrainbookError({
      what: 'decoder: vocabularySize must be a positive integer',
      received: vocabularySize,
      expected: 'the size of the tokenizer',
      fix: 'pass vocabularySize: tokenizer.size',
    });
  }
  const { width, heads, mlp } = parsed.data;
  const defaultHidden = { swiglu, gelu: geluMlp }[mlp].hidden(width);
  return {
    ...parsed.data,
    vocabularySize,
    keyValueHeads: parsed.data.keyValueHeads ?? heads,
    hidden: parsed.data.hidden ?? defaultHidden,
  };
}
