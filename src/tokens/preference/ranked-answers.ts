import { permutation } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { Chat } from '../chat.js';
import type { Order } from '../chat-template.js';
import { parseConversation } from '../conversation.js';
import type { Turn } from '../conversation.js';
import { endless, listed, once } from '../loader.js';
import type { Loader, LoaderOptions } from '../loader.js';
import type { TextSizes } from '../texts.js';
import { checkAnswer } from './preference-batch.js';
import { preferencePair } from './preference-pair.js';
import type { PreferencePair } from './preference-pair.js';

/*
 * Three answers to one prompt, ranked in two dimensions:
 *
 *   prompt   <|im_start|> user \n 2+2? <|im_end|> <|im_start|> assistant \n
 *   answers  4 <|im_end|>    Maybe 5 <|im_end|>    Who cares <|im_end|>
 *   ranks    { factuality: [0, 1, 1], politeness: [0, 0, 1] }
 *
 * factuality: the first over the second, the first over the third, each weighing 1/2; politeness: both over the third.
 */

/** Answers to one prompt, as tokens, and how they rank. */
export interface RankedAnswers {
  readonly prompt: ArrayLike<number>;
  readonly answers: readonly ArrayLike<number>[];
  /** By dimension a rank for each answer, the lowest for the best. Answers of equal rank say nothing of each other. */
  readonly ranks: Readonly<Record<string, readonly number[]>>;
  /** By how much a better answer is better than a worse one, in the units of a reward. Default: 0. */
  readonly margin?: number;
}

/** What a step sees that learns from rankings. Legend: K answers a prompt, D dimensions. */
export interface RankedBatch {
  /** Whole texts, filled up on the right; rows of padding where a prompt has fewer answers. */
  readonly inputs: Int32Array; // [batchSize, K, context]
  /** 1 for the tokens of a text, 0 for padding. */
  readonly mask: Int32Array; // [batchSize, K, context]
  /** How much it counts, in a dimension, that the i-th answer is better than the j-th: 1 / (number of its pairs), or 0. */
  readonly better: Float32Array; // [batchSize, D, K, K]
  readonly margins: Float32Array; // [batchSize]
  readonly batchSize: number;
  readonly numAnswers: number;
  readonly context: number;
}

/** What a row of a ranking holds: as `readRankings` gives it. */
export interface RankingOfTexts {
  readonly prompt: readonly Turn[];
  readonly answers: readonly string[];
  /** The lowest for the best. */
  readonly ranks: readonly number[];
  readonly dimension: string;
  readonly annotator?: string;
}

/**
 * A pair as a ranking of two answers in one dimension.
 *
 * @example
 * const rankings = pairs.map((pair) => rankedPair(pair, 'safety'));
 */
export function rankedPair({ prompt, chosen, rejected, margin }: PreferencePair, dimension: string): RankedAnswers {
  return {
    prompt,
    answers: [chosen, rejected],
    ranks: { [dimension]: [0, 1] },
    ...(margin !== undefined && { margin }),
  };
}

/**
 * Rankings of texts as tokens, by a chat template; those of one annotator of the same answers become one, with several dimensions.
 * Rankings in which all are equal are left out: they have no pair.
 *
 * @throws TrainbookError if turns are not in the template's order.
 * @example
 * const { rows } = await readRankings('samples.rankings/*.jsonl');
 * const rankings = rankedAnswers(bind(chatMl, tokenizer), rows);
 */
export function rankedAnswers<O extends Order>(chat: Chat<O>, rows: readonly RankingOfTexts[]): RankedAnswers[] {
  const { template } = chat;
  const found = new Map<string, RankedAnswers>();
  rows.forEach(({ prompt, answers, ranks, dimension, annotator = '' }, row) => {
    if (new Set(ranks).size < 2) return;
    const name = JSON.stringify([prompt, answers, annotator]);
    const known = found.get(name);
    if (known !== undefined) {
      found.set(name, { ...known, ranks: { ...known.ranks, [dimension]: ranks } });
      return;
    }
    const examples = answers.map((content) => {
      const turns = [...prompt, { role: template.order.answer, content }];
      return chat.example(parseConversation(template, turns, `rankedAnswers: row ${row}`), { answers: 'last' });
    });
    const parts = examples.map((example) => preferencePair(example, example));
    found.set(name, {
      prompt: parts[0]?.prompt ?? [],
      answers: parts.map(({ chosen }) => chosen),
      ranks: { [dimension]: ranks },
    });
  });
  return [...found.values()];
}

/** The sizes of batches of rankings. */
export interface RankedSizes extends TextSizes {
  readonly dimensions: readonly string[];
}

