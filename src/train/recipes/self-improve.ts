import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { fold } from '../../engine/key.js';
import { flatten } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import { canonicalJson, hash } from '../../files.js';
import type { Json } from '../../files.js';
import type { Lora } from '../../model/lora.js';
import { weightHash } from '../../model/model.js';
import type { Model } from '../../model/model.js';
import { parseOptions } from '../../model/parse-options.js';
import { startRollouts } from '../../model/rollout.js';
import type { AnswerTokens } from '../../model/rollout.js';
import type { DecoderWeights } from '../../model/weights.js';
import type { Chat } from '../../tokens/chat.js';
import type { Order } from '../../tokens/chat-template.js';
import { parseConversation } from '../../tokens/conversation.js';
import type { AnsweredRow } from '../../tokens/conversation-of.js';
import { checkpointNames, stepOf } from '../checkpoints/checkpoint-state.js';
import { scoreAnswers } from '../reinforce/reward.js';
import type { Reward } from '../reinforce/reward.js';
import { checkChat } from './check-chat.js';
import { fineTune } from './fine-tune.js';
import { encodeProblems } from './problems.js';
import type { EncodedProblem, Problem } from './problems.js';
import { recipe } from './recipe.js';
import type { RecipeOptions } from './recipe.js';
import { keepAnswers } from './self-improvement/keep-answers.js';
import type { KeepOptions, KeptAnswers, ScoredAnswer } from './self-improvement/keep-answers.js';
import { openRounds } from './self-improvement/round-folder.js';
import type { RoundFolder } from './self-improvement/round-folder.js';
import { bestRound } from './self-improvement/rounds.js';
import type { ImprovementRound } from './self-improvement/rounds.js';
import { writersOf } from './self-improvement/round-writers.js';

/** What self-improvement needs beside the model. The numbers of a recipe, such as `epochs`, are those of the training of each round. */
export interface SelfImproveOptions<O extends Order, Answer> extends RecipeOptions {
  readonly chat: Chat<O>;
  readonly problems: readonly Problem<O, Answer>[];
  /** Problems that are not trained on: their score decides which round is the best. */
  readonly heldOut: readonly Problem<O, Answer>[];
  /** Says what an answer is worth, such as `exactAnswer()`. */
  readonly verify: Reward<Answer>;
  readonly rounds: number;
  /** Rounds without a better held-out score after which it ends. Default: 1. */
  readonly patience?: number;
  /** Answers that are written to each problem in a round. */
  readonly answersPerProblem: number;
  /** Tokens of an answer, at most; one that is not ended by then is not learnt. */
  readonly maxTokens: number;
  /** That answers are drawn at. Default: 1. */
  readonly temperature?: number;
  /** Answers that are written at a time. Default: 64. */
  readonly rolloutBatch?: number;
  /** Which of the answers are learnt from. Default: right ones, each once, at most 4 a problem. */
  readonly keep?: KeepOptions;
  /**
   * What each round is trained on: the model that was given (`base`, as STaR does, so that mistakes and over-fitting do not pile up), or
   * the one of the round before (`last`, as ReST does). Answers are always written by the round before. Default: `base`.
   */
  readonly start?: 'base' | 'last';
  /** Rows that each round learns too, such as those that the model was tuned on. */
  readonly supervised?: readonly AnsweredRow<O>[];
  /** Trains an adapter in each round, and merges it. Default: all weights are trained. */
  readonly adapter?: Lora;
  /** Receives the record of each round, round 0 too, when it is done. */
  readonly onRound?: (record: ImprovementRound) => void;
}

/** What self-improvement gives. */
export interface SelfImproved {
  /** That of the best round; the model that was given, if no round was better. */
  readonly model: Model;
  readonly best: ImprovementRound;
  /** The lineage, from round 0, the model that was given. */
  readonly rounds: readonly ImprovementRound[];
}

