import { z } from 'zod';
import type { Json } from '../../../files.js';
import type { Model } from '../../../model/model.js';
import type { Loader, LoaderOptions } from '../../../tokens/loader.js';
import type { RecipeParts } from '../recipe.js';
import type { Trainee } from '../trainee.js';
import type { ProblemBatch } from './problems.js';
import type { Scoring, ScoredGroups } from './score-groups.js';
import type { AnswerGroup, WriteAnswers } from './write-answers.js';

/** How answers and what they have earned become updates of a policy: `grpo(…)` and `ppo(…)` make one. */
export interface ReinforceMethod {
  readonly name: string;
  /** All that it was made with: part of a run's identity. */
  readonly config: { readonly [option: string]: Json };
  /** Answers to each problem. */
  readonly groupSize: number;
  /** Updates that learn from the same answers. */
  readonly updates: number;
  /** Of how many times as many problems as a step needs it may choose. */
  readonly draws: number;
  readonly overlong: Overlong | undefined;
  train<Weights, Answer, Name extends string>(task: ReinforceTask<Weights, Answer, Name>): Promise<Model>;
}

/** What is done about answers that are cut off at `maxTokens`. */
export type Overlong = z.output<typeof overlongOption>;

/** As a method's options have it. */
export const overlongOption = z.union([
  z.literal('leave out').describe('nothing is learnt of them: DAPO’s filtering (2503.14476, section 3.4)'),
  z
    .strictObject({ buffer: z.int().positive() })
    .describe('a penalty that rises to 1 over the last `buffer` tokens before maxTokens: DAPO’s equation 13'),
]);

/** What the recipe has made ready for a method. */
export interface ReinforceTask<Weights, Answer, Name extends string> {
  /** What training starts from: the reference of a KL. */
  readonly model: Model;
  readonly trainee: Trainee<Weights>;
  /** Another trainee of the same kind, by a name that its key is folded with. */
  another(name: string): Trainee<Weights>;
  readonly parts: RecipeParts;
  readonly temperature: number;
  readonly scoring: Scoring;
  /** Tokens of prompt and answer together, at most. */
  readonly longest: number;
  data(options: LoaderOptions): Loader<ProblemBatch>;
  readonly write: WriteAnswers<Weights, Answer, Name>;
  /** Scores of held-out problems, where there are any. */
  readonly evaluate: ((weights: Weights) => Promise<Readonly<Record<string, number>>>) | undefined;
  /** Tells metrics and samples of a step. */
  tell(step: number, told: ToldAnswers<Answer, Name>): void;
  /** What decides how the run goes, beside the plan. */
  readonly identity: Json;
}

/** Answers of a step, for metrics and samples. */
export interface ToldAnswers<Answer, Name extends string> {
  /** Of all that was written, in all processes. */
  readonly scored: ScoredGroups;
  readonly rolloutSeconds: number;
  /** Those of this process that are learnt from. */
  readonly groups: readonly AnswerGroup<Answer, Name>[];
  /** What each has earned, [groups][answers]. */
  readonly totals: readonly (readonly number[])[];
  /** What each is worth beside the others. */
  readonly advantages: readonly (readonly number[])[];
  /** What the method measures besides. */
  readonly metrics?: Readonly<Record<string, number>>;
}
