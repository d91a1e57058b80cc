import { permutation } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { endless, listed, once } from '../loader.js';
import type { Loader, LoaderOptions } from '../loader.js';
import { checkAnswer, copyAnswer, emptyAnswers } from './preference-batch.js';
import type { AnswerRows } from './preference-batch.js';
import type { TextSizes } from '../texts.js';

/*
 * An answer that somebody liked, or did not, with no other beside it:
 *
 *   prompt  <|im_start|> user \n 2+2? <|im_end|> <|im_start|> assistant \n
 *   answer  4 <|im_end|>                                                      desirable
 */

/** One answer to a prompt, as tokens, and what was thought of it. */
export interface JudgedAnswer {
  readonly prompt: ArrayLike<number>;
  readonly answer: ArrayLike<number>;
  readonly desirable: boolean;
}

/** What a step sees that learns from single judgements. */
export interface JudgedBatch {
  readonly answers: AnswerRows;
  /** Each prompt with the answer of the row before it in the batch, which is to something else; the first with the last row's. */
  readonly mismatched: AnswerRows;
  /** 1 for an answer that was liked, else 0. */
  readonly desirable: Float32Array; // [batchSize]
  /** How much each answer counts. */
  readonly weights: Float32Array; // [batchSize]
  readonly batchSize: number;
}

/**
 * Batches of judged answers: in each epoch every answer once, in an order given by the key and the number of the epoch. A mismatched
 * answer is cut where it does not fit into a row with the prompt. Readers that share a batch match answers over all of it.
 *
 * @throws TrainbookError as `loader` does, or if a batch has less than two rows, or a prompt or an answer is empty or too long.
 * @example
 * const batches = judgedLoader([{ prompt: [5, 6], answer: [7, 2], desirable: true }, …], { context: 16, padding: 0 }, { batchSize: 2, key });
 */
export function judgedLoader(
  answers: readonly JudgedAnswer[],
  sizes: TextSizes,
  options: LoaderOptions,
): Loader<JudgedBatch> {
  checkJudged('judgedLoader', answers, sizes, options);
  const { reader = { index: 0, count: 1 } } = options;
  const rows = endless<JudgedBatch>('judgedLoader', options, {
    numRows: answers.length,
    empty: (batchSize) => emptyJudged(batchSize, sizes),
    order: (key) => listed(permutation(key, answers.length)),
    copy: (row, batch, place) => {
      const judged = answers[row];
      if (judged !== undefined) copyJudged(judged, batch, place);
    },
  });
  return {
    numRows: rows.numRows,
    get lastRows() {
      return rows.lastRows ?? [];
    },
    get cursor() {
      return rows.cursor;
    },
    next() {
      const batch = rows.next();
      const all = (rows.lastRows ?? []).map((row) => answers[row]);
      for (let place = 0; place < batch.batchSize; place++) {
        const own = place * reader.count + reader.index;
        copyMismatched(all[own]?.prompt ?? [], all.at(own - 1)?.answer ?? [], batch, place);
      }
      return batch;
    },
  };
}

/**
 * All judged answers once, in their order, in batches of one shape: what the last batch lacks are answers of weight 0. Each prompt is
 * matched with the answer before it in the list. For evaluation.
 *
 * @example
 * await train(model, { heldOut: () => judgedInOrder(unseen, { context: 512, padding: 0 }, 8), … });
 */
export function* judgedInOrder(
  answers: readonly JudgedAnswer[],
  sizes: TextSizes,
  batchSize: number,
): Generator<JudgedBatch> {
  checkJudged('judgedInOrder', answers, sizes, { batchSize });
  yield* once<JudgedBatch>('judgedInOrder', batchSize, {
    numRows: answers.length,
    empty: (size) => emptyJudged(size, sizes),
    copy: (row, batch, place) => {
      const judged = answers[row];
      if (judged === undefined) return;
      copyJudged(judged, batch, place);
      copyMismatched(judged.prompt, answers.at(row - 1)?.answer ?? [], batch, place);
    },
  });
}

/**
 * The judged answers, cut at `context` tokens of prompt and answer together.
 *
 * @throws TrainbookError if no token of an answer is left.
 * @example
 * const batches = judgedLoader(truncateJudged(answers, 512), { context: 512, padding: 0 }, { batchSize: 8, key });
 */
export function truncateJudged(answers: readonly JudgedAnswer[], context: number): JudgedAnswer[] {
  return answers.map((judged, index) => {
    const room = context - judged.prompt.length;
    if (judged.answer.length <= room) return judged;
    if (room > 0) return { ...judged, answer: Array.from(judged.answer).slice(0, room) };
    throw new TrainbookError({
      what: `truncateJudged: no token of answer ${index} is left`,
      received: `a prompt of ${judged.prompt.length} tokens`,
      expected: `at most ${context - 1}, one below the context`,
      fix: 'take a longer context, shorten the prompt, or leave the answer out',
    });
  });
}

function emptyJudged(batchSize: number, sizes: TextSizes): JudgedBatch {
  return {
    answers: emptyAnswers(batchSize, sizes),
    mismatched: emptyAnswers(batchSize, sizes),
    desirable: new Float32Array(batchSize),
    weights: new Float32Array(batchSize),
    batchSize,
  };
}

function copyJudged({ prompt, answer, desirable }: JudgedAnswer, batch: JudgedBatch, place: number): void {
  copyAnswer(prompt, answer, batch.answers, place);
  batch.desirable[place] = desirable ? 1 : 0;
  batch.weights[place] = 1;
}

function copyMismatched(
  prompt: ArrayLike<number>,
  other: ArrayLike<number>,
  { mismatched }: JudgedBatch,
  place: number,
): void {
  copyAnswer(prompt, Array.from(other).slice(0, mismatched.context - prompt.length), mismatched, place);
}

/** @throws TrainbookError if there are less than two, in all or in a batch, or a prompt or an answer is empty or too long. */
export function checkJudged(
  what: string,
  answers: readonly JudgedAnswer[],
  { context }: Pick<TextSizes, 'context'>,
  { batchSize }: Pick<LoaderOptions, 'batchSize'>,
): void {
  if (answers.length < 2 || batchSize < 2) {
    throw new TrainbookError({
      what: `${what}: a prompt is matched with the answer to another one, and there is none`,
      received: `${answers.length} answers in batches of ${batchSize}`,
      expected: 'at least two answers, and batches of two or more',
      fix: 'set train.batchSize',
    });
  }
  answers.forEach(({ prompt, answer }, index) => {
    checkAnswer(`${what}: answer ${index}`, prompt, answer, context);
  });
}
