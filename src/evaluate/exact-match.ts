import { comparedAnswer } from './answer-words.js';
import type { TextLanguage } from './answer-words.js';
import { checkPairs } from './pairs.js';

/** In what language answers are. */
export interface AnswerOptions {
  /** `en` (the default): SQuAD's rules; `zh`: CMRC's. */
  readonly language?: TextLanguage;
}

/**
 * The share of answers that are one of those accepted, but for case, punctuation, articles and white space: SQuAD's (Rajpurkar et al.
 * 2016, 1606.05250). In Chinese but for case and punctuation: CMRC's (Cui et al. 2019, 1810.07366).
 *
 * @throws TrainbookError if there are not as many lists of accepted answers as answers, or none at all.
 * @example
 * exactMatch(['The Eiffel Tower!'], [['Eiffel Tower', 'the tower']]); // 1
 */
export function exactMatch(
  answers: readonly string[],
  accepted: readonly (readonly string[])[],
  { language = 'en' }: AnswerOptions = {},
): number {
  checkPairs('exactMatch', accepted, answers);
  const right = answers.filter((answer, row) => {
    const own = comparedAnswer(answer, language);
    return accepted[row]?.some((other) => comparedAnswer(other, language) === own);
  });
  return right.length / answers.length;
}
