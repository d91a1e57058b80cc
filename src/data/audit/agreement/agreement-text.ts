import type { Estimated } from '../proportions.js';
import type { Agreement, MeanOf } from './agreement.js';

/** How far annotators agree as lines of text, a paragraph a dimension. */
export function agreementText(found: readonly Agreement[]): string {
  return found.map(paragraph).join('\n');
}

function paragraph({ dimension, annotators, samples, pairs, alpha, w, between }: Agreement): string {
  const who = annotators.length === 1 ? `one annotator (${annotators[0] ?? ''})` : `${annotators.length} annotators`;
  const head = `${dimension}: ${who}, ${samples} samples ranked by two or more, ${pairs} pairs of answers`;
  if (samples === 0) return `${head}: nothing to compare`;
  return [
    head,
    `  Krippendorff's α of the pairs: ordinal ${interval(alpha.ordinal)}, nominal ${interval(alpha.nominal)} (95%)`,
    `  Kendall's W of the rankings: ${mean(w)} samples`,
    ...between.map(
      ({ annotators: [first, second], same, kappa, tau, ...of }) =>
        `  ${first} and ${second}: Cohen's κ ${number(kappa)}, the same said of ${(100 * same).toFixed(1)}% of ${of.pairs} pairs, Kendall's τ ${mean(tau)} of ${of.samples} samples`,
    ),
  ].join('\n');
}

const number = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : 'not known');

const mean = (found: MeanOf): string =>
  found.count === 0 ? 'not known, of 0' : `${number(found.mean)}, the mean of ${found.count}`;

const interval = ({ value, low, high }: Estimated): string => `${number(value)} (${number(low)} to ${number(high)})`;
