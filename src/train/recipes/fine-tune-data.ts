import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import type { Model } from '../../model/model.js';
import type { Order } from '../../tokens/chat-template.js';
import type { AnsweredRow } from '../../tokens/conversation-of.js';
import { interleavedLoader } from '../../tokens/interleaved-loader.js';
import type { InterleavedKind } from '../../tokens/interleaved-loader.js';
import { inOrder } from '../../tokens/loader.js';
import type { Batch, Loader, LoaderOptions } from '../../tokens/loader.js';
import type { Packed } from '../../tokens/pack.js';
import { packExamples } from '../../tokens/pack-examples.js';
import { measureLoss, spreadRows } from '../held-out.js';
import type { Loss } from '../loss.js';
import type { Plan } from '../plan.js';
import { answeredExamples, fitExamples, packStages } from './answered-examples.js';
import type { AnsweredExample } from './answered-examples.js';
import { checkChat } from './check-chat.js';
import type { FineTuneOptions } from './fine-tune.js';

/** What fine-tuning makes of its rows. */
export interface FineTuneData {
  readonly data: (options: LoaderOptions) => Loader;
  /** What measures the held-out rows and the held-out text; undefined where there are none. */
  readonly measured: <Weights>(loss: Loss<Weights, Batch>) => Measured<Weights> | undefined;
  /** What beside the first batch decides what is seen. */
  readonly identity: Readonly<Record<string, Json>>;
}

type Measured<Weights> = (weights: Weights) => Promise<Readonly<Record<string, number>>>;

/** The name of the one task, and that of the text. */
const [only, text] = ['answers', 'pretraining'] as const;

/**
 * Rows as packed examples by task, with the text of pretraining beside them, and all checks of both.
 *
 * @throws TrainbookError as `fineTune` says.
 */
export async function fineTuneData<O extends Order>(
  name: string,
  model: Model,
  options: FineTuneOptions<O>,
  { plan, virtualTokens }: { readonly plan: Plan; readonly virtualTokens: number },
): Promise<FineTuneData> {
  const { chat, answers = 'all', unfit, packing, curriculum, pretraining, heldOutText } = options;
  checkChat(name, model.architecture, chat);
  const tasks = tasksOf(name, options);
  const examplesOf = (rows: readonly AnsweredRow<O>[], what: string): AnsweredExample<O>[] =>
    answeredExamples(`${name}: ${what}`, chat, rows, answers);
  const learnt = [...tasks].map(([task, { data, share }]) => ({
    task,
    share,
    examples: examplesOf(data, `data.${task}`),
  }));
  const heldOut = heldOutOf(name, options, tasks).map(([task, rows]) => ({
    task,
    examples: examplesOf(rows, `heldOut.${task}`),
  }));
  const context = contextOf(name, model, options, {
    lengths: [...learnt, ...heldOut].flatMap(({ examples }) => examples.map(({ tokens }) => tokens.length)),
    virtualTokens,
  });
  const fitting = <E extends AnsweredExample<O>>(examples: readonly E[], what: string): E[] => {
    const fit = fitExamples(examples, context, unfit);
    if (fit.length > 0) return fit;
    throw new TrainbookError({
      what: `${name}: no row of ${what} fits`,
      received: `${examples.length} rows, all dropped`,
      expected: `at least one of at most ${context + 1} tokens with an answer`,
      fix: 'take a longer context',
    });
  };
  const kinds: Record<string, InterleavedKind> = {};
  const textShare = pretraining?.share ?? 0;
  for (const { task, share, examples } of learnt) {
    const fit = fitting(examples, `data.${task}`);
    const stages = await packStages(name, chat, fit, model, { context, curriculum, packing });
    kinds[task] = { stages, share: share * (1 - textShare) };
  }
  if (pretraining !== undefined) kinds[text] = { stages: [pretraining.data], share: textShare, endsEpoch: false };
  const weighed = byDensity(kinds);
  const sets = heldOut.map(({ task, examples }): readonly [string, Packed] => [
    task,
    packExamples(fitting(examples, `heldOut.${task}`), chat.tokenizer, context, packing && { packing }),
  ]);
  if (heldOutText !== undefined) sets.push([text, heldOutText]);
  return {
    data: (loaderOptions) => interleavedLoader(weighed, loaderOptions),
    measured: (loss) => (sets.length === 0 ? undefined : measureSets(loss, sets, { tasks, plan })),
    identity: {
      template: chat.template.name,
      kinds: Object.entries(weighed).map(([task, { share, stages }]) => [
        task,
        share,
        ...stages.map(({ numRows, numTokens }) => [numRows, numTokens]),
      ]),
    },
  };
}

/** Weights by which each kind counts as its share: the inverse of the targets that count in a row of it. */
function byDensity(kinds: Readonly<Record<string, InterleavedKind>>): Readonly<Record<string, InterleavedKind>> {
  const entries = Object.entries(kinds);
  if (entries.length === 1) return kinds;
  const densities = entries.map(([, { stages }]) => {
    const [numTokens, numRows] = [sum(stages.map((each) => each.numTokens)), sum(stages.map((each) => each.numRows))];
    return numTokens / numRows;
  });
  const mean = sum(entries.map(([, { share }], index) => share * (densities[index] ?? 0)));
  return Object.fromEntries(
    entries.map(([task, kind], index) => [task, { ...kind, weight: mean / (densities[index] ?? mean) }]),
  );
}

