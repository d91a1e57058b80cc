import * as tf from '@tensorflow/tfjs';
import { fold } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import type { Lora } from '../../model/lora.js';
import { weightHash } from '../../model/model.js';
import type { Model } from '../../model/model.js';
import { startRollouts } from '../../model/rollout.js';
import type { Chat } from '../../tokens/chat.js';
import type { Order } from '../../tokens/chat-template.js';
import { numberOfPieces } from '../accumulate.js';
import { judgeAnswers } from '../reinforce/judge.js';
import type { JudgedRewards } from '../reinforce/judge.js';
import type { RewardWeights } from '../reinforce/multi-reward.js';
import { checkChat } from './check-chat.js';
import { recipe } from './recipe.js';
import type { RecipeOptions, RecipeParts } from './recipe.js';
import { answerEvaluation } from './reinforcement/evaluate-answers.js';
import type { ReinforceMethod, ToldAnswers } from './reinforcement/method.js';
import { encodeProblems } from './problems.js';
import type { EncodedProblem, Problem } from './problems.js';
import { problemLoader } from './reinforcement/problems.js';
import type { ReinforceSample } from './reinforcement/samples.js';
import { answerMetrics } from './reinforcement/score-groups.js';
import { answerWriter, judgedAt } from './reinforcement/write-answers.js';
import { wholeModel, withLora } from './trainee.js';
import type { Trainee } from './trainee.js';

/** What reinforcement learning needs beside the model. `batchSize` counts problems, `steps` updates, `microBatch` answers. */
export interface ReinforceOptions<O extends Order, Answer, Name extends string> extends RecipeOptions {
  readonly chat: Chat<O>;
  readonly problems: readonly Problem<O, Answer>[];
  /** Problems that are not trained on, answered greedily every `evaluateEvery` steps. */
  readonly heldOut?: readonly Problem<O, Answer>[];
  /** Functions of an answer, or judges of many, by name. */
  readonly rewards: JudgedRewards<Name, Answer>;
  /** How much each reward counts. Default: 1. */
  readonly weights?: RewardWeights<NoInfer<Name>>;
  /** `grpo(…)` or `ppo(…)`. */
  readonly method: ReinforceMethod;
  /** Tokens of an answer, at most. */
  readonly maxTokens: number;
  /** That answers are drawn at. What is learnt is the policy at this temperature, of all tokens: it is not cut as by topP. Default: 1. */
  readonly temperature?: number;
  /** Trains an adapter beside the model, and merges it. Default: all weights are trained. */
  readonly adapter?: Lora;
  /** Answers that are written at a time. Default: those of a step. */
  readonly rolloutBatch?: number;
  /** Receives the answers of a step that this process has written. */
  readonly onSamples?: (step: number, samples: readonly ReinforceSample<Answer, Name>[]) => void;
  /** Updates between two of them. Default: 20. */
  readonly samplesEvery?: number;
}

/**
 * Trains a model on what its own answers earn: it answers problems with the weights of the moment, rewards say what each answer is worth,
 * and a step makes the better ones more likely. Gives the model with the weights after the last step; the model given stays as it is.
 *
 * Beside the loss, each batch of answers has a row of metrics: `reward` and its deviation, each reward by name, the length of answers
 * (`answerTokens`), the share that a stop token ended (`stopped`), the share of groups that vary, `rolloutSeconds` and
 * `rolloutTokensPerSecond`; `entropy` and KL as the method says. Held-out problems have `heldOut.…` by reward.
 *
 * All that is drawn follows from the key, the step and the place of a problem in its batch: a run that was killed and is started again
 * ends with the same weights, and several processes write the answers that one would.
 *
 * @throws TrainbookError before training if an option is out of range, there are no problems, one leaves no room for an answer, chat and
 *   model do not fit, or a reward cannot score an empty answer; while training, with the step, if a reward throws or gives no finite number.
 * @example
 * const reasoning = await reinforce(sft, {
 *   chat,
 *   problems,
 *   rewards: { correct: exactAnswer(), format: hasFormat(taggedFormat('think', 'answer')) },
 *   weights: { correct: 1, format: 0.2 },
 *   method: grpo({ groupSize: 8 }),
 *   maxTokens: 48,
 *   steps: 200,
 *   batchSize: 16,
 *   learningRate: 1e-5,
 *   key,
 * });
 */
export async function reinforce<O extends Order, Answer, Name extends string>(
  model: Model,
  options: ReinforceOptions<O, Answer, Name>,
): Promise<Model> {
  const parts = recipe('reinforce', options);
  const { chat, maxTokens, adapter, rewards, method } = options;
  const { architecture } = model;
  checkChat('reinforce', architecture, chat);
  checkNumbers(options, parts);
  const problems = encodeProblems('reinforce: problem', chat, options.problems, { architecture, maxTokens });
  const heldOut =
    options.heldOut && encodeProblems('reinforce: heldOut', chat, options.heldOut, { architecture, maxTokens });
  await checkRewards(rewards, problems);
  const identity: Json = {
    architecture: { ...architecture.config } as Json,
    numbers: parts.numbers,
    method: { name: method.name, ...method.config },
    rewards: weightsOf(options),
    maxTokens,
    temperature: options.temperature ?? 1,
    stops: [...chat.stops],
    ...(adapter && { adapter: JSON.parse(JSON.stringify(adapter.config)) as Json }),
    // Without an adapter the first weights are those that are trained, which a run knows.
    ...(adapter && parts.checkpoints !== undefined && { base: await weightHash(model) }),
  };
  const given = { model, options, parts, problems, heldOut, identity };
  return adapter === undefined
    ? trainWith(() => wholeModel(model), given)
    : trainWith((name) => withLora(model, adapter, fold(parts.key, name)), given);
}

