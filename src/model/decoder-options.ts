import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { expertsIssues, expertsOptions } from './experts-options.js';
import { latentOptions } from './latent-options.js';
import { depthsOptions } from './mixture-of-depths.js';
import { mlps } from './mlp.js';
import { parseOptions, size } from './parse-options.js';
import { rotaryScaling } from './rope-scaling.js';

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
    heads: size('number of query heads; divides width unless headSize is given'),
    keyValueHeads: size('number of key and value heads; divides heads; as many as heads unless given').optional(),
    headSize: size('features of a head; width / heads unless given').optional(),
    context: size('longest sequence, in tokens'),
    hidden: size('hidden size of the MLP, in features; 8/3 width (SwiGLU) or 4 width (others) unless given').optional(),
    norm: z.enum(['rms', 'layer']).default('rms').describe('RMSNorm, or LayerNorm'),
    positions: z
      .enum(['rotary', 'learned', 'learned2d', 'sinusoidal'])
      .default('rotary')
      .describe('how the order of tokens is known'),
    firstPosition: z
      .int()
      .positive()
      .optional()
      .describe(
        'the row of a learned position table for the first token; those before it are left alone (OPT has two)',
      ),
    mlp: z.enum(['swiglu', 'gelu', 'geluExact', 'relu']).default('swiglu').describe('the position-wise network'),
    experts: expertsOptions
      .optional()
      .describe('a mixture of experts in place of the MLP, from `fromLayer` on; `hidden` is then of the layers before'),
    latent: latentOptions
      .optional()
      .describe('multi-head latent attention, with heads of plainSize + rotarySize features'),
    depths: depthsOptions
      .optional()
      .describe('Mixture-of-Depths: blocks that only some tokens of a row go through; such a model does not generate'),
    biases: z
      .enum(['none', 'queryKeyValue', 'all'])
      .default('none')
      .describe('which linear layers have a bias; with all, LayerNorm has one too'),
    queryKeyNorm: z.boolean().default(false).describe('whether queries and keys are normed, head by head'),
    window: z
      .strictObject({
        size: size('tokens that a token sees, itself among them'),
        fromLayer: z.int().nonnegative().default(0).describe('the first layer, counted from 0, that sees no more'),
      })
      .optional()
      .describe('a sliding window'),
    tiedEmbeddings: z.boolean().default(true).describe('whether the embedding also gives the logits'),
    rotaryBase: z
      .number()
      .positive()
      .default(10_000)
      .describe('base of the rotary angles; the slowest pair turns once in about 2π base tokens'),
    rotaryScaling: rotaryScaling.optional().describe('how rotary positions are stretched beyond a first context'),
    normEpsilon: z.number().positive().default(1e-5).describe('added to the mean square in a norm'),
    initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('share of elements left out while training: of embeddings, attention, and what blocks add'),
  })
  .check(({ value, issues }) => {
    const refuse = (path: keyof typeof value, message: string): void => {
      issues.push({ code: 'custom', input: value[path], path: [path], message });
    };
    const { width, heads, positions, layers, window, experts, latent, mlp, biases } = value;
    const { keyValueHeads = heads } = value;
    const headSize = latent === undefined ? (value.headSize ?? width / heads) : latent.rotarySize;
    if (experts !== undefined) {
      for (const { path, message } of expertsIssues(experts, layers))
        issues.push({ code: 'custom', input: experts, path: ['experts', ...path], message });
      if (mlp !== 'swiglu') refuse('mlp', `experts are SwiGLUs; mlp is ${mlp}`);
      if (biases === 'all') refuse('biases', 'experts have no biases: biases is none or queryKeyValue');
    }
    if (value.depths !== undefined && window !== undefined)
      refuse('depths', 'tokens that go through a block stand apart there: leave out window');
    if (latent !== undefined) {
      const own = latent.plainSize + latent.rotarySize;
      if ((value.headSize ?? own) !== own || keyValueHeads !== heads)
        refuse('latent', 'latent attention has sizes of its own: leave out headSize and keyValueHeads');
      if (positions !== 'rotary') refuse('positions', 'latent attention has rotary positions');
      if (value.queryKeyNorm || biases !== 'none')
        refuse('latent', 'latent attention has norms of its own, and no biases: leave out queryKeyNorm and biases');
    }
    if (!Number.isInteger(headSize)) refuse('heads', `heads must divide width: ${width} / ${heads} is not whole`);
    else if (positions === 'rotary' && headSize % 2 !== 0) {
      refuse(
        value.headSize === undefined ? 'heads' : 'headSize',
        `rotary positions turn pairs: ${value.headSize === undefined ? 'width / heads' : 'headSize'} must be even, it is ${headSize}`,
      );
    }
    if (heads % keyValueHeads !== 0) {
      refuse('keyValueHeads', `keyValueHeads must divide heads: ${heads} / ${keyValueHeads} is not whole`);
    }
    if (value.firstPosition !== undefined && positions !== 'learned')
      refuse('firstPosition', `firstPosition needs learned positions, they are ${positions}`);
    if (value.rotaryScaling !== undefined && positions !== 'rotary')
      refuse('rotaryScaling', `rotaryScaling needs rotary positions, they are ${positions}`);
    if (window !== undefined && window.fromLayer >= layers)
      refuse(
        'window',
        `window.fromLayer must be a layer: there are ${layers}, counted from 0; it is ${window.fromLayer}`,
      );
  });

/** What a user writes: the options, and the vocabulary that the tokenizer gives. */
export type DecoderOptions = z.input<typeof decoderOptions>;

/** A decoder's shape with nothing left open. Plain JSON. */
export interface DecoderConfig extends z.output<typeof decoderOptions> {
  readonly vocabularySize: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly hidden: number;
}

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function decoderConfig(options: DecoderOptions & { readonly vocabularySize: number }): DecoderConfig {
  const { vocabularySize, ...rest } = options;
  const parsed = parseOptions('decoder', decoderOptions, rest);
  if (!Number.isInteger(vocabularySize) || vocabularySize < 1) {
    throw new TrainbookError({
      what: 'decoder: vocabularySize must be a positive integer',
      received: vocabularySize,
      expected: 'the size of the tokenizer',
      fix: 'pass vocabularySize: tokenizer.size',
    });
  }
  const { width, heads, mlp, latent } = parsed;
  return {
    ...parsed,
    vocabularySize,
    keyValueHeads: parsed.keyValueHeads ?? heads,
    headSize: latent === undefined ? (parsed.headSize ?? width / heads) : latent.plainSize + latent.rotarySize,
    hidden: parsed.hidden ?? mlps[mlp].hidden(width),
  };
}