/** The held-out losses by task and of the text; `heldOutLoss` is that of the tasks, weighed by their shares. */
function measureSets<Weights>(
  loss: Loss<Weights, Batch>,
  sets: readonly (readonly [task: string, packed: Packed])[],
  { tasks, plan }: { readonly tasks: ReadonlyMap<string, { readonly share: number }>; readonly plan: Plan },
): Measured<Weights> {
  const measure = measureLoss(loss);
  const rows = sets.map(([task, packed]) => [task, spreadRows(packed, plan.heldOutRows)] as const);
  return async (weights) => {
    const losses = new Map<string, number>();
    for (const [task, packed] of rows) {
      losses.set(task, (await measure(weights, inOrder({ numBytes: 0, ...packed }, plan.batchSize))).loss);
    }
    const own = [...losses].filter(([task]) => tasks.has(task));
    const shares = sum(own.map(([task]) => tasks.get(task)?.share ?? 0));
    const total = sum(own.map(([task, nats]) => (nats * (tasks.get(task)?.share ?? 0)) / shares));
    return {
      ...(own.length > 0 && { heldOutLoss: total }),
      ...Object.fromEntries(
        [...losses].filter(([task]) => task !== only).map(([task, nats]) => [`heldOutLoss.${task}`, nats]),
      ),
    };
  };
}

type Tasks<O extends Order> = ReadonlyMap<string, { readonly data: readonly AnsweredRow<O>[]; readonly share: number }>;

/** The tasks by name. */
function tasksOf<O extends Order>(name: string, { data, pretraining }: FineTuneOptions<O>): Tasks<O> {
  const refuse = (what: string, received: unknown, expected: string, fix?: string): TrainbookError =>
    new TrainbookError({ what: `${name}: ${what}`, received: String(received), expected, ...(fix && { fix }) });
  if (pretraining !== undefined && !(pretraining.share > 0 && pretraining.share < 1)) {
    throw refuse(
      'no such share of pretraining’s text',
      pretraining.share,
      'a number above 0 and below 1',
      '0.1 to 0.2 is usual',
    );
  }
  if (isList(data)) return new Map([[only, { data, share: 1 }]]);
  const tasks = new Map(Object.entries(data));
  if (tasks.size === 0) throw refuse('there are no tasks', '{}', 'rows, or at least one task');
  const reserved = [only, text].find((taken) => tasks.has(taken));
  if (reserved !== undefined) throw refuse('a task has a name that is taken', reserved, 'another name');
  const total = sum([...tasks.values()].map(({ share }) => share));
  if ([...tasks.values()].every(({ share }) => share > 0) && Math.abs(total - 1) < 1e-6) return tasks;
  throw refuse(
    'the tasks’ shares do not make a whole',
    [...tasks].map(([task, { share }]) => `${task} ${share}`).join(', '),
    'shares above 0 that add up to 1',
    'pretraining.share is taken from all of them, and not counted here',
  );
}

/** The held-out rows by task. */
function heldOutOf<O extends Order>(
  name: string,
  { heldOut }: FineTuneOptions<O>,
  tasks: Tasks<O>,
): (readonly [task: string, rows: readonly AnsweredRow<O>[]])[] {
  if (heldOut === undefined) return [];
  const sets = isList(heldOut) ? [[only, heldOut] as const] : Object.entries(heldOut);
  const stray = sets.find(([task]) => !tasks.has(task));
  if (stray === undefined) return [...sets];
  throw new TrainbookError({
    what: `${name}: held-out rows of a task that is not trained`,
    received: isList(heldOut) ? 'a list' : stray[0],
    expected: [...tasks.keys()].join(', '),
    fix: 'name the held-out rows as data names its tasks',
  });
}

/** The length of rows. */
function contextOf<O extends Order>(
  name: string,
  { architecture }: Model,
  { context, pretraining, heldOutText }: FineTuneOptions<O>,
  { lengths, virtualTokens }: { readonly lengths: readonly number[]; readonly virtualTokens: number },
): number {
  const most = architecture.config.context - virtualTokens;
  const wide = Math.max(pretraining?.data.context ?? 1, heldOutText?.context ?? 1);
  const longest = lengths.reduce((found, length) => Math.max(found, length - 1), 1);
  const chosen = context ?? Math.min(most, Math.max(longest, wide));
  const refuse = (what: string, received: number, expected: string, fix: string): TrainbookError =>
    new TrainbookError({ what: `${name}: ${what}`, received, expected, fix });
  if (!Number.isInteger(chosen) || chosen < 1 || chosen > most) {
    const less = virtualTokens > 0 ? `, the model’s context without ${virtualTokens} virtual tokens` : '';
    throw refuse('no such context', chosen, `an integer from 1 to ${most}${less}`, 'shorten the rows');
  }
  if (wide <= chosen) return chosen;
  throw refuse('text of pretraining has longer rows', wide, `at most ${chosen}`, `pack it with a context of ${chosen}`);
}

/** `Array.isArray`, which is not a guard of readonly arrays. */
function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
