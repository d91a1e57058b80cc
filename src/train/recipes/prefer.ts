import * as tf from '@tensorflow/tfjs';
import type { Json } from '../../files.js';
import type { Lora } from '../../model/lora.js';
import type { Model } from '../../model/model.js';
import type { Loader, LoaderOptions } from '../../tokens/loader.js';
import { checkJudged, judgedInOrder, judgedLoader, truncateJudged } from '../../tokens/preference/judged-answers.js';
import type { JudgedAnswer, JudgedBatch } from '../../tokens/preference/judged-answers.js';
import { checkPairs, preferenceLoader, preferencesInOrder } from '../../tokens/preference/preference-batch.js';
import type { PreferenceBatch } from '../../tokens/preference/preference-batch.js';
import { pairLength, truncatePairs } from '../../tokens/preference/preference-pair.js';
import type { PreferencePair } from '../../tokens/preference/preference-pair.js';
import type { PreferenceObjective } from '../objectives/preference/preference-objective.js';
import { train } from '../train.js';
import { recipe } from './recipe.js';
import type { RecipeOptions, RecipeParts } from './recipe.js';
import { storedReferences } from './stored-references.js';
import { wholeModel, withLora } from './trainee.js';
import type { Trainee } from './trainee.js';

/** What learning from preferences needs beside the model, whatever the preferences are. */
export interface PreferSettings extends RecipeOptions {
  /** What the policy is compared with, by `dpo`, `ipo` and `kto`. Default: the model that is given. */
  readonly reference?: Model;
  /** Trains an adapter, which is merged in the end. Default: all weights. */
  readonly adapter?: Lora;
  /** What becomes of answers that are longer than the context with their prompt: an error (the default), or they are cut. */
  readonly unfit?: 'refuse' | 'truncate';
}

/** Two answers to each prompt, of which one is the better. */
export interface PreferPairs {
  /** See `preferencePairs`. */
  readonly pairs: readonly PreferencePair[];
  readonly answers?: undefined;
  /** Pairs that are not trained on, best of other prompts: they are measured every `evaluateEvery` steps. */
  readonly heldOut?: readonly PreferencePair[];
  /** `dpo()`, `ipo()`, `simpo()` or `orpo()`. */
  readonly objective: PreferenceObjective<PreferenceBatch>;
}

/** Single answers, each of which was liked or not. */
export interface PreferAnswers {
  readonly answers: readonly JudgedAnswer[];
  readonly pairs?: undefined;
  /** Answers that are not trained on. */
  readonly heldOut?: readonly JudgedAnswer[];
  /** `kto()`. */
  readonly objective: PreferenceObjective<JudgedBatch>;
}

export type PreferOptions = PreferSettings & (PreferPairs | PreferAnswers);

/**
 * Trains a model on pairs of answers, so that the better ones become likelier than the others: Rafailov 2023, "Direct Preference
 * Optimization" (2305.18290), and its kin; or on single answers that were liked or not: Ethayarajh 2024, "KTO" (2402.01306). The
 * objective says which.
 *
 * What an objective of pairs compares with is computed once, before training, as numbers that each pair brings (`storeReference`): a step
 * has no second model then, neither its memory nor its time. An adapter's base would be a reference without further memory, but for a
 * forward pass in each step; in one epoch that is the same work, in several more, so its numbers are stored too. A group shares the work.
 * `kto` puts answers beside other prompts in each batch, so it runs the reference in each step.
 *
 * Metrics of pairs: `accuracy` and `margin` of rewards, and `ranking`: the share of pairs whose chosen answer has the higher mean ln p of a
 * token, which needs no reference. Of the held-out pairs evaluations give them as `heldOut.accuracy`, `heldOut.margin`, `heldOut.ranking`.
 *
 * @throws TrainbookError before training if there are no pairs, one has an empty prompt or answer or does not fit into the context, no token
 *   of an answer is left when it is cut, or an option is out of range; and as `train`.
 * @example
 * const aligned = await prefer(sft, {
 *   pairs: preferencePairs(chat, rows).pairs,
 *   objective: dpo({ beta: 0.1 }),
 *   adapter: lora({ rank: 16, targets: 'all-linear' }),
 *   epochs: 1, batchSize: 16, learningRate: 5e-5, key: key(1),
 * });
 */
