import { curriculum } from '../../data/post-training/curriculum.js';
import { TrainbookError } from '../../error.js';
import { tokenScorer } from '../../model/log-probabilities.js';
import type { Model } from '../../model/model.js';
import type { Chat, CountedAnswers } from '../../tokens/chat.js';
import type { Order } from '../../tokens/chat-template.js';
import { conversationOf, rowName } from '../../tokens/conversation-of.js';
import type { AnsweredRow } from '../../tokens/conversation-of.js';
import { packExamples } from '../../tokens/pack-examples.js';
import type { PackedExamples, PackExamplesOptions, TokenExample } from '../../tokens/pack-examples.js';

/** An example and the row that it was made of. */
export interface AnsweredExample<O extends Order> extends TokenExample {
  readonly id: string;
  readonly row: AnsweredRow<O>;
}

/** Rows from easy to hard, in each epoch. */
export interface FineTuneCurriculum<O extends Order> {
  /**
   * What makes a row hard: its length in tokens; the perplexity of its answers in the model before it is trained, exp(mean nats of what
   * counts); or any score.
   */
  readonly by: 'length' | 'perplexity' | ((row: AnsweredRow<O>, index: number) => number);
  /** Parts of about as many rows each that come one after another; within one the order is random. Default: 8. */
  readonly stages?: number;
}

/**
 * Rows as tokens, of which the answers count.
 *
 * @throws TrainbookError if there are none, or a row is not in the order of the chat's template.
 */
export function answeredExamples<O extends Order>(
  name: string,
  chat: Chat<O>,
  rows: readonly AnsweredRow<O>[],
  answers: CountedAnswers,
): AnsweredExample<O>[] {
  if (rows.length === 0) {
    throw new TrainbookError({ what: `${name}: there are no rows`, received: 0, expected: 'at least one' });
  }
  return rows.map((row, index) => {
    const where = `${name}, row ${index}`;
    return { ...chat.example(conversationOf(chat.template, row, where), { answers }), id: rowName(row, where), row };
  });
}

/**
 * What becomes of examples that do not fit into a row of `context` predictions, or in which nothing counts.
 *
 * @throws TrainbookError if one does not fit and `unfit` refuses it, or nothing of its answers would be left.
 */
export function fitExamples<E extends TokenExample>(
  examples: readonly E[],
  context: number,
  unfit: PackExamplesOptions['unfit'],
): E[] {
  return examples.flatMap((example) => {
    const { tokens, counted, id = 'a row' } = example;
    const isLong = tokens.length > context + 1;
    const hasAnswer = counted.subarray(0, context + 1).includes(1, 1);
    if (!isLong && hasAnswer) return [example];
    if (unfit === 'drop') return [];
    if (isLong && unfit !== 'truncate') {
      throw new TrainbookError({
        what: `${id} is longer than the context`,
        received: `${tokens.length} tokens`,
        expected: `at most ${context + 1}: ${context} of context, and the last, which is only predicted`,
        fix: "take a longer context, or say unfit: 'truncate' or 'drop'",
      });
    }
    if (!hasAnswer) {
      const answer = counted.indexOf(1);
      throw new TrainbookError({
        what: `${id} has no answer tokens${isLong ? ' left after truncation' : ''}`,
        received: isLong ? `an answer that begins at token ${answer} of ${tokens.length}` : 'an answer of no tokens',
        expected: isLong ? `an answer that begins before token ${context + 1}` : 'at least one token that counts',
        fix: "take a longer context, shorten the question, or say unfit: 'drop'",
      });
    }
    return [{ ...example, tokens: tokens.subarray(0, context + 1), counted: counted.subarray(0, context + 1) }];
  });
}

/** How examples are laid in rows. */
export interface PackingOptions<O extends Order> extends Pick<PackExamplesOptions, 'packing'> {
  readonly context: number;
  readonly curriculum?: FineTuneCurriculum<O> | undefined;
}

/** Packed rows, one packing for each stage of a curriculum. */
export async function packStages<O extends Order>(
  name: string,
  { tokenizer }: Chat<O>,
  examples: readonly AnsweredExample<O>[],
  model: Model,
  { context, curriculum: order, packing }: PackingOptions<O>,
): Promise<PackedExamples[]> {
  const stages = order === undefined ? [examples] : await stagesOf(name, examples, model, order);
  return stages.map((stage) => packExamples(stage, tokenizer, context, packing && { packing }));
}

async function stagesOf<O extends Order>(
  name: string,
  examples: readonly AnsweredExample<O>[],
  model: Model,
  { by, stages = 8 }: FineTuneCurriculum<O>,
): Promise<(readonly AnsweredExample<O>[])[]> {
  if (!Number.isInteger(stages) || stages < 1) {
    throw new TrainbookError({
      what: `${name}: no such number of stages of a curriculum`,
      received: stages,
      expected: 'an integer above 0',
    });
  }
  const scores = by === 'perplexity' ? await perplexities(model, examples) : undefined;
  const scoreOf = (example: AnsweredExample<O>, index: number): number =>
    typeof by === 'function' ? by(example.row, index) : (scores?.[index] ?? example.tokens.length);
  const sorted = curriculum(examples, scoreOf);
  const number = Math.min(stages, sorted.length);
  const border = (stage: number): number => Math.round((stage * sorted.length) / number);
  return Array.from({ length: number }, (_, stage) => sorted.slice(border(stage), border(stage + 1)));
}

/** exp(−mean ln p) of the counted tokens of each example, as far as the context reaches. */
async function perplexities(model: Model, examples: readonly TokenExample[]): Promise<number[]> {
  const score = tokenScorer(model);
  const { context } = model.architecture.config;
  // Alike lengths lie beside each other, so that little is padded.
  const byLength = examples.map((_, index) => index);
  byLength.sort((a, b) => (examples[a]?.tokens.length ?? 0) - (examples[b]?.tokens.length ?? 0));
  const rows = byLength.map((index) => Array.from(examples[index]?.tokens.subarray(0, context) ?? []));
  const found = await score(rows);
  const all = examples.map(() => NaN);
  byLength.forEach((index, place) => {
    const { counted } = examples[index] as TokenExample;
    const logs = [...(found[place] ?? [])].filter((_, at) => counted[at + 1] === 1);
    // An answer of one token that lies behind the context has no number: it is taken for the hardest.
    all[index] = logs.length === 0 ? Infinity : Math.exp(-logs.reduce((total, log) => total + log, 0) / logs.length);
  });
  return all;
}
