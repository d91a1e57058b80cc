import { z } from 'zod';
import { parseOptions } from './parse-options.js';

/**
 * LoRA's options, as an experiment writes them; unknown keys are refused.
 *
 * Ranks of 8 to 64 and alpha of 2 to 4 times the rank are usual. With `scaling: 'root'` the same alpha weighs √rank times as much.
 *
 * @example
 * loraOptions.parse({ rank: 16, alpha: 32, dropout: 0.05, targets: ['q_proj', 'v_proj'] });
 */
export const loraOptions = z
  .strictObject({
    rank: z.int().positive().describe('inner size of the update A B; 8 to 64 is usual'),
    alpha: z
      .number()
      .positive()
      .optional()
      .describe('weight of the update; 2 to 4 times the rank is usual; 2 × rank unless given'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('share of the inputs of A left out while training; 0 to 0.1 is usual'),
    targets: z
      .union([z.literal('all-linear'), z.array(z.string().min(1)).min(1).readonly()])
      .describe('linear layers that get an update: names in Hugging Face’s files, or the ends of such names'),
    scaling: z
      .enum(['rank', 'root'])
      .default('rank')
      .describe('what the update is divided by: the rank (LoRA), or its root (rsLoRA)'),
    dora: z
      .boolean()
      .default(false)
      .describe('whether the length of each column of W is trained apart from its direction (DoRA)'),
  })
  .check(({ value, issues }) => {
    const refuse = (path: keyof typeof value, message: string): void => {
      issues.push({ code: 'custom', input: value[path], path: [path], message });
    };
    const { rank, alpha, targets, scaling } = value;
    if (Array.isArray(targets)) {
      if (targets.includes('all-linear')) refuse('targets', "'all-linear' stands alone, not in a list");
      if (new Set(targets).size < targets.length) refuse('targets', 'a name stands twice');
    }
    // A slip, such as an alpha of 1e3, would drown the model.
    const scale = (alpha ?? 2 * rank) / (scaling === 'root' ? Math.sqrt(rank) : rank);
    if (scale > maxScale)
      refuse(
        'alpha',
        `alpha must be at most ${maxScale} times ${scaling === 'root' ? '√rank' : 'rank'}: the update would be multiplied by ${scale}`,
      );
  });

/** Scales in use are 0.5 to 16; rsLoRA's default reaches this one at a rank of 1024. */
const maxScale = 64;

/** What a user writes. */
export type LoraOptions = z.input<typeof loraOptions>;

/** LoRA's options with nothing left open. Plain JSON. */
export interface LoraConfig extends z.output<typeof loraOptions> {
  readonly alpha: number;
}

/**
 * Checks the options and fills in alpha.
 *
 * @throws TrainbookError where a rule is broken; it names the option.
 */
export function loraConfig(options: LoraOptions): LoraConfig {
  const checked = parseOptions('lora', loraOptions, options);
  return { ...checked, alpha: checked.alpha ?? 2 * checked.rank };
}

/** s = alpha / rank, or alpha / √rank: what A B is multiplied by. */
export function loraScale({ rank, alpha, scaling }: LoraConfig): number {
  return alpha / (scaling === 'root' ? Math.sqrt(rank) : rank);
}

/**
 * Options that train 0.5 to 2 % of a model of 100 to 600 million parameters. `allLinear` does so for every family here; the others
 * touch attention alone, `queryValue` as in Hu 2021 and `fusedAttention` where files have query, key and value in one (GPT-2).
 */
export const loraPresets = {
  allLinear: { rank: 8, alpha: 16, targets: 'all-linear' },
  queryValue: { rank: 32, alpha: 64, targets: ['q_proj', 'v_proj'] },
  fusedAttention: { rank: 32, alpha: 64, targets: ['c_attn'] },
} satisfies Readonly<Record<string, LoraOptions>>;
