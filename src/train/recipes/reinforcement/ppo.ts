import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { Json } from '../../../files.js';
import type { Model } from '../../../model/model.js';
import { parseOptions } from '../../../model/parse-options.js';
import { treeFiles } from '../../checkpoints/tree-files.js';
import type { Preparation } from '../../feed.js';
import { actorCritic, valueHead } from '../../objectives/policy/actor-critic.js';
import type { ActorCriticWeights } from '../../objectives/policy/actor-critic.js';
import { answerBatch } from '../../objectives/policy/answer-batch.js';
import { ppoObjective } from '../../objectives/policy/ppo.js';
import type { ActorCriticBatch } from '../../objectives/policy/ppo.js';
import { tokenPass } from '../../objectives/policy/token-pass.js';
import { tokenLogProbabilities } from '../../objectives/token-log-probabilities.js';
import { adaptiveKl } from '../../reinforce/adaptive-kl.js';
import { trainOnPolicy } from '../../train.js';
import { ownGroups } from './gather-groups.js';
import { overlongOption } from './method.js';
import type { ReinforceMethod, ReinforceTask } from './method.js';
import { counted, momentsTogether, whitened } from './moments.js';
import type { ProblemBatch } from './problems.js';
import { scoreGroups } from './score-groups.js';
import { tokenAdvantages } from './token-advantages.js';
import { withModel } from './trained-model.js';

/** PPO, as an experiment writes it; unknown keys are refused. */
export const ppoOptions = z.strictObject({
  groupSize: z.int().positive().default(1).describe('answers to each problem'),
  critic: z
    .enum(['own', 'shared'])
    .default('own')
    .describe('whether the critic has a trunk of its own (2009.01325) or a head on the policy’s (1909.08593)'),
  clip: z.number().positive().lt(1).default(0.2).describe('a ratio beyond 1 ± clip earns no more: PPO (1707.06347)'),
  discount: z.number().positive().max(1).default(1).describe('γ: what a reward one token later is worth'),
  smoothing: z.number().min(0).max(1).default(0.95).describe('λ of the advantages: GAE (1506.02438)'),
  kl: z
    .union([
      z.number().nonnegative(),
      z.strictObject({ initial: z.number().positive(), target: z.number().positive(), horizon: z.number().positive() }),
    ])
    .default(0.05)
    .describe('reward lost for a nat of KL to the first model; or one that follows the KL (1909.08593, section 2.2)'),
  valueClip: z
    .union([z.number().positive(), z.literal('none')])
    .default(0.2)
    .describe('a critic gains nothing by a step beyond it, in units of the rewards'),
  valueRate: z.number().positive().default(0.1).describe('how much the critic’s loss counts beside the policy’s'),
  updates: z.int().positive().default(4).describe('steps that learn from the same answers'),
  whiten: z
    .boolean()
    .default(true)
    .describe('whether advantages get mean 0 and deviation 1 over the tokens of a batch'),
  overlong: overlongOption.optional().describe('what is done about answers that are cut off; nothing unless given'),
});

/** What a user writes. */
export type PpoOptions = z.input<typeof ppoOptions>;

type PpoConfig = z.output<typeof ppoOptions>;

/**
 * Proximal policy optimisation with a critic that says, token by token, what is still to be earned. Schulman 2017 (1707.06347); for
 * language models Ziegler 2019 (1909.08593) and Stiennon 2020 (2009.01325). A KL to the first model is taken from the rewards of tokens.
 *
 * Metrics of each batch of answers, beside those of `reinforce`: `explainedVariance`, 1 − Var(R − V) / Var(R) over tokens, before the
 * updates; `klOfAnswer`, nats from the first model, and `klCoefficient`.
 *
 * @throws TrainbookError if an option is out of range.
 * @example
 * const method = ppo({ critic: 'shared', kl: { initial: 0.05, target: 6, horizon: 10_000 } });
 */
export function ppo(options: PpoOptions = {}): ReinforceMethod {
  const config = parseOptions('ppo', ppoOptions, options);
  const { groupSize, updates, overlong } = config;
  return {
    name: 'ppo',
    config: JSON.parse(JSON.stringify(config)) as { [option: string]: Json },
    groupSize,
    updates,
    draws: 1,
    overlong,
    train: (task) => trainActorCritic(config, task),
  };
}

async function trainActorCritic<Weights, Answer, Name extends string>(
  config: PpoConfig,
  task: ReinforceTask<Weights, Answer, Name>,
): Promise<Model> {
  const { model, trainee, parts, temperature, evaluate, identity } = task;
  const head = valueHead(model.architecture.config.width);
  const trunk = config.critic === 'own' ? task.another('critic').trainable.weights : undefined;
  const weights: ActorCriticWeights<Weights> = {
    policy: trainee.trainable.weights,
    critic: { head, ...(trunk !== undefined && { trunk }) },
  };
  try {
    return await withModel(trainee, async () => {
      const trained = await trainOnPolicy(
        { architecture: actorCritic(trainee.trainable.architecture), weights },
        {
          ...parts,
          objective: ppoObjective({
            clip: config.clip,
            valueClip: config.valueClip === 'none' ? Infinity : config.valueClip,
            valueRate: config.valueRate,
            temperature,
          }),
          data: (options) => task.data(options),
          preparation: preparation(config, task),
          files: treeFiles(weights),
          identity,
          ...(evaluate && { evaluate: ({ policy }: ActorCriticWeights<Weights>) => evaluate(policy) }),
        },
      );
      tf.dispose(trained.weights.critic as unknown as tf.TensorContainer);
      return trained.weights.policy;
    });
  } finally {
    tf.dispose(head);
    // An adapter's first weights are the critic's own; those of a whole model are the model's.
    if (trunk !== undefined && (trunk as unknown) !== model.weights) tf.dispose(trunk as tf.TensorContainer);
  }
}

