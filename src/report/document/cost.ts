import { formatBytes, formatNumber, formatSeconds } from '../format.js';
import { section, text } from './document.js';
import type { Block, Section } from './document.js';

/** What an hour of the machine costs. */
export interface Price {
  readonly perHour: number;
  /** Such as `EUR` or `$`. */
  readonly currency: string;
}

/** What a run, or all runs of an ablation, took. */
export interface Cost {
  /** Of the clock, added over runs. */
  readonly seconds: number;
  /** Of stages that had been computed before and were found in the store. */
  readonly secondsFromStore: number;
  /** Of training, where it was measured or stated. */
  readonly joules: number | undefined;
  readonly peakMemoryBytes: number | undefined;
}

/** Money as a price list writes it: `0.066 EUR`, `12.40 EUR`. */
function money(amount: number, currency: string): string {
  return `${amount < 1 ? formatNumber(Number(amount.toPrecision(2))) : amount.toFixed(2)} ${currency}`;
}

/** Time, energy, memory, and money where a price is given; what is not known is said to be so. */
export function cost(
  { seconds, secondsFromStore, joules, peakMemoryBytes }: Cost,
  price: Price | undefined,
): Section[] {
  const facts = {
    time: formatSeconds(seconds),
    ...(secondsFromStore > 0 ? { 'spared by the store': formatSeconds(secondsFromStore) } : {}),
    'energy of training':
      joules === undefined
        ? 'not known'
        : `${formatNumber(Number((joules / 3.6e6).toPrecision(3)))} kWh (${formatNumber(Math.round(joules))} J)`,
    'peak memory': peakMemoryBytes === undefined ? 'not known' : formatBytes(peakMemoryBytes),
    ...(price === undefined ? {} : { money: money((seconds / 3600) * price.perHour, price.currency) }),
  };
  const blocks: Block[] = [
    { kind: 'facts', id: 'cost', title: 'Cost', facts, shape: 'tiles' },
    text(
      price === undefined
        ? 'No price was given: trainbook report --price 2 --currency EUR states what an hour of the machine costs.'
        : `Money is time at the stated price of ${formatNumber(price.perHour)} ${price.currency} an hour.`,
    ),
  ];
  return section('cost', 'Cost', blocks);
}
