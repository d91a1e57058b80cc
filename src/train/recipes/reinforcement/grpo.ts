import { z } from 'zod';
import type { Model } from '../../../model/model.js';
import { parseOptions } from '../../../model/parse-options.js';
import { TrainbookError } from '../../../error.js';
import type { Json } from '../../../files.js';
import type { Preparation } from '../../feed.js';
import { answerBatch } from '../../objectives/policy/answer-batch.js';
import { grpoObjective } from '../../objectives/policy/grpo.js';
import type { GroupBatch } from '../../objectives/policy/grpo.js';
import { tokenPass } from '../../objectives/policy/token-pass.js';
import { tokenLogProbabilities } from '../../objectives/token-log-probabilities.js';
import { groupAdvantages } from '../../reinforce/group-advantages.js';
import { decoupledAdvantages } from '../../reinforce/multi-reward.js';
import { trainOnPolicy } from '../../train.js';
import { ownGroups } from './gather-groups.js';
import { overlongOption } from './method.js';
import type { ReinforceMethod, ReinforceTask } from './method.js';
import type { ProblemBatch } from './problems.js';
import { scoreGroups, varies } from './score-groups.js';
import type { ScoredGroups } from './score-groups.js';
import { withModel } from './trained-model.js';
import type { AnswerGroup } from './write-answers.js';

/** GRPO and its variants, as an experiment writes it; unknown keys are refused. */
export const grpoOptions = z.strictObject({
  groupSize: z.int().min(2, 'a group has at least 2 answers to compare').default(8).describe('answers to each problem'),
  clipLow: z.number().positive().lt(1).default(0.2).describe('a ratio below 1 − clipLow earns no more'),
  clipHigh: z
    .number()
    .positive()
    .optional()
    .describe('a ratio above 1 + clipHigh earns no more; as clipLow unless given. DAPO (2503.14476): 0.28'),
  ratioOf: z
    .enum(['token', 'answer'])
    .default('token')
    .describe(
      'whether each token has its ratio or each answer one: GSPO (2507.18071), with clipLow 3e-4, clipHigh 4e-4',
    ),
  beta: z
    .number()
    .nonnegative()
    .default(0)
    .describe(
      'what a nat of KL to the first model costs: 0.04 in GRPO (2402.03300). By default nothing, as in Dr. GRPO and DAPO: a reward that is verified is not deceived by leaving it, and it costs a forward pass',
    ),
  scale: z
    .enum(['group', 'batch', 'none'])
    .default('group')
    .describe(
      'what advantages are divided by: the deviation of the group, of the batch, or nothing: Dr. GRPO (2503.20783)',
    ),
  mean: z
    .union([z.enum(['tokens', 'answers']), z.strictObject({ constantLength: z.number().positive() })])
    .default('tokens')
    .describe('tokens: DAPO; answers: GRPO, each token of a long one counts less; constantLength: Dr. GRPO'),
  decoupled: z
    .boolean()
    .default(false)
    .describe('normalise each reward by itself before they are weighed and added: GDPO (2601.05242)'),
  updates: z.int().positive().default(1).describe('steps that learn from the same answers: μ in GRPO'),
  overlong: overlongOption.optional().describe('what is done about answers that are cut off; nothing unless given'),
  dynamicSampling: z
    .strictObject({
      draws: z.int().positive().describe('problems that may be tried, as a multiple of those that a step needs'),
    })
    .optional()
    .describe(
      'learn only of groups whose answers earn differently, and try others in place of the rest: DAPO, section 3.2',
    ),
});

/** What a user writes. */
export type GrpoOptions = z.input<typeof grpoOptions>;

type GrpoConfig = z.output<typeof grpoOptions>;

/**
 * Group relative policy optimisation: an answer is worth what it earns above the mean of the answers to the same problem, and no critic is
 * needed. Shao 2024, "DeepSeekMath" (2402.03300). With options also Dr. GRPO: Liu 2025 (2503.20783); DAPO: Yu 2025 (2503.14476); GSPO:
 * Zheng 2025 (2507.18071).
 *
 * With `dynamicSampling` a step reads `draws` times as many problems, and tries them in their order until it has enough groups; what it
 * did not need is passed over in this epoch. In several processes only `draws: 1`: groups that do not vary are left out, and none is
 * tried in their place.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const method = grpo({ groupSize: 8, clipHigh: 0.28, scale: 'none', mean: { constantLength: 48 } });
 */
export function grpo(options: GrpoOptions = {}): ReinforceMethod {
  const config = parseOptions('grpo', grpoOptions, options);
  const { groupSize, updates, overlong, dynamicSampling } = config;
  return {
    name: 'grpo',
    config: JSON.parse(JSON.stringify(config)) as { [option: string]: Json },
    groupSize,
    updates,
    draws: dynamicSampling?.draws ?? 1,
    overlong,
    train: (task) => trainByGroups(config, task),
  };
}