const numbersSchema = z.object({
  rounds: z.int().positive(),
  patience: z.int().positive(),
  answersPerProblem: z.int().positive(),
  maxTokens: z.int().positive(),
  temperature: z.number().positive(),
  rolloutBatch: z.int().positive(),
  keep: z.object({
    atLeast: z.number().optional(),
    perProblem: z.int().positive().optional(),
    prefer: z.enum(['drawn', 'shortest', 'best']).optional(),
  }),
  start: z.enum(['base', 'last']),
});

/**
 * A model learns from its own right answers, round by round: it writes answers to problems, they are verified, the right ones are kept, it
 * is fine-tuned on them, and held-out problems say whether it has become better. Ends when they no longer do. Zelikman 2022, STaR
 * (2203.14465); Gulcehre 2023, ReST (2308.08998), with `start: 'last'` and a reward as `verify`; one round is rejection sampling
 * fine-tuning, Yuan 2023 (2308.01825).
 *
 * With `checkpoints` each round has a folder: a run that was killed, in a round or between two, and is started again with the same options
 * ends with the same weights, to the bit. `metrics` count the steps of all rounds through; each ends with a row that has `round`,
 * `heldOutScore`, `verified` and `kept`. Events of `on` are those of each round's training.
 *
 * @throws TrainbookError before anything is written, if an option is out of range, a problem is not in the template's order or leaves no
 *   room, or the folder is another run's; if no answer of round 1 is right, or `verify` throws or gives no finite number; and as `fineTune`.
 * @example
 * const { model, rounds } = await selfImprove(sft, {
 *   chat,
 *   problems,
 *   heldOut,
 *   verify: exactAnswer(),
 *   rounds: 5,
 *   answersPerProblem: 8,
 *   maxTokens: 48,
 *   epochs: 2,
 *   batchSize: 16,
 *   learningRate: 1e-4,
 *   key: key(1),
 * });
 */
export function selfImprove<O extends Order, Answer>(
  base: Model,
  options: SelfImproveOptions<O, Answer>,
): Promise<SelfImproved> {
  return improveBy(startRollouts, base, options);
}

