import { z } from 'zod';
import { size } from './parse-options.js';

/**
 * A mixture of experts in place of the MLP of blocks, as an experiment writes it. What is left out makes a Mixtral: softmax, gates that
 * add up to 1, no shared expert, no token dropped.
 *
 * @example
 * expertsOptions.parse({ number: 8, active: 2, hidden: 512 });
 */
export const expertsOptions = z.strictObject({
  number: size('experts of a block'),
  active: size('experts that each token goes through'),
  hidden: size(
    'hidden size of an expert, in features; many small ones are fine-grained experts (DeepSeekMoE, 2401.06066)',
  ),
  fromLayer: z.int().nonnegative().default(0).describe('the first layer, counted from 0, that has experts'),
  shared: z
    .strictObject({
      hidden: size('hidden size, in features'),
      gated: z.boolean().default(false).describe('whether what it adds is multiplied by σ(x g), as in Qwen2-MoE'),
    })
    .optional()
    .describe('an expert that all tokens go through'),
  scores: z
    .enum(['softmax', 'sigmoid'])
    .default('softmax')
    .describe('of all experts together, or of each by itself (DeepSeek-V3)'),
  normalised: z
    .boolean()
    .default(true)
    .describe('whether the gates of a token’s experts add up to 1 (norm_topk_prob), or are their scores'),
  scale: z.number().positive().default(1).describe('what the gates are multiplied by'),
  groups: z
    .strictObject({
      number: size('equal groups of experts; divides them'),
      active: size('groups that each token’s experts are chosen from: those whose two highest scores add up to most'),
    })
    .optional()
    .describe('experts are chosen from few groups of them (DeepSeek-V3)'),
  balancedBy: z
    .enum(['loss', 'bias'])
    .default('loss')
    .describe(
      'what keeps experts equally loaded: a part of the loss, or a bias that the choice alone sees (DeepSeek-V3)',
    ),
  capacity: z
    .number()
    .positive()
    .optional()
    .describe(
      'tokens that an expert takes at most, as a multiple of an even share; what is beyond is dropped, but not when generating; none is dropped unless given',
    ),
});

/** What a user writes. */
export type ExpertsOptions = z.input<typeof expertsOptions>;

/** Experts with nothing left open. */
export type ExpertsConfig = z.output<typeof expertsOptions>;

/** What is wrong with experts in a decoder of so many layers: the option, and a message. */
export function expertsIssues(
  { number, active, fromLayer, groups }: ExpertsConfig,
  layers: number,
): { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const issues: { readonly path: readonly string[]; readonly message: string }[] = [];
  if (active > number)
    issues.push({ path: ['active'], message: `there are ${number} experts, a token cannot go through ${active}` });
  if (fromLayer >= layers)
    issues.push({
      path: ['fromLayer'],
      message: `experts.fromLayer must be a layer: there are ${layers}, counted from 0; it is ${fromLayer}`,
    });
  if (groups === undefined) return issues;
  const inGroup = number / groups.number;
  if (!Number.isInteger(inGroup) || inGroup < 2)
    issues.push({
      path: ['groups', 'number'],
      message: `groups.number must divide the experts, with two or more in each: ${number} / ${groups.number}`,
    });
  if (groups.active > groups.number || groups.active * inGroup < active)
    issues.push({
      path: ['groups', 'active'],
      message: `${groups.active} of ${groups.number} groups must hold the ${active} experts of a token`,
    });
  return issues;
}