async function trainByGroups<Weights, Answer, Name extends string>(
  config: GrpoConfig,
  task: ReinforceTask<Weights, Answer, Name>,
): Promise<Model> {
  const { trainee, parts, temperature, evaluate, identity } = task;
  checkProcesses(config, task);
  return withModel(trainee, async () => {
    const { weights } = await trainOnPolicy(trainee.trainable, {
      ...parts,
      objective: grpoObjective({
        clipLow: config.clipLow,
        ...(config.clipHigh !== undefined && { clipHigh: config.clipHigh }),
        ratioOf: config.ratioOf,
        mean: config.mean,
        beta: config.beta,
        temperature,
        severalUpdates: config.updates > 1,
      }),
      data: (options) => task.data(options),
      preparation: preparation(config, task),
      files: trainee.files,
      identity,
      ...(evaluate && { evaluate }),
    });
    return weights;
  });
}

function preparation<Weights, Answer, Name extends string>(
  config: GrpoConfig,
  task: ReinforceTask<Weights, Answer, Name>,
): Preparation<Weights, ProblemBatch, GroupBatch> {
  const { model, trainee, parts, temperature, longest, scoring } = task;
  const { target } = parts;
  const { microBatch, precision, lossChunks: chunks } = parts.plan;
  const passOptions = { microBatch, precision, target };
  const oldPass = tokenPass(
    'log-probabilities before the updates',
    (weights: Weights, tokens) => ({
      old: tokenLogProbabilities(trainee.trainable.architecture, weights, { ...tokens, temperature }, { chunks }),
    }),
    passOptions,
  );
  const referencePass = tokenPass(
    'log-probabilities of the reference',
    (weights: Model['weights'], tokens) => ({
      reference: tokenLogProbabilities(model.architecture, weights, { ...tokens, temperature }, { chunks }),
    }),
    passOptions,
  );
  return {
    steps: config.updates,
    prepare: async (problems, weights, step) => {
      const started = performance.now();
      const { written, chosen } = await writeEnough(config, task, { problems, weights, step });
      const rolloutSeconds = (performance.now() - started) / 1000;
      const scored = await scoreGroups(written, scoring);
      const learnt = chosen === written ? scored : await scoreGroups(chosen, scoring);
      const [advantages, totals] = [advantagesOf(config, learnt), learnt.totals].map((ofAll) =>
        ownGroups(ofAll, parts.group),
      ) as [number[][], number[][]];
      task.tell(step, { scored, rolloutSeconds, groups: chosen, totals, advantages });
      const counts = (group: number, stopped: boolean): boolean =>
        (config.overlong !== 'leave out' || stopped) &&
        (config.dynamicSampling === undefined || varies(totals[group] ?? []));
      const rows = chosen.flatMap((answers, group) =>
        answers.map(({ prompt, tokens, stopped }) => ({ prompt, tokens, counts: counts(group, stopped) })),
      );
      const batch = { ...answerBatch(rows, longest), advantages: Float32Array.from(advantages.flat()) };
      const full: GroupBatch = {
        ...batch,
        ...(config.updates > 1 && (await oldPass(weights, batch))),
        ...(config.beta > 0 && (await referencePass(model.weights, batch))),
      };
      return Array.from({ length: config.updates }, () => full);
    },
  };
}

function advantagesOf({ decoupled, scale }: GrpoConfig, { rewards, weights, totals }: ScoredGroups): number[][] {
  return decoupled ? decoupledAdvantages(rewards, weights) : groupAdvantages(totals, { scale });
}

/** All groups that were written, and as many as a step learns from: those that vary first, where that is asked for. */
async function writeEnough<Weights, Answer, Name extends string>(
  { dynamicSampling }: GrpoConfig,
  { write, scoring }: ReinforceTask<Weights, Answer, Name>,
  { problems, weights, step }: { readonly problems: ProblemBatch; readonly weights: Weights; readonly step: number },
): Promise<Record<'written' | 'chosen', readonly AnswerGroup<Answer, Name>[]>> {
  const { draws } = dynamicSampling ?? { draws: 1 };
  if (draws === 1) {
    const written = await write(weights, problems, step);
    return { written, chosen: written };
  }
  const needed = problems.rows.length / draws;
  const [varying, others]: [AnswerGroup<Answer, Name>[], AnswerGroup<Answer, Name>[]] = [[], []];
  for (let start = 0; start < problems.rows.length && varying.length < needed;) {
    const end = start + needed - varying.length;
    const [rows, places, prompts] = [problems.rows, problems.places, problems.prompts].map((all) =>
      all.slice(start, end),
    ) as [number[], number[], Int32Array[]];
    const written = await write(weights, { rows, places, prompts }, step);
    const { totals } = await scoreGroups(written, scoring);
    written.forEach((answers, index) => (varies(totals[index] ?? []) ? varying : others).push(answers));
    start = end;
  }
  return { written: [...varying, ...others], chosen: [...varying, ...others].slice(0, needed) };
}

function checkProcesses<Weights, Answer, Name extends string>(
  { dynamicSampling }: GrpoConfig,
  { parts: { group } }: ReinforceTask<Weights, Answer, Name>,
): void {
  if (group === undefined || group.size === 1 || (dynamicSampling?.draws ?? 1) === 1) return;
  throw new TrainbookError({
    what: 'grpo: several processes cannot try other problems, since each would choose for itself',
    received: `dynamicSampling.draws ${dynamicSampling?.draws ?? 1}, ${group.size} processes`,
    expected: 'draws: 1, which leaves out groups that do not vary, or one process',
  });
}