interface Given<O extends Order, Answer, Name extends string> {
  readonly model: Model;
  readonly options: ReinforceOptions<O, Answer, Name>;
  readonly parts: RecipeParts;
  readonly problems: readonly EncodedProblem<Answer>[];
  readonly heldOut: readonly EncodedProblem<Answer>[] | undefined;
  readonly identity: Json;
}

async function trainWith<Weights, O extends Order, Answer, Name extends string>(
  traineeOf: (name: string) => Trainee<Weights>,
  { model, options, parts, problems, heldOut, identity }: Given<O, Answer, Name>,
): Promise<Model> {
  const { chat, rewards, method, maxTokens, temperature = 1, onSamples, samplesEvery = 20, metrics } = options;
  const { groupSize, updates, draws, overlong } = method;
  const { plan, group } = parts;
  const weights = weightsOf(options);
  const trainee = traineeOf('policy');
  const batchSize = options.rolloutBatch ?? (plan.batchSize / (group?.size ?? 1)) * groupSize;
  const writing = { batchSize, maxTokens, stops: chat.stops, target: parts.target };
  const rollouts = startRollouts(trainee.policy, { ...writing, temperature });
  const greedy = heldOut && startRollouts(trainee.policy, { ...writing, temperature: 0 });
  try {
    return await method.train<Weights, Answer, Name>({
      model,
      trainee,
      another: traineeOf,
      parts,
      temperature,
      scoring: {
        weights,
        maxTokens,
        overlongBuffer: typeof overlong === 'object' ? overlong.buffer : undefined,
        group,
      },
      longest: Math.max(...problems.map(({ tokens }) => tokens.length)) + maxTokens,
      data: (loaderOptions) => problemLoader(problems, loaderOptions, draws),
      write: answerWriter({ rollouts, chat, problems, rewards, groupSize, key: fold(parts.key, 'rollouts') }),
      evaluate: greedy && answerEvaluation({ rollouts: greedy, chat, problems: heldOut, rewards, weights, group }),
      tell: (step, told) => {
        metrics?.(step, { ...answerMetrics(told.scored, told.rolloutSeconds), ...told.metrics });
        // The first batch of answers at or after each so-manieth step.
        if ((step - 1) % samplesEvery < updates) onSamples?.(step, samplesOf(told));
      },
      identity,
    });
  } finally {
    rollouts.dispose();
    greedy?.dispose();
    // A training copies its first weights; those of an adapter are nobody else's.
    if (options.adapter !== undefined) tf.dispose(trainee.trainable.weights as tf.TensorContainer);
  }
}

function samplesOf<Answer, Name extends string>({
  groups,
  totals,
  advantages,
}: ToldAnswers<Answer, Name>): ReinforceSample<Answer, Name>[] {
  return groups.flatMap((answers, group) =>
    answers.map(({ sample, problem, tokens, stopped, rewards }, member) => ({
      ...sample,
      problem,
      numTokens: tokens.length,
      stopped,
      rewards,
      reward: totals[group]?.[member] ?? NaN,
      advantage: advantages[group]?.[member] ?? NaN,
    })),
  );
}

function weightsOf<O extends Order, Answer, Name extends string>({
  rewards,
  weights,
}: ReinforceOptions<O, Answer, Name>): Record<Name, number> {
  const names = Object.keys(rewards) as Name[];
  return Object.fromEntries(names.map((name) => [name, weights?.[name] ?? 1])) as Record<Name, number>;
}

function checkNumbers<O extends Order, Answer, Name extends string>(
  {
    maxTokens,
    temperature = 1,
    rolloutBatch = 1,
    samplesEvery = 1,
    rewards,
    method,
  }: ReinforceOptions<O, Answer, Name>,
  { plan, group }: RecipeParts,
): void {
  const refuse = (what: string, received: number | string, expected: string): never => {
    throw new TrainbookError({ what: `reinforce: ${what}`, received, expected });
  };
  for (const [name, value] of Object.entries({ maxTokens, rolloutBatch, samplesEvery })) {
    if (!Number.isInteger(value) || value < 1) refuse(`${name} is out of range`, value, 'an integer > 0');
  }
  if (!(temperature > 0 && temperature < Infinity)) {
    refuse('temperature is out of range', temperature, 'a number > 0: at 0 all answers to a problem are the same');
  }
  if (Object.keys(rewards).length === 0) refuse('there is no reward', '{}', 'at least one, such as exactAnswer()');
  if (plan.steps !== undefined && plan.steps % method.updates !== 0) {
    refuse(
      'the last answers would not be learnt from as often',
      `${plan.steps} steps`,
      `a multiple of ${method.updates}, the updates of ${method.name}`,
    );
  }
  const buffer = typeof method.overlong === 'object' ? method.overlong.buffer : 1;
  if (buffer > maxTokens) refuse('overlong.buffer is longer than an answer', buffer, `at most maxTokens, ${maxTokens}`);
  const size = group?.size ?? 1;
  if (plan.batchSize % size === 0) numberOfPieces((plan.batchSize / size) * method.groupSize, plan.microBatch);
}

/** @throws TrainbookError if a reward cannot say what an empty answer to the first problem is worth. */
async function checkRewards<Answer, Name extends string>(
  rewards: JudgedRewards<Name, Answer>,
  [first]: readonly EncodedProblem<Answer>[],
): Promise<void> {
  if (first === undefined) return;
  const { text, answer } = first;
  await judgedAt('before training', () => judgeAnswers(rewards, [{ prompt: text, completion: '', answer }]));
}