/** The same, with answers written in a way that is given. */
export async function improveBy<O extends Order, Answer>(
  writing: typeof startRollouts,
  base: Model,
  options: SelfImproveOptions<O, Answer>,
): Promise<SelfImproved> {
  const setting = settingOf(base, options);
  const { group, checkpoints, metrics, onRound, patience = 1 } = options;
  const folder =
    checkpoints === undefined
      ? undefined
      : await openRounds(checkpoints, await runOf(base, options, setting), (group?.index ?? 0) === 0);
  const rounds: ImprovementRound[] = (await folder?.records()) ?? [];
  const models = new Map<number, Model>([[0, base]]);
  const modelOf = async (round: number): Promise<Model> => {
    const model = models.get(round) ?? (await folder?.model(round, base.architecture));
    if (model === undefined) throw new Error(`internal: the model of round ${round} is gone`);
    models.set(round, model);
    return model;
  };
  const writers = writersOf(writing, base, options);
  const scored = async (answers: Promise<AnswerTokens[][]>, problems: Problems<Answer>): Promise<JudgedAnswer[]> =>
    scoresOf(await answers, problems, options);
  const right = async (weights: DecoderWeights, round: number): Promise<KeptAnswers> => {
    const answers = await scored(writers.drawn(weights, setting.problems, round), setting.problems);
    const whole = answers.filter((answer) => answer.whole);
    return keepAnswers(
      whole.map(({ problem, completion, score }) => ({ problem, completion, score })),
      options.keep,
    );
  };
  const heldOutScore = async (model: Model): Promise<number> => {
    const scores = await scored(writers.greedy(model.weights, setting.heldOut), setting.heldOut);
    return scores.reduce((sum, { score }) => sum + score, 0) / setting.heldOut.length;
  };
  const finish = async (record: ImprovementRound): Promise<void> => {
    rounds.push(record);
    const needed = [bestRound(rounds).round, record.round];
    await folder?.finish(record, needed);
    for (const [round, model] of models) {
      if (round === 0 || needed.includes(round)) continue;
      tf.dispose(flatten<tf.Tensor>(model.weights));
      models.delete(round);
    }
    const steps = rounds.reduce((sum, { steps }) => sum + steps, 0);
    metrics?.(steps, {
      round: record.round,
      heldOutScore: record.heldOutScore,
      ...(record.generated > 0 && {
        verified: record.verified / record.generated,
        kept: record.kept / record.generated,
      }),
    });
    onRound?.(record);
  };
  try {
    if (rounds.length === 0) {
      await finish({ ...nothing, heldOutScore: await heldOutScore(base), weightsHash: await weightHash(base) });
    }
    while (rounds.length <= options.rounds && rounds.length - 1 - bestRound(rounds).round < patience) {
      const round = rounds.length;
      const writer = await modelOf(round - 1);
      const answers = (await folder?.answers(round)) ?? (await right(writer.weights, round));
      await folder?.keepAnswers(round, answers);
      if (answers.kept.length === 0) {
        if (round === 1) throw nothingRight(setting.problems.length * options.answersPerProblem);
        break; // there is nothing more to learn from
      }
      const start = options.start === 'last' ? round - 1 : 0;
      const { model, steps } = await learn(await modelOf(start), answers, { options, rounds, folder });
      await folder?.keepModel(round, model);
      models.set(round, model);
      const { verified, distinct, solved, kept } = answers;
      await finish({
        round,
        writer: round - 1,
        start,
        generated: setting.problems.length * options.answersPerProblem,
        verified,
        distinct,
        kept: kept.length,
        solved,
        steps,
        heldOutScore: await heldOutScore(model),
        dataHash: hash(canonicalJson(kept as unknown as Json)),
        weightsHash: await weightHash(model),
      });
    }
    const best = bestRound(rounds);
    const model = await modelOf(best.round);
    models.delete(best.round);
    models.delete(0); // the caller's
    for (const { weights } of models.values()) tf.dispose(flatten<tf.Tensor>(weights));
    return { model, best, rounds };
  } finally {
    writers.dispose();
  }
}

/** The record of the model that was given, but for its score and hash. */
const nothing = {
  ...{ round: 0, writer: null, start: null, dataHash: '' },
  ...{ generated: 0, verified: 0, distinct: 0, kept: 0, solved: 0, steps: 0 },
};

type Problems<Answer> = readonly EncodedProblem<Answer>[];

interface Setting<Answer> {
  readonly problems: Problems<Answer>;
  readonly heldOut: Problems<Answer>;
  /** Of the training of a round. */
  readonly numbers: Json;
}

/** Checks all options; nothing is written yet. */
function settingOf<O extends Order, Answer>(
  { architecture }: Model,
  options: SelfImproveOptions<O, Answer>,
): Setting<Answer> {
  const { chat, rounds, patience = 1, answersPerProblem, maxTokens, temperature = 1, rolloutBatch = 64 } = options;
  const { keep = {}, start = 'base' } = options;
  const counts = { rounds, patience, answersPerProblem, maxTokens, temperature, rolloutBatch, keep, start };
  const parsed = parseOptions('selfImprove', numbersSchema, counts, 'SelfImproveOptions');
  const { plan, numbers } = recipe('selfImprove', options);
  const { evaluateEvery: _evaluate, heldOutRows: _rows, checkpointEvery: _every, keepLast: _keep, ...training } = plan;
  checkChat('selfImprove', architecture, chat);
  const room = { architecture, maxTokens: maxTokens + 1 }; // an answer is learnt with its last token, which is read then
  const { rounds: _rounds, patience: _patience, ...deciding } = parsed; // more rounds may be asked for later
  return {
    problems: encodeProblems('selfImprove: problem', chat, options.problems, room),
    heldOut: encodeProblems('selfImprove: held-out problem', chat, options.heldOut, room),
    numbers: JSON.parse(JSON.stringify({ ...deciding, training, numbers })) as Json,
  };
}

