import { TrainbookError } from '../../error.js';
import type { Document } from '../document.js';
import { jointStep } from '../joint-step.js';
import { localStep } from '../local-step.js';
import type { Made, Step, Verdict } from '../step.js';
import { stratumOf } from '../stratum.js';
import type { Stratum } from '../stratum.js';
import { cutActs, sideOf } from './cut.js';
import type { Band, Quantiles } from './cut.js';
import { isNgramModel, ngramScorer } from './ngram-model.js';
import type { NgramModel } from './ngram-model.js';
import { perplexityOf } from './scorer.js';
import type { Scorer } from './scorer.js';

/** A model that scores texts: an n-gram model, or anything else that can. */
export type ScoringModel = NgramModel | Scorer;

/** Where the cut is: at a perplexity, or at a share of the documents of each group. */
export type PerplexityCut =
  | { readonly keep?: 'low'; readonly threshold: number }
  | { readonly keep?: 'low'; readonly quantile: number }
  | { readonly keep: 'middle'; readonly threshold: readonly [low: number, high: number] }
  | { readonly keep: 'middle'; readonly quantile: readonly [from: number, to: number] };

export type PerplexityOptions = PerplexityCut & {
  /** The model; or one for each group, by its name. */
  readonly model: ScoringModel | { readonly ofGroup: Readonly<Record<string, ScoringModel>> };
  /** Groups of documents that can be compared with each other. Default: languages. */
  readonly by?: Stratum;
};

/** The name of the score in the ledger. */
export const PERPLEXITY = 'perplexity';

/**
 * Drops documents that a language model finds unlikely: those with a perplexity above `threshold`, or, of each group, all but the part
 * `quantile` with the lowest. `keep: 'middle'` takes two numbers and drops both ends, as the likeliest texts are often boilerplate and
 * lists. With a threshold each document is judged alone; a quantile is found over all documents of its group, and depends neither on
 * their order nor on how they are divided among processes. Perplexities of two languages cannot be compared, so groups are languages
 * unless `by` says otherwise. Each kept document has its `perplexity` in the ledger, each dropped one the same as its score.
 *
 * Wenzek et al. 2020, "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data" (1911.00359): KenLM, thirds of each
 * language; Marion et al. 2023, "When Less is More" (2309.04564): the middle, scored by a decoder.
 *
 * @throws TrainbookError for thresholds and quantiles that leave nothing, and for documents of a group without a model.
 * @example
 * const model = await trainNgrams(encyclopedia.documents);
 * await corpus.through(perplexity({ model, quantile: 0.9 }));
 * await corpus.through(perplexity({ model, keep: 'middle', quantile: [0.05, 0.9], by: 'domain' }));
 */
export function perplexity(options: PerplexityOptions): Step {
  const { model, by = 'language' } = options;
  const nameOf = stratumOf(by);
  const scorers = 'ofGroup' in model ? groupScorers(model.ofGroup, nameOf) : scorerOf(model);
  const score = (document: Document): number | undefined | Promise<number | undefined> => {
    const scored = (typeof scorers === 'function' ? scorers(document) : scorers).score(document.text);
    return scored instanceof Promise ? scored.then(valueOf) : valueOf(scored);
  };
  const made = madeOf(options);
  if ('threshold' in options) {
    const band = bandOfThreshold(options.threshold);
    const verdictOf = (document: Document, value: number | undefined): Verdict =>
      value === undefined ? { drop: 'nothing to score' } : verdict(document, value, band);
    return localStep(
      PERPLEXITY,
      (document) => {
        const value = score(document);
        return value instanceof Promise ? value.then((one) => verdictOf(document, one)) : verdictOf(document, value);
      },
      made,
    );
  }
  const quantiles = partOf(options.quantile);
  return jointStep(
    PERPLEXITY,
    cutActs(score, {
      by,
      quantiles,
      verdict: (document, cut) =>
        cut === undefined ? { drop: 'nothing to score' } : verdict(document, cut.score, cut),
    }),
    made,
  );
}

function verdict(
  keep: Document,
  score: number,
  band: Band | { readonly low: number | null; readonly high: number | null },
): Verdict {
  const side = sideOf(score, band);
  if (side === 0) return { keep, scores: { [PERPLEXITY]: score } };
  const cut = (side < 0 ? band.low : band.high) ?? 0;
  return {
    drop: side < 0 ? 'perplexity too low' : 'perplexity too high',
    score,
    evidence: `${side < 0 ? 'kept from' : 'kept up to'} ${cut.toPrecision(4)}`,
  };
}

function valueOf(scored: { readonly logProbability: number; readonly units: number }): number | undefined {
  return scored.units === 0 ? undefined : perplexityOf(scored);
}

/** A model as a scorer. */
export function scorerOf(model: ScoringModel): Scorer {
  return isNgramModel(model) ? ngramScorer(model) : model;
}

function groupScorers(
  models: Readonly<Record<string, ScoringModel>>,
  nameOf: (document: Document) => string,
): (document: Document) => Scorer {
  const scorers = new Map(Object.entries(models).map(([name, model]) => [name, scorerOf(model)]));
  return (document) => {
    const name = nameOf(document);
    const scorer = scorers.get(name);
    if (scorer !== undefined) return scorer;
    throw new TrainbookError({
      what: 'perplexity: documents of a group that has no model',
      received: name,
      expected: `one of ${[...scorers.keys()].join(', ')}`,
      fix: 'give it a model, or filter its documents by another step before',
    });
  };
}

function bandOfThreshold(threshold: number | readonly [number, number]): Band {
  const [low, high] = typeof threshold === 'number' ? [-Infinity, threshold] : threshold;
  if (high >= 1 && low <= high) return { low, high };
  throw new TrainbookError({
    what: 'perplexity: nothing would be kept',
    received: `threshold ${typeof threshold === 'number' ? threshold : `[${low}, ${high}]`}`,
    expected: 'a perplexity from 1 on, or two of them, the lower first',
    fix: 'perplexityFigure shows how they are distributed',
  });
}

function partOf(quantile: number | readonly [number, number]): Quantiles {
  const [from, to] = typeof quantile === 'number' ? [0, quantile] : quantile;
  if (from >= 0 && to <= 1 && from < to) return { from, to };
  throw new TrainbookError({
    what: 'perplexity: no such part of the documents',
    received: `quantile ${typeof quantile === 'number' ? quantile : `[${from}, ${to}]`}`,
    expected: 'a number above 0, at most 1, or two of them, the lower first',
    fix: '0.9 drops the tenth that the model finds least likely',
  });
}

/** Another thread can make the step where nothing in the options is a function. */
function madeOf(options: PerplexityOptions): Made | undefined {
  const { model, by } = options;
  const models = 'ofGroup' in model ? Object.values(model.ofGroup) : [model];
  const travels = models.every((one) => isNgramModel(one) && typeof one.units === 'string');
  return travels && typeof by !== 'function'
    ? { module: import.meta.url, name: 'perplexity', options: [options] }
    : undefined;
}
