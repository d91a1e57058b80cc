import type { Figure, Table } from '../../figure.js';
import type { Corpus } from '../corpus.js';
import type { Document } from '../document.js';
import { mixedStratum, sizeIn } from './mix.js';
import type { MixOptions } from './mix.js';
import { planMix } from './plan-mix.js';
import { epochsOf } from './with-repeats.js';

/** What was planned for a stratum and what came of it; sizes in the mixture's unit. */
export interface MixedStratum {
  readonly name: string;
  readonly available: number;
  readonly plannedShare: number;
  readonly planned: number;
  readonly reachedShare: number;
  /** Repetitions count. */
  readonly reached: number;
  /** reached / available: how much of it is used, or how often. */
  readonly epochs: number;
}

/**
 * Planned and reached shares of a mixture, from the corpora before and after `mix(options)`.
 *
 * @example
 * const cleaned = load(config.data).through(normalise());
 * const rows = mixedStrata(await cleaned, await cleaned.through(mix(options)), options);
 */
export function mixedStrata(before: Corpus, after: Corpus, options: MixOptions): readonly MixedStratum[] {
  const sizeOf = sizeIn(options.size);
  const nameOf = mixedStratum(options);
  const sums = (documents: readonly Document[], times: (document: Document) => number): Map<string, number> => {
    const found = new Map<string, number>();
    for (const document of documents) {
      const name = nameOf(document);
      found.set(name, (found.get(name) ?? 0) + times(document) * sizeOf(document.text));
    }
    return found;
  };
  const available = sums(before.documents, () => 1);
  const reached = sums(after.documents, epochsOf);
  const total = [...reached.values()].reduce((sum, size) => sum + size, 0);
  const strata = [...available].filter(([, size]) => size > 0).sort(([a], [b]) => (a < b ? -1 : 1));
  const plan = planMix(
    strata.map(([name, size]) => ({ name, available: size })),
    options,
  );
  return strata.map(([name, size]) => {
    const own = plan.strata.find((one) => one.name === name);
    const result = reached.get(name) ?? 0;
    return {
      name,
      available: size,
      plannedShare: own?.share ?? 0,
      planned: own?.target ?? 0,
      reachedShare: total === 0 ? 0 : result / total,
      reached: result,
      epochs: result / size,
    };
  });
}

/** Planned and reached shares as a table. */
export function mixTable(before: Corpus, after: Corpus, options: MixOptions): Table {
  const { size = 'characters', budget } = options;
  const unit = typeof size === 'function' ? 'tokens' : size;
  const rows = mixedStrata(before, after, options);
  const reached = rows.reduce((sum, row) => sum + row.reached, 0);
  const asked = budget === undefined ? '' : ` of a budget of ${count(budget)}`;
  return {
    title: `Mixture: ${count(reached)} ${unit}${asked}`,
    columns: ['stratum', `available (${unit})`, 'planned share', 'reached share', `planned`, `reached`, 'epochs'],
    rows: rows.map((row) => [
      row.name,
      row.available,
      percent(row.plannedShare),
      percent(row.reachedShare),
      Math.round(row.planned),
      row.reached,
      Number(row.epochs.toFixed(3)),
    ]),
  };
}

/** Planned and reached shares as bars, a pair for each stratum. */
export function mixFigure(before: Corpus, after: Corpus, options: MixOptions): Figure {
  const rows = mixedStrata(before, after, options);
  const names = rows.map(({ name }) => name);
  return {
    title: 'Shares planned and reached',
    source: `mix of ${before.documents.length.toLocaleString('en-US')} documents`,
    data: [
      {
        type: 'bar',
        name: 'planned',
        x: names,
        y: rows.map(({ plannedShare }) => plannedShare),
        marker: { color: '#78838f' },
      },
      {
        type: 'bar',
        name: 'reached',
        x: names,
        y: rows.map(({ reachedShare }) => reachedShare),
        marker: { color: '#3f7fd6' },
      },
    ],
    layout: {
      height: 340,
      barmode: 'group',
      xaxis: { title: { text: 'stratum' } },
      yaxis: { title: { text: 'share of the whole' }, tickformat: '.0%', rangemode: 'tozero', zeroline: false },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.12 },
    },
  };
}

const count = (size: number): string => Math.round(size).toLocaleString('en-US');
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
