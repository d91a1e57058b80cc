import { TrainbookError } from '../error.js';
import type { WrittenAnswer } from './answer-all.js';

/**
 * The share of answers that follow a format: the model ended them, something is in them, and the pattern or function says yes.
 * Without one it is the format of a dialogue: a turn that is said and ended.
 *
 * @throws TrainbookError if there are no answers.
 * @example
 * formatRate(await answerAll(model, chat, questions, { maxTokens: 32 }), /^\d+$/u);
 */
export function formatRate(
  answers: readonly WrittenAnswer[],
  format: RegExp | ((text: string) => boolean) = () => true,
): number {
  if (answers.length === 0) {
    throw new TrainbookError({ what: 'formatRate: there are no answers', received: 0, expected: 'at least one' });
  }
  // A global pattern would remember where it stopped.
  const follows = typeof format === 'function' ? format : (text: string): boolean => text.search(format) >= 0;
  const right = answers.filter(({ text, ended }) => ended && text.trim() !== '' && follows(text));
  return right.length / answers.length;
}