function preparation<Weights, Answer, Name extends string>(
  config: PpoConfig,
  task: ReinforceTask<Weights, Answer, Name>,
): Preparation<ActorCriticWeights<Weights>, ProblemBatch, ActorCriticBatch> {
  const { model, trainee, parts, temperature, longest, scoring, write } = task;
  const { target, group } = parts;
  const { microBatch, precision, lossChunks: chunks } = parts.plan;
  const passOptions = { microBatch, precision, target };
  const architecture = actorCritic(trainee.trainable.architecture);
  const oldPass = tokenPass(
    'values and log-probabilities before the updates',
    (weights: ActorCriticWeights<Weights>, tokens) => {
      const { logProbabilities, values } = architecture.read(weights, { ...tokens, temperature }, { chunks });
      return { old: logProbabilities, values };
    },
    passOptions,
  );
  const referencePass = tokenPass(
    'log-probabilities of the reference',
    (weights: Model['weights'], tokens) => ({
      reference: tokenLogProbabilities(model.architecture, weights, { ...tokens, temperature }, { chunks }),
    }),
    passOptions,
  );
  const advantagesOf = tokenAdvantages({ discount: config.discount, smoothing: config.smoothing }, target);
  const controller = typeof config.kl === 'object' ? adaptiveKl(config.kl) : undefined;
  let coefficient = typeof config.kl === 'object' ? config.kl.initial : config.kl;
  return {
    steps: config.updates,
    memory: {
      now: () => ({ coefficient }),
      restore: (memory) => {
        ({ coefficient } = z.strictObject({ coefficient: z.number() }).parse(memory));
      },
    },
    prepare: async (problems, weights, step) => {
      const started = performance.now();
      const groups = await write(weights.policy, problems, step);
      const rolloutSeconds = (performance.now() - started) / 1000;
      const scored = await scoreGroups(groups, scoring);
      const totals = ownGroups(scored.totals, group);
      const rows = groups.flat().map(({ prompt, tokens, stopped }) => ({
        prompt,
        tokens,
        counts: config.overlong !== 'leave out' || stopped,
      }));
      const batch = answerBatch(rows, longest);
      const { mask, numRows, time } = batch;
      const { old, values } = await oldPass(weights, batch);
      const { reference } = coefficient > 0 ? await referencePass(model.weights, batch) : { reference: old };
      const seen = { scores: Float32Array.from(totals.flat()), old, reference, values };
      const { advantages: plain, returns, kl } = await advantagesOf(batch, seen, coefficient);
      const errors = returns.map((goal, place) => goal - (values[place] ?? NaN));
      const klOfAnswers = Array.from({ length: numRows }, (_, row) => sum(kl.subarray(row * time, (row + 1) * time)));
      const countedRows = klOfAnswers.filter((_, row) => rows[row]?.counts === true);
      const [ofAdvantages, ofReturns, ofErrors, ofKl] = await momentsTogether(
        [...[plain, returns, errors].map((numbers) => counted(numbers, mask)), countedRows],
        group,
      );
      if (!ofAdvantages || !ofReturns || !ofErrors || !ofKl) throw new Error('internal: moments are missing');
      const advantages = config.whiten ? whitened(plain, mask, ofAdvantages) : plain;
      task.tell(step, {
        scored,
        rolloutSeconds,
        groups,
        totals,
        advantages: meansOfGroups(advantages, mask, totals),
        metrics: {
          ...(ofReturns.variance > 0 && { explainedVariance: 1 - ofErrors.variance / ofReturns.variance }),
          ...(coefficient > 0 && { klOfAnswer: ofKl.mean, klCoefficient: coefficient }),
        },
      });
      if (controller !== undefined && ofKl.count > 0) {
        coefficient = controller.next(coefficient, { kl: ofKl.mean, numAnswers: ofKl.count });
      }
      const full: ActorCriticBatch = { ...batch, old, advantages, oldValues: values, returns };
      return Array.from({ length: config.updates }, () => full);
    },
  };
}

function sum(numbers: Float32Array): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The mean over the counted tokens of each answer, in the groups of `like`; 0 where none counts. */
function meansOfGroups(x: Float32Array, mask: Float32Array, like: readonly (readonly number[])[]): number[][] {
  const time = x.length / like.flat().length;
  let row = 0;
  return like.map((group) =>
    group.map(() => {
      const [from, to] = [row * time, ++row * time];
      return sum(x.subarray(from, to)) / Math.max(sum(mask.subarray(from, to)), 1);
    }),
  );
}
