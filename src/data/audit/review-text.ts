import { interval } from './audit.js';
import type { JudgedStratum, ReviewScores } from './review-scores.js';

/** The scores of a review as lines of text. */
export function scoresText({ rule, hits, misses, precision, recall }: ReviewScores): string {
  const stratum = (name: string, { documents, drawn, judged, yes, unsure }: JudgedStratum): string =>
    `  ${name}: ${judged} of ${drawn} judged, ${yes} of them yes${unsure === 0 ? '' : `, ${unsure} not sure`} (${documents} in the data)`;
  return [
    rule,
    stratum('hits', hits),
    stratum('misses', misses),
    `  precision: ${precision === undefined ? 'not known' : interval(precision)}`,
    `  recall: ${recall === undefined ? 'not known' : interval(recall)}`,
  ].join('\n');
}
