import { answerWords } from './answer-words.js';
import type { AnswerOptions } from './exact-match.js';
import { checkPairs } from './pairs.js';

/**
 * The mean over answers of F1 = 2 P R / (P + R) with the accepted answer that is nearest: P and R are the words that both have, as often as
 * both have them, over those of the answer and of the accepted one. SQuAD's (Rajpurkar et al. 2016, 1606.05250). In Chinese words are
 * characters, and what both have is their longest run in common: CMRC's (Cui et al. 2019, 1810.07366; words of other letters are
 * cut at white space here, by NLTK there).
 *
 * @throws TrainbookError if there are not as many lists of accepted answers as answers, or none at all.
 * @example
 * tokenF1(['in Paris, France'], [['Paris']]); // 0.5: P = 1 / 3, R = 1
 */
export function tokenF1(
  answers: readonly string[],
  accepted: readonly (readonly string[])[],
  { language = 'en' }: AnswerOptions = {},
): number {
  checkPairs('tokenF1', accepted, answers);
  const shared = language === 'zh' ? longestRun : numShared;
  const scores = answers.map((answer, row) => {
    const own = answerWords(answer, language);
    const best = (accepted[row] ?? []).map((other) => {
      const words = answerWords(other, language);
      const both = shared(own, words);
      return both === 0 ? 0 : (2 * both) / (own.length + words.length); // 2 P R / (P + R)
    });
    return Math.max(0, ...best);
  });
  return scores.reduce((sum, score) => sum + score, 0) / answers.length;
}

/** How many words two lists have in common, each as often as both have it. */
export function numShared(first: readonly string[], second: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of first) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of second) {
    const number = left.get(word) ?? 0;
    if (number === 0) continue;
    shared++;
    left.set(word, number - 1);
  }
  return shared;
}

/** The length of the longest run of words that both lists have, without a gap. */
function longestRun(first: readonly string[], second: readonly string[]): number {
  let longest = 0;
  let before = new Int32Array(second.length + 1);
  for (const word of first) {
    const row = new Int32Array(second.length + 1);
    second.forEach((other, place) => {
      if (word === other) longest = Math.max(longest, (row[place + 1] = (before[place] ?? 0) + 1));
    });
    before = row;
  }
  return longest;
}
