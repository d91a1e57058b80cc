import { fold, permutation } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import { TrainbookError } from '../../../error.js';
import type { RolloutPlan, AnswerTokens, Rollouts } from '../../../model/rollout.js';
import { emptyBatch, endless, listed } from '../../../tokens/loader.js';
import type { Batch, Loader, LoaderOptions } from '../../../tokens/loader.js';
import { mixedLoader } from '../../../tokens/mixed-loader.js';
import type { Preparation } from '../../feed.js';
import type { StudentBatch } from '../../objectives/distillation/student-rows.js';

/** The part of the batches that the student writes itself, with its weights of the moment. */
export interface OnPolicy extends Omit<RolloutPlan, 'batchSize'> {
  /** λ, in (0, 1]: the share of the rows of each batch. Agarwal 2023 finds 1 best, and 0.5 near it. */
  readonly share: number;
  /** What is answered, as tokens. */
  readonly prompts: readonly ArrayLike<number>[];
  /** Answers that are written at a time. Default: as many as a batch has. */
  readonly rolloutBatch?: number;
}

/** Prompts of a batch; numbers are their places in that of all processes. */
interface Prompts {
  readonly tokens: Int32Array[];
  readonly numbers: number[];
}

/** Rows of text, and prompts beside them. */
export interface OnPolicyRows {
  readonly text?: Batch;
  readonly prompts: Prompts;
}

/**
 * Batches with λ of their rows to be written. (Agarwal 2023 throws a coin for each batch; shares of each batch are as much in the long run, and
 * all batches have one shape.)
 *
 * @throws TrainbookError as `mixedLoader` and `loader`, or if there are no prompts.
 */
export function onPolicyLoader(
  { share, prompts }: OnPolicy,
  text: ((options: LoaderOptions) => Loader) | undefined,
  options: LoaderOptions,
): Loader<OnPolicyRows> {
  const rows = prompts.map((prompt) => Int32Array.from(prompt));
  const written = (given: LoaderOptions): Loader<Prompts> => {
    const { index, count } = given.reader ?? { index: 0, count: 1 };
    return endless<Prompts>('distil: prompts', given, {
      numRows: rows.length,
      empty: () => ({ tokens: [], numbers: [] }),
      order: (key) => listed(permutation(key, rows.length)),
      copy: (row, batch, place) => {
        batch.tokens[place] = rows[row] ?? new Int32Array();
        batch.numbers[place] = place * count + index;
      },
    });
  };
  if (text === undefined) return mixedLoader<{ prompts: Prompts }>({ prompts: [written, 1] }, options);
  return mixedLoader<{ text: Batch; prompts: Prompts }>(
    { text: [text, 1 - share], prompts: [written, share] },
    options,
  );
}

/**
 * Lets the student answer the prompts of a batch: Agarwal 2023, "On-Policy Distillation of Language Models" (2306.13649), algorithm 1. No
 * gradient flows through what was drawn. Answers to a step are drawn by the key folded with its number.
 */
export function ownAnswers<Weights>(
  rollouts: Rollouts<Weights>,
  { context, key }: { readonly context: number; readonly key: Key },
): Preparation<Weights, OnPolicyRows, StudentBatch> {
  return {
    prepare: async ({ text, prompts }, weights, step) => {
      const answers = await rollouts.write(weights, prompts.tokens, fold(key, step), prompts.numbers);
      return [withAnswers(text, prompts.tokens, answers, context)];
    },
  };
}

/** Rows of text, and below them prompts with their answers, of which the answers count, though not for the cross-entropy. */
export function withAnswers(
  text: Batch | undefined,
  prompts: readonly Int32Array[],
  answers: readonly AnswerTokens[],
  context: number,
): StudentBatch {
  const numText = text?.batchSize ?? 0;
  const batch = emptyBatch(numText + prompts.length, context, text?.documents !== undefined);
  const dataWeights = new Float32Array(batch.weights.length);
  if (text !== undefined) {
    for (const name of ['inputs', 'targets', 'weights', 'documents', 'positions'] as const) {
      const rows = text[name];
      if (rows !== undefined) batch[name]?.set(rows);
    }
    dataWeights.set(text.weights);
  }
  prompts.forEach((prompt, place) => {
    const tokens = [...prompt, ...(answers[place]?.tokens ?? [])];
    const start = (numText + place) * context;
    batch.inputs.set(tokens.slice(0, -1), start);
    batch.targets.set(tokens.slice(1), start);
    batch.weights.fill(1, start + prompt.length - 1, start + tokens.length - 1);
    // What stands after the answer is padding: it is seen by nothing that counts.
    batch.documents?.fill(1, start, start + tokens.length - 1);
    batch.positions?.set(
      Int32Array.from({ length: tokens.length - 1 }, (_, at) => at),
      start,
    );
  });
  return { ...batch, dataWeights };
}

/**
 * Predictions of a row in which the longest prompt has an answer, at least `context`.
 *
 * @throws TrainbookError if the share is none, or there are no prompts.
 */
export function onPolicyContext({ share, prompts, maxTokens }: OnPolicy): number {
  if (!(share > 0 && share <= 1) || prompts.length === 0) {
    throw new TrainbookError({
      what: 'distil: onPolicy says of nothing that the student writes it',
      received: `a share of ${share}, ${prompts.length} prompts`,
      expected: 'a share above 0, up to 1, and at least one prompt',
      fix: 'leave onPolicy out where the student should write nothing',
    });
  }
  return Math.max(...prompts.map((prompt) => prompt.length)) + maxTokens - 1;
}