export async function prefer(model: Model, options: PreferOptions): Promise<Model> {
  const parts = recipe('prefer', options);
  return options.pairs === undefined
    ? taught(model, lessonOfAnswers(model, options, parts), options, parts)
    : taught(model, await lessonOfPairs(model, options, parts), options, parts);
}

/** What is learned, and from what. */
interface Lesson<B> {
  readonly objective: PreferenceObjective<B>;
  /** What the policy is compared with in each step. */
  readonly reference?: Model;
  readonly data: (options: LoaderOptions) => Loader<B>;
  readonly heldOut?: (batchSize: number) => Iterable<B>;
}

async function lessonOfPairs(
  model: Model,
  { pairs, heldOut, objective, unfit, reference = model, target, group }: PreferSettings & PreferPairs,
  { plan: { precision, heldOutRows } }: RecipeParts,
): Promise<Lesson<PreferenceBatch>> {
  const { context } = model.architecture.config;
  const fitting = (name: string, given: readonly PreferencePair[]): readonly PreferencePair[] => {
    const fit = unfit === 'truncate' ? truncatePairs(given, context) : given;
    checkPairs(`prefer: ${name}`, fit, { context });
    return fit;
  };
  const sets = [fitting('pairs', pairs), heldOut ? spread(fitting('heldOut', heldOut), heldOutRows) : []];
  const [learned = [], measured = []] =
    objective.lacksReference === true ? await storedReferences(sets, reference, { precision, target, group }) : sets;
  const sizes = { context: rowLength([...learned, ...measured].map(pairLength), context), padding: 0 };
  return {
    objective,
    data: (options) => preferenceLoader(learned, sizes, options),
    ...(measured.length > 0 && { heldOut: (batchSize) => preferencesInOrder(measured, sizes, batchSize) }),
  };
}

function lessonOfAnswers(
  model: Model,
  { answers, heldOut, objective, unfit, reference = model, batchSize }: PreferSettings & PreferAnswers,
  { plan: { heldOutRows } }: RecipeParts,
): Lesson<JudgedBatch> {
  const { context } = model.architecture.config;
  const fitting = (name: string, given: readonly JudgedAnswer[]): readonly JudgedAnswer[] => {
    const fit = unfit === 'truncate' ? truncateJudged(given, context) : given;
    checkJudged(`prefer: ${name}`, fit, { context }, { batchSize });
    return fit;
  };
  const [learned, measured] = [
    fitting('answers', answers),
    heldOut && spread(fitting('heldOut', heldOut), heldOutRows),
  ];
  const lengths = [...learned, ...(measured ?? [])].map(({ prompt, answer }) => prompt.length + answer.length);
  const sizes = { context: rowLength(lengths, context), padding: 0 };
  return {
    objective,
    ...(objective.lacksReference === true && { reference }),
    data: (options) => judgedLoader(learned, sizes, options),
    ...(measured && { heldOut: (rows) => judgedInOrder(measured, sizes, rows) }),
  };
}

function taught<B>(model: Model, lesson: Lesson<B>, { adapter }: PreferSettings, parts: RecipeParts): Promise<Model> {
  return adapter === undefined
    ? learn(wholeModel(model), lesson, parts, null)
    : learn(withLora(model, adapter, parts.key), lesson, parts, { ...adapter.config });
}

async function learn<Weights, B>(
  trainee: Trainee<Weights>,
  { objective, reference, data, heldOut }: Lesson<B>,
  { numbers, ...parts }: RecipeParts,
  adapter: Json,
): Promise<Model> {
  const { batchSize } = parts.plan;
  const { weights } = await train(trainee.trainable, {
    ...parts,
    objective: (architecture) => objective(architecture, reference),
    data,
    ...(heldOut && { heldOut: () => heldOut(batchSize) }),
    files: trainee.files,
    identity: { objective: objective.identity ?? null, numbers, adapter },
  });
  const learned = trainee.model(weights);
  tf.dispose(weights as tf.TensorContainer);
  return learned;
}

/** The length of rows that hold all of them: a multiple of 8, as far as the context allows. */
function rowLength(lengths: readonly number[], context: number): number {
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  return Math.min(Math.ceil(longest / 8) * 8, context);
}

/** At most so many, evenly spread, the same ones each time. */
function spread<T>(rows: readonly T[], most: number): readonly T[] {
  const number = Math.min(rows.length, most);
  return Array.from({ length: number }, (_, place) => Math.floor((place * rows.length) / number)).flatMap(
    (place) => rows[place] ?? [],
  );
}
