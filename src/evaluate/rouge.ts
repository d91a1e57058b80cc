import { summaryWords } from './answer-words.js';
import type { AnswerOptions } from './exact-match.js';
import { checkPairs } from './pairs.js';
import type { PrecisionRecallF1 } from './precision-recall-f1.js';
import { numShared } from './token-f1.js';

/** How much of a reference a summary has: single words, pairs of words, the longest sequence of words in order. */
export type Rouge = {
  readonly rouge1: PrecisionRecallF1;
  readonly rouge2: PrecisionRecallF1;
  readonly rougeL: PrecisionRecallF1;
};

/**
 * ROUGE of summaries, the mean of each score over them (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"): n-grams, or words
 * of the longest common subsequence, that both have, over those of the summary (precision) and of the reference (recall). Of several
 * references the one with the best F1 counts, for each score by itself. As Google's rouge_score gives it, without stemming.
 *
 * Words are runs of a–z and 0–9. In Chinese each character is one too.
 *
 * @throws TrainbookError if there are not as many lists of references as summaries, or none at all.
 * @example
 * const { rougeL } = rouge(['the cat sat'], [['the cat sat on the mat']]);
 * rougeL.recall; // 0.5
 */
export function rouge(
  summaries: readonly string[],
  references: readonly (readonly string[])[],
  { language = 'en' }: AnswerOptions = {},
): Rouge {
  checkPairs('rouge', references, summaries);
  const words = summaries.map((summary) => summaryWords(summary, language));
  const others = references.map((several) => several.map((reference) => summaryWords(reference, language)));
  const mean = (score: (own: readonly string[], other: readonly string[]) => PrecisionRecallF1): PrecisionRecallF1 => {
    const scores = words.map((own, row) => {
      const all = (others[row] ?? []).map((other) => score(own, other));
      return all.reduce((best, one) => (one.f1 > best.f1 ? one : best), all[0] ?? nothing);
    });
    const of = (name: keyof PrecisionRecallF1): number =>
      scores.reduce((sum, one) => sum + one[name], 0) / scores.length;
    return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
  };
  return { rouge1: mean(ofGrams(1)), rouge2: mean(ofGrams(2)), rougeL: mean(ofSequence) };
}

const nothing: PrecisionRecallF1 = { precision: 0, recall: 0, f1: 0 };

/** The score of what both have, over what each has. */
function shares(both: number, own: number, other: number): PrecisionRecallF1 {
  const [precision, recall] = [both / Math.max(own, 1), both / Math.max(other, 1)];
  return { precision, recall, f1: both === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

const ofGrams =
  (size: number) =>
  (own: readonly string[], other: readonly string[]): PrecisionRecallF1 => {
    const [first, second] = [grams(own, size), grams(other, size)];
    return shares(numShared(first, second), first.length, second.length);
  };

function grams(words: readonly string[], size: number): string[] {
  return Array.from({ length: Math.max(0, words.length - size + 1) }, (_, place) =>
    words.slice(place, place + size).join(' '),
  );
}

function ofSequence(own: readonly string[], other: readonly string[]): PrecisionRecallF1 {
  return shares(longestSubsequence(own, other), own.length, other.length);
}

/** The length of the longest sequence of words that both lists have in order, with gaps. */
function longestSubsequence(first: readonly string[], second: readonly string[]): number {
  let before = new Int32Array(second.length + 1);
  for (const word of first) {
    const row = new Int32Array(second.length + 1);
    second.forEach((other, place) => {
      row[place + 1] = word === other ? (before[place] ?? 0) + 1 : Math.max(before[place + 1] ?? 0, row[place] ?? 0);
    });
    before = row;
  }
  return before[second.length] ?? 0;
}