/** What identifies a run. */
async function runOf<O extends Order, Answer>(
  base: Model,
  { chat, supervised = [], adapter, key, learningRate }: SelfImproveOptions<O, Answer>,
  { problems, heldOut, numbers }: Setting<Answer>,
): Promise<string> {
  const told = (some: Problems<Answer>): unknown => some.map(({ tokens, answer }) => [[...tokens], answer]);
  const parts = {
    base: await weightHash(base),
    template: chat.template.name,
    problems: told(problems),
    heldOut: told(heldOut),
    supervised,
    adapter: adapter?.config ?? null,
    numbers,
    learningRate,
    key: [...key.words],
  };
  return hash(JSON.stringify(parts));
}

/** An answer that can be learnt is whole: a stop token has ended it, and there are no special tokens in it. */
type JudgedAnswer = ScoredAnswer & { readonly whole: boolean };

/** What answers are worth. */
function scoresOf<O extends Order, Answer>(
  answers: readonly (readonly AnswerTokens[])[],
  problems: Problems<Answer>,
  { chat, verify }: SelfImproveOptions<O, Answer>,
): JudgedAnswer[] {
  const special = new Set(chat.tokenizer.special.values());
  const written = answers.flatMap((own, problem) => {
    const { text, answer } = problems[problem] as EncodedProblem<Answer>;
    return own.map(({ tokens, stopped }) => {
      const content = stopped ? tokens.subarray(0, -1) : tokens;
      const whole = stopped && !content.some((token) => special.has(token));
      return { problem, whole, prompt: text, completion: chat.tokenizer.decode(content), answer };
    });
  });
  const { verify: scores } = scoreAnswers({ verify }, written);
  return written.map(({ problem, whole, completion }, index) => {
    return { problem, completion, score: scores[index] ?? NaN, whole };
  });
}

/** The training of a round. */
async function learn<O extends Order, Answer>(
  start: Model,
  { kept }: KeptAnswers,
  {
    options,
    rounds,
    folder,
  }: {
    readonly options: SelfImproveOptions<O, Answer>;
    readonly rounds: readonly ImprovementRound[];
    readonly folder: RoundFolder | undefined;
  },
): Promise<{ readonly model: Model; readonly steps: number }> {
  const { chat, supervised = [], adapter, key, metrics, on, ...others } = options;
  const { template } = chat;
  const conversations = kept.map(({ problem, completion }) => {
    const { prompt } = options.problems[problem] as Problem<O, Answer>;
    return parseConversation(template, [...prompt, { role: template.order.answer, content: completion }]);
  });
  const before = rounds.reduce((sum, { steps }) => sum + steps, 0);
  let steps = 0;
  const { heldOut: _problems, checkpoints: _folder, ...training } = others;
  const model = await fineTune(start, {
    ...training,
    chat,
    data: [...conversations, ...supervised],
    answers: 'last',
    key: fold(fold(key, 'training'), rounds.length),
    ...(adapter && { adapter }),
    ...(folder && { checkpoints: folder.training(rounds.length) }),
    ...(metrics && {
      metrics: (step: number, row: Record<string, number>) => {
        metrics(before + step, row);
      },
    }),
    on: (event) => {
      if (event.type === 'end') steps = event.step;
      on?.(event);
    },
  });
  if (steps > 0 || folder === undefined) return { model, steps };
  const [newest] = await checkpointNames(folder.training(rounds.length)); // an earlier process had done all steps
  return { model, steps: newest === undefined ? 0 : stepOf(newest) };
}

function nothingRight(generated: number): TrainbookError {
  return new TrainbookError({
    what: 'selfImprove: none of the answers of round 1 is right, so there is nothing to learn from',
    received: `${generated} answers`,
    expected: 'at least one that verify gives keep.atLeast, and that a stop token ends within maxTokens',
    fix: 'fine-tune the model on some answers first, take easier problems, or raise answersPerProblem or maxTokens',
  });
}
