import { fold, key as keyOf, uniformNumbers } from '../../../engine/key.js';
import type { Key } from '../../../engine/key.js';
import type { RankingContent } from '../../post-training/read-rankings.js';
import type { Estimated } from '../proportions.js';
import { cohenKappa } from './cohen-kappa.js';
import { kendallTau } from './kendall-tau.js';
import { kendallW } from './kendall-w.js';
import { alphaOf, coincidences } from './krippendorff-alpha.js';
import type { AgreementScale, Coincidences } from './krippendorff-alpha.js';

/** A mean of what could be computed, and of how many. */
export interface MeanOf {
  readonly mean: number;
  readonly count: number;
}

/** How far two annotators agree. */
export interface TwoAgree {
  readonly annotators: readonly [string, string];
  /** That both ranked, and the pairs of answers in them. */
  readonly samples: number;
  readonly pairs: number;
  /** Of the pairs, the share of which both say the same. */
  readonly same: number;
  /** Cohen's κ of what each says of the pairs: better, worse or equal. */
  readonly kappa: number;
  /** Kendall's τ_b of the two rankings of a sample. */
  readonly tau: MeanOf;
}

/** How far annotators agree in one dimension, over the samples that two or more of them ranked. */
export interface Agreement {
  readonly dimension: string;
  readonly annotators: readonly string[];
  readonly samples: number;
  readonly pairs: number;
  /** Krippendorff's α of the pairs, with 95% intervals by bootstrap over samples: worse, equal, better in this order, or as names. */
  readonly alpha: { readonly ordinal: Estimated; readonly nominal: Estimated };
  /** Kendall's W of all rankings of a sample. */
  readonly w: MeanOf;
  readonly between: readonly TwoAgree[];
}

export interface AgreementOptions {
  /** Draws of the bootstrap. Default: 1000. */
  readonly resamples?: number;
  /** Default: `key('agreement')`. */
  readonly key?: Key;
}

/** The ranks that annotators gave the answers of a sample. */
type Judged = ReadonlyMap<string, readonly number[]>;

/**
 * How far annotators agree, dimension by dimension. Rankings are compared as what they say of each two answers: −1, 0 or 1 for better, equal or
 * worse. Each two answers count in both orders, so that no number depends on which of them the file has first.
 *
 * The interval of α is that of a bootstrap over samples (the pairs of one sample depend on each other), from the 2.5% to the 97.5% quantile;
 * resamples in which all is equal have no α and are left out. Of fewer than two samples there is no interval: NaN.
 *
 * @example
 * const { rows } = await readRankings('samples.rankings/*.jsonl');
 * for (const { dimension, alpha, pairs } of agreement(rows)) console.log(dimension, alpha.ordinal, pairs);
 */
export function agreement(rankings: readonly RankingContent[], options: AgreementOptions = {}): readonly Agreement[] {
  const { resamples = 1000, key = keyOf('agreement') } = options;
  const dimensions = [...new Set(rankings.map(({ dimension }) => dimension))];
  return dimensions.map((dimension) => {
    const own = rankings.filter((ranking) => ranking.dimension === dimension);
    const annotators = [...new Set(own.map(({ annotator }) => annotator))].sort();
    const judged = bySample(own).filter(({ size }) => size > 1);
    const tables = judged.map(pairCoincidences);
    return {
      dimension,
      annotators,
      samples: judged.length,
      pairs: sum(judged.map(numPairs)),
      alpha: bootstrapAlpha(tables, resamples, key),
      w: meanOf(judged.map((sample) => kendallW([...sample.values()]))),
      between: annotators.flatMap((first, at) =>
        annotators.slice(at + 1).flatMap((second) => twoAgree(first, second, judged)),
      ),
    };
  });
}

/** Rankings of the same answers in the same order: with an id alone, a file may list them in another one. */
function bySample(rankings: readonly RankingContent[]): readonly Judged[] {
  const samples = new Map<string, Map<string, readonly number[]>>();
  for (const { sample, answers, annotator, ranks } of rankings) {
    const name = JSON.stringify([sample, answers]);
    const own = samples.get(name) ?? new Map<string, readonly number[]>();
    samples.set(name, own.set(annotator, ranks));
  }
  return [...samples.values()];
}

const verdicts = [-1, 0, 1];

/** What a ranking says of each two answers, in both orders. */
function verdictsOf(ranks: readonly number[]): readonly number[] {
  return ranks.flatMap((rank, at) =>
    ranks.flatMap((other, otherAt) => (otherAt === at ? [] : [Math.sign(rank - other)])),
  );
}

function pairCoincidences(sample: Judged): Coincidences {
  const said = [...sample.values()].map(verdictsOf);
  const units = (said[0] ?? []).map((_, pair) => said.map((one) => one[pair] ?? 0));
  return coincidences(units, verdicts);
}

function bootstrapAlpha(tables: readonly Coincidences[], resamples: number, key: Key): Agreement['alpha'] {
  const count = tables.length;
  const all = added(tables);
  const drawn = Array.from({ length: count < 2 ? 0 : resamples }, (_, resample) =>
    added(Array.from(uniformNumbers(fold(key, resample), count), (place) => tables[Math.floor(place * count)] ?? [])),
  );
  const estimated = (scale: AgreementScale): Estimated => {
    const alphas = drawn.map((table) => alphaOf(table, scale)).filter((alpha) => Number.isFinite(alpha));
    alphas.sort((a, b) => a - b);
    return { value: alphaOf(all, scale), low: quantile(alphas, 0.025), high: quantile(alphas, 0.975) };
  };
  return { ordinal: estimated('ordinal'), nominal: estimated('nominal') };
}

function added(tables: readonly Coincidences[]): Coincidences {
  const total = verdicts.map(() => verdicts.map(() => 0));
  for (const table of tables) {
    for (const [c, row] of total.entries()) {
      const more = table[c] ?? [];
      for (let k = 0; k < row.length; k++) row[k] = (row[k] ?? 0) + (more[k] ?? 0);
    }
  }
  return total;
}

function twoAgree(first: string, second: string, judged: readonly Judged[]): readonly TwoAgree[] {
  const both = judged.flatMap((sample) => {
    const [a, b] = [sample.get(first), sample.get(second)];
    return a === undefined || b === undefined ? [] : [{ a, b }];
  });
  if (both.length === 0) return [];
  const a = both.flatMap((one) => verdictsOf(one.a));
  const b = both.flatMap((one) => verdictsOf(one.b));
  return [
    {
      annotators: [first, second],
      samples: both.length,
      pairs: a.length / 2,
      same: a.filter((verdict, at) => verdict === b[at]).length / a.length,
      kappa: cohenKappa(a, b),
      tau: meanOf(both.map((one) => kendallTau(one.a, one.b))),
    },
  ];
}

function numPairs(sample: Judged): number {
  const [ranks = []] = sample.values();
  return (ranks.length * (ranks.length - 1)) / 2;
}

function meanOf(values: readonly number[]): MeanOf {
  const known = values.filter((value) => Number.isFinite(value));
  return { mean: sum(known) / known.length, count: known.length };
}

/** Between the two nearest of sorted values, by their distance: NumPy's default. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low === undefined || high === undefined ? Number.NaN : low + (high - low) * (place - Math.floor(place));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
