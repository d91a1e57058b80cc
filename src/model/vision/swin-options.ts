import { z } from 'zod';
import { parseOptions, size } from '../parse-options.js';
import { patchGrid } from './patches.js';
import { imageShape, leftOutShape, patchIssue } from './vit-options.js';

const shape = {
  ...imageShape,
  overlap: z
    .int()
    .nonnegative()
    .default(0)
    .describe('pixels by which a patch reaches into its neighbours on each side: 0, or halves of a patch'),
  depths: z.array(z.int().positive()).min(1).readonly().describe('number of blocks of each stage'),
  heads: z.array(z.int().positive()).min(1).readonly().describe('number of heads of each stage; divides its width'),
  width: size('features of a token in the first stage; each further stage has twice as many'),
  window: size('side of a window of attention, in tokens'),
  mlpRatio: z.number().positive().default(4).describe('hidden size of an MLP, in widths'),
  mlp: z.enum(['geluExact', 'gelu', 'relu']).default('geluExact').describe('the position-wise network'),
  normEpsilon: z.number().positive().default(1e-5).describe('added to the variance in a norm'),
  initDeviation: z.number().positive().default(0.02).describe('standard deviation of the first weights'),
  ...leftOutShape,
};

/**
 * The shape of a Swin Transformer, as an experiment writes it; unknown keys are refused.
 *
 * @example
 * swinOptions.parse({ image: [28, 28], channels: 1, patch: 2, depths: [2, 4], heads: [3, 6], width: 48, window: 7 });
 */
export const swinOptions = z.strictObject(shape).check(({ value, issues }) => {
  const refuse = (key: keyof typeof shape, message: string): void => {
    issues.push({ code: 'custom', input: value[key], path: [key], message });
  };
  const cut = patchIssue(value);
  if (cut) {
    issues.push(cut);
    return;
  }
  const { depths, heads, width, window, patch, overlap } = value;
  if ((2 * overlap) % patch !== 0)
    refuse('overlap', `overlap must be so many halves of a patch: ${overlap} pixels, patches of ${patch}`);
  if (depths.length !== heads.length)
    refuse('heads', `as many as stages: ${depths.length} depths, ${heads.length} numbers of heads`);
  heads.forEach((own, stage) => {
    if ((width * 2 ** stage) % own !== 0)
      refuse('heads', `heads must divide width: ${width * 2 ** stage} / ${own} is not whole`);
  });
  depths.forEach((_, stage) => {
    const grid = patchGrid(value).map((side) => side / 2 ** stage);
    const size = windowSize(grid, window);
    if (grid.every((side) => Number.isInteger(side) && side % size === 0)) return;
    const rule = `the tokens of stage ${stage + 1}, ${grid.join(' × ')}, must be whole windows of ${size} × ${size}`;
    refuse('window', `${rule}; choose image, patch, window or fewer stages so that they are`);
  });
});

/** A stage with fewer tokens than a window has one window, of all of them. */
export function windowSize(grid: readonly number[], window: number): number {
  return Math.min(window, ...grid);
}

/** What a user writes. */
export type SwinOptions = z.input<typeof swinOptions>;

/** A Swin Transformer's shape with nothing left open. Plain JSON. */
export type SwinConfig = z.output<typeof swinOptions>;

/**
 * Checks the options and fills in what follows from them.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function swinConfig(options: SwinOptions): SwinConfig {
  return parseOptions('swin', swinOptions, options);
}

/** The sizes of one stage. */
export interface SwinStage {
  readonly depth: number;
  readonly heads: number;
  readonly width: number;
  readonly hidden: number;
  readonly grid: readonly [rows: number, columns: number];
  readonly window: number;
}

/** The stages of a config, from the first to the last: each has half the rows and columns of the one before, and twice the width. */
export function swinStages(config: SwinConfig): readonly SwinStage[] {
  const [rows, columns] = patchGrid(config);
  return config.depths.map((depth, stage) => {
    const grid = [rows / 2 ** stage, columns / 2 ** stage] as const;
    const width = config.width * 2 ** stage;
    return {
      depth,
      heads: config.heads[stage] ?? 1,
      width,
      hidden: Math.round(width * config.mlpRatio),
      grid,
      window: windowSize(grid, config.window),
    };
  });
}
