import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';
import { jointStep } from '../joint-step.js';
import { localStep } from '../local-step.js';
import { cutActs } from '../perplexity/cut.js';
import { isNgramModel } from '../perplexity/ngram-model.js';
import { scorerOf } from '../perplexity/perplexity.js';
import type { ScoringModel } from '../perplexity/perplexity.js';
import type { Scored } from '../perplexity/scorer.js';
import type { Made, Step, Verdict } from '../step.js';
import type { Stratum } from '../stratum.js';

export type SelectByTargetOptions = {
  /** A model of the domain that is wanted, trained on a sample of it. */
  readonly target: ScoringModel;
  /** A model of what the documents are like in general, trained on a sample of them about as large as the target's, with the same units and vocabulary. */
  readonly general: ScoringModel;
  /** Documents are ranked within these groups. Default: languages. */
  readonly by?: Stratum;
} & (
  | { /** The part of the documents of each group to keep, 0 to 1. */ readonly share: number }
  | {
      /** Kept is what differs by at most so many nats per unit; 0: whatever the target's model finds likelier. */ readonly threshold: number;
    }
);

/** The name of the score in the ledger. */
export const DIFFERENCE = 'difference';

/**
 * Keeps the documents that are most like a target domain and unlike the rest: those with the lowest difference of cross-entropies,
 *
 *   H_target(x) − H_general(x) = −ln p_target(x)/units + ln p_general(x)/units,   in nats per unit.
 *
 * Perplexity under the target's model alone would prefer short and common sentences; the general model takes that out (Moore and Lewis
 * 2010, "Intelligent Selection of Language Model Training Data"; Axelrod et al. 2011, "Domain Adaptation via Pseudo In-Domain Data
 * Selection"). In the ledger each document has its `difference`.
 *
 * @throws TrainbookError for a share or threshold that is none.
 * @example
 * const target = await trainNgrams(news);
 * const general = await trainNgrams(sample, { vocabulary: target.vocabulary.keys() }); // one vocabulary: what the target has
 * await web.through(selectByTarget({ target, general, share: 0.2 }));
 */
export function selectByTarget(options: SelectByTargetOptions): Step {
  const { by = 'language' } = options;
  const [target, general] = [scorerOf(options.target), scorerOf(options.general)];
  const difference = (document: Document): number | undefined | Promise<number | undefined> => {
    const [one, other] = [target.score(document.text), general.score(document.text)];
    if (one instanceof Promise || other instanceof Promise) {
      return Promise.all([one, other]).then(([a, b]) => perUnit(a, b));
    }
    return perUnit(one, other);
  };
  const verdict = (keep: Document, score: number, most: number | null): Verdict =>
    most === null || score <= most
      ? { keep, scores: { [DIFFERENCE]: score } }
      : { drop: 'unlike the target', score, evidence: `kept up to ${most.toPrecision(4)}` };
  const made = madeOf(options);
  if ('threshold' in options) {
    const { threshold } = options;
    if (Number.isNaN(threshold)) throw wrong(threshold);
    const judge = (document: Document, score: number | undefined): Verdict =>
      score === undefined ? { drop: 'nothing to score' } : verdict(document, score, threshold);
    return localStep(
      'select by target',
      (document) => {
        const score = difference(document);
        return score instanceof Promise ? score.then((one) => judge(document, one)) : judge(document, score);
      },
      made,
    );
  }
  const { share } = options;
  if (!(share > 0 && share <= 1)) throw wrong(share);
  return jointStep(
    'select by target',
    cutActs(difference, {
      by,
      quantiles: { from: 0, to: share },
      verdict: (document, cut) =>
        cut === undefined ? { drop: 'nothing to score' } : verdict(document, cut.score, cut.high),
    }),
    made,
  );
}

function perUnit(target: Scored, general: Scored): number | undefined {
  if (target.units === 0 || general.units === 0) return undefined;
  return general.logProbability / general.units - target.logProbability / target.units;
}

function wrong(received: number): TrainbookError {
  return new TrainbookError({
    what: 'selectByTarget: no such part of the documents',
    received,
    expected: 'a share above 0, at most 1; or a threshold in nats per unit',
    fix: '{ share: 0.2 } keeps the fifth that is most like the target',
  });
}

function madeOf(options: SelectByTargetOptions): Made | undefined {
  const travels = [options.target, options.general].every((one) => isNgramModel(one) && typeof one.units === 'string');
  return travels && typeof options.by !== 'function'
    ? { module: import.meta.url, name: 'selectByTarget', options: [options] }
    : undefined;
}
