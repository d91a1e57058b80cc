import type { ArmResult } from '../../experiment/ablations/comparison.js';
import type { Table } from '../../figure.js';
import { formatNumber } from '../format.js';
import { verdict } from '../../experiment/ablations/verdict.js';

/** Where there is nothing to say. */
const NONE = '–';

export const formatInterval = (interval: readonly [number, number] | undefined): string =>
  interval === undefined ? NONE : `${formatNumber(interval[0])} to ${formatNumber(interval[1])}`;

/** How many seeds have a value, and what became of the others. */
function seedsOf({ values, numFailed, numStopped }: ArmResult): string {
  return [
    String(values.length),
    ...(numFailed > 0 ? [`${numFailed} failed`] : []),
    ...(numStopped > 0 ? [`${numStopped} stopped`] : []),
  ].join(', ');
}

/** Rows in the order that is given; means and differences are in the unit of the measure. */
export function armsTable(results: readonly ArmResult[], better: 'lower' | 'higher', title: string): Table {
  const columns = [
    'arm',
    'mean',
    '95% interval',
    'difference',
    '95% interval of it',
    'corrected p',
    'effect size',
    'seeds needed',
    'seeds',
    'verdict',
  ];
  const rows = results.map((result) => {
    const { arm, mean, interval, difference } = result;
    return [
      arm,
      mean ?? NONE,
      formatInterval(interval),
      difference?.mean ?? NONE,
      formatInterval(difference?.interval),
      difference?.corrected ?? NONE,
      difference?.effectSize ?? NONE,
      difference?.seedsNeeded ?? NONE,
      seedsOf(result),
      verdict(result, better),
    ];
  });
  return { title, columns, rows };
}