/**
 * Batches of rankings: in each epoch every prompt once with all of its answers, in an order given by the key and the number of the epoch.
 * All pairs of a ranking are in one batch, as InstructGPT has them (2203.02155): apart, each answer would be learned several times an epoch.
 *
 * @throws TrainbookError as `loader` does, or if a ranking is none, names a dimension that is not listed, or does not fit into a row.
 * @example
 * const batches = rankedLoader(rankings, { context: 512, padding: 0, dimensions: ['safety'] }, { batchSize: 8, key });
 */
export function rankedLoader(
  rankings: readonly RankedAnswers[],
  sizes: RankedSizes,
  options: LoaderOptions,
): Loader<RankedBatch> {
  checkRankings('rankedLoader', rankings, sizes);
  const numAnswers = mostAnswers(rankings);
  return endless<RankedBatch>('rankedLoader', options, {
    numRows: rankings.length,
    empty: (batchSize) => emptyBatch(batchSize, numAnswers, sizes),
    order: (key) => listed(permutation(key, rankings.length)),
    copy: (row, batch, place) => {
      copyRanking(rankings[row], batch, place, sizes);
    },
  });
}

/**
 * All rankings once, in their order, in batches of one shape: what the last one lacks does not count. For evaluation.
 *
 * @example
 * await train(model, { heldOut: () => rankedInOrder(unseen, sizes, 8), … });
 */
export function* rankedInOrder(
  rankings: readonly RankedAnswers[],
  sizes: RankedSizes,
  batchSize: number,
): Generator<RankedBatch> {
  checkRankings('rankedInOrder', rankings, sizes);
  const numAnswers = mostAnswers(rankings);
  yield* once<RankedBatch>('rankedInOrder', batchSize, {
    numRows: rankings.length,
    empty: (size) => emptyBatch(size, numAnswers, sizes),
    copy: (row, batch, place) => {
      copyRanking(rankings[row], batch, place, sizes);
    },
  });
}

/** The pairs that a ranking says: places of the better and the worse answer. */
export function pairsOfRanks(ranks: readonly number[]): (readonly [better: number, worse: number])[] {
  return ranks.flatMap((rank, better) =>
    ranks.flatMap((other, worse) => (rank < other ? [[better, worse] as const] : [])),
  );
}

function mostAnswers(rankings: readonly RankedAnswers[]): number {
  return rankings.reduce((most, { answers }) => Math.max(most, answers.length), 0);
}

function emptyBatch(batchSize: number, numAnswers: number, { context, padding, dimensions }: RankedSizes): RankedBatch {
  const size = batchSize * numAnswers * context;
  return {
    inputs: new Int32Array(size).fill(padding),
    mask: new Int32Array(size),
    better: new Float32Array(batchSize * dimensions.length * numAnswers ** 2),
    margins: new Float32Array(batchSize),
    batchSize,
    numAnswers,
    context,
  };
}

function copyRanking(
  ranking: RankedAnswers | undefined,
  batch: RankedBatch,
  place: number,
  { dimensions }: RankedSizes,
): void {
  if (ranking === undefined) return;
  const { inputs, mask, better, margins, numAnswers, context } = batch;
  ranking.answers.forEach((answer, index) => {
    const start = (place * numAnswers + index) * context;
    inputs.set(ranking.prompt, start);
    inputs.set(answer, start + ranking.prompt.length);
    mask.fill(1, start, start + ranking.prompt.length + answer.length);
  });
  dimensions.forEach((dimension, d) => {
    const pairs = pairsOfRanks(ranking.ranks[dimension] ?? []);
    const start = (place * dimensions.length + d) * numAnswers ** 2;
    for (const [i, j] of pairs) better[start + i * numAnswers + j] = 1 / pairs.length;
  });
  margins[place] = ranking.margin ?? 0;
}

/** @throws TrainbookError if there are none, one has no pair or another dimension than these, or an answer is empty or too long. */
export function checkRankings(
  what: string,
  rankings: readonly RankedAnswers[],
  { context, dimensions }: Pick<RankedSizes, 'context' | 'dimensions'>,
): void {
  if (rankings.length === 0) {
    throw new TrainbookError({ what: `${what}: there are no rankings`, received: '[]', expected: 'at least one' });
  }
  rankings.forEach(({ prompt, answers, ranks }, index) => {
    answers.forEach((answer, at) => {
      checkAnswer(`${what}: answer ${at} of ranking ${index}`, prompt, answer, context);
    });
    const given = Object.entries(ranks);
    const wrong = given.find(([name, of]) => !dimensions.includes(name) || of.length !== answers.length);
    const isEmpty = given.every(([, of]) => pairsOfRanks(of).length === 0);
    if (wrong === undefined && !isEmpty) return;
    throw new TrainbookError({
      what: `${what}: ranking ${index} cannot be learned`,
      received:
        wrong === undefined
          ? `${answers.length} answers, none better than another`
          : `${wrong[1].length} ranks of ${answers.length} answers in the dimension ${wrong[0]}`,
      expected: `a rank for each answer, not all equal, in some of: ${dimensions.join(', ')}`,
    });
  });
}
