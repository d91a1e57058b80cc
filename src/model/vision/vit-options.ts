import { z } from 'zod';
import { mlps } from '../mlp.js';
import { parseOptions, size } from '../parse-options.js';

/** What the options of all models of images have: how an image becomes patches. */
export const imageShape = {
  image: z
    .tuple([z.int().positive(), z.int().positive()])
    .readonly()
    .describe('height and width of the images, in pixels'),
  channels: size('colours of a pixel: 1 for grey, 3 for red, green and blue').default(3),
  patch: size('side of a square patch, in pixels; divides height and width'),
};

/** What regularises a model of images while it trains. */
export const leftOutShape = {
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('share of elements left out while training: of embeddings, attention, and what blocks add'),
  dropPath: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('share of images for which the last block’s branches are left out; less for those before it'),
};

/** One issue of options whose patches do not cover the image. */
export function patchIssue({ image, patch }: { readonly image: readonly number[]; readonly patch: number }) {
  if (image.every((side) => side % patch === 0)) return undefined;
  const message = `patch must divide height and width: ${image.join(' × ')} pixels, patches of ${patch}`;
  return { code: 'custom' as const, input: patch, path: ['patch'], message };
}

/**
 * The shape of an encoder of patches alone, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * patchEncoderOptions.parse({ image: [28, 28], channels: 1, patch: 7, width: 256 });
 */
export const patchEncoderOptions = z
  .strictObject({
    ...imageShape,
    width: size('features of a token'),
    initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
  })
  .check(({ value, issues }) => {
    const cut = patchIssue(value);
    if (cut) issues.push(cut);
  });

/** What a user writes. */
export type PatchEncoderOptions = z.input<typeof patchEncoderOptions>;

/**
 * The shape of a Vision Transformer, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * vitOptions.parse({ image: [28, 28], channels: 1, patch: 4, layers: 6, width: 96, heads: 4 });
 */
export const vitOptions = z
  .strictObject({
    ...imageShape,
    layers: size('number of blocks'),
    width: size('size of the residual stream, in features'),
    heads: size('number of heads; divides width'),
    hidden: size('hidden size of the MLP, in features; 4 width unless given').optional(),
    mlp: z.enum(['geluExact', 'gelu', 'relu']).default('geluExact').describe('the position-wise network'),
    normEpsilon: z.number().positive().default(1e-12).describe('added to the variance in a norm'),
    initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
    ...leftOutShape,
  })
  .check(({ value, issues }) => {
    const cut = patchIssue(value);
    if (cut) issues.push(cut);
    const { width, heads } = value;
    if (width % heads === 0) return;
    const message = `heads must divide width: ${width} / ${heads} is not whole`;
    issues.push({ code: 'custom', input: heads, path: ['heads'], message });
  });

/** What a user writes. */
export type ViTOptions = z.input<typeof vitOptions>;

/** A Vision Transformer's shape with nothing left open. Plain JSON. */
export interface ViTConfig extends z.output<typeof vitOptions> {
  readonly hidden: number;
}

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function vitConfig(options: ViTOptions): ViTConfig {
  const parsed = parseOptions('vit', vitOptions, options);
  return { ...parsed, hidden: parsed.hidden ?? mlps[parsed.mlp].hidden(parsed.width) };
}
