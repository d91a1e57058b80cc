import { sampledShare } from './proportions.js';
import type { Estimated } from './proportions.js';
import type { ReviewSample } from './review-sample.js';

/** What a person said of a document: the rule should act on it, should not, or it cannot be told. */
export type ReviewJudgement = 'yes' | 'no' | 'unsure';

/** What was judged of the hits, or of the misses. */
export interface JudgedStratum {
  /** Documents in the corpus, drawn for the sample, and judged with yes or no. */
  readonly documents: number;
  readonly drawn: number;
  readonly judged: number;
  /** Judged yes: the rule should act on it. */
  readonly yes: number;
  readonly unsure: number;
}

/** How good a rule is, as far as the judgements tell. */
export interface ReviewScores {
  readonly rule: string;
  readonly hits: JudgedStratum;
  readonly misses: JudgedStratum;
  /** Of the documents that the rule acts on, the share that it should; undefined before any hit is judged. */
  readonly precision: Estimated | undefined;
  /** Of the documents that it should act on, the share that it does; undefined before both kinds are judged. */
  readonly recall: Estimated | undefined;
}

/**
 * A rule's precision and recall from a stratified sample. With H hits and M misses in the corpus, and shares p and q of them
 * judged yes,
 *
 *   precision = p,   recall = H p / (H p + M q):
 *
 * each judgement is weighed by the inverse of the probability that it was drawn with (Horvitz and Thompson 1952). The intervals
 * of p and q are exact (see `sampledShare`). Recall is 1 / (1 + r) with r = M q / H p, and r has the interval of a ratio of two
 * independent estimates, recovered from theirs (MOVER-R, Donner and Zou 2012, SMMR 21:347). The delta method and the bootstrap both
 * say “1 to 1” where no miss was judged yes, as is usual for a rare thing; this one says how many may have been overlooked.
 *
 * Documents judged `unsure` are left out, as if they had not been drawn.
 *
 * @example
 * reviewScores(sample, new Map([['3f2a…', 'yes'], ['9e10…', 'no']]));
 */
export function reviewScores(
  sample: Omit<ReviewSample, 'items'> & { readonly items: readonly { readonly id: string; readonly hit: boolean }[] },
  judgements: ReadonlyMap<string, ReviewJudgement>,
): ReviewScores {
  const stratum = (isHit: boolean, documents: number): JudgedStratum => {
    const drawn = sample.items.filter(({ hit }) => hit === isHit);
    const said = drawn.map(({ id }) => judgements.get(id));
    const count = (judgement: ReviewJudgement): number => said.filter((one) => one === judgement).length;
    const yes = count('yes');
    return { documents, drawn: drawn.length, judged: yes + count('no'), yes, unsure: count('unsure') };
  };
  const hits = stratum(true, sample.hits);
  const misses = stratum(false, sample.misses);
  const share = ({ yes, judged, documents }: JudgedStratum): Estimated => sampledShare(yes, judged, documents);
  return {
    rule: sample.rule,
    hits,
    misses,
    precision: hits.judged === 0 ? undefined : share(hits),
    recall:
      hits.judged === 0 || (misses.judged === 0 && misses.documents > 0)
        ? undefined
        : recallOf(times(share(hits), hits.documents), times(share(misses), misses.documents)),
  };
}

/** Recall from the number of documents found rightly and the number of those overlooked, each with its interval. */
function recallOf(found: Estimated, overlooked: Estimated): Estimated {
  if (overlooked.high === 0) return { value: found.value > 0 ? 1 : Number.NaN, low: 1, high: 1 };
  const { low, high } = ratioInterval(overlooked, found);
  const value = found.value / (found.value + overlooked.value);
  return { value, low: 1 / (1 + high), high: 1 / (1 + low) };
}

/**
 * MOVER-R: the interval of a / b from those of a and b, none of which are below 0. With limits l and u,
 *
 *   low = lₐ (2a − lₐ) / (ab + √(a²b² − lₐ u_b (2a − lₐ)(2b − u_b))),
 *   high = (ab + √(a²b² − uₐ l_b (2a − uₐ)(2b − l_b))) / (l_b (2b − l_b)).
 */
function ratioInterval(a: Estimated, b: Estimated): { readonly low: number; readonly high: number } {
  const product = a.value * b.value;
  const root = (limitA: number, limitB: number): number =>
    Math.sqrt(Math.max(0, product ** 2 - limitA * limitB * (2 * a.value - limitA) * (2 * b.value - limitB)));
  const above = a.low * (2 * a.value - a.low);
  const below = b.low * (2 * b.value - b.low);
  return {
    low: above === 0 ? 0 : above / (product + root(a.low, b.high)),
    high: below === 0 ? Infinity : (product + root(a.high, b.low)) / below,
  };
}

function times({ value, low, high }: Estimated, factor: number): Estimated {
  return { value: value * factor, low: low * factor, high: high * factor };
}
