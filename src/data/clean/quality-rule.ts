import { TrainbookError } from '../../error.js';
import { pageOf } from './page.js';
import type { Page } from './page.js';

/** One number that a page has, and the bounds that it must keep. */
export interface QualityRule {
  /** What is measured, such as `words` or `duplicate lines`. */
  readonly name: string;
  readonly measure: (page: Page) => number;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What a filter says of a page: the text as it goes on, or the rule that drops it. */
export type Judgement =
  | { readonly text: string; readonly changes?: Readonly<Record<string, number>> }
  | { readonly drop: string; readonly score?: number; readonly evidence?: string };

/** A named set of rules of one source, for `quality`. */
export interface QualityFilter {
  readonly name: string;
  judge(page: Page): Judgement;
  /** All that its rules measure on a page, by name. */
  measure(page: Page): Readonly<Record<string, number>>;
  /** What it was made with, where that travels to another thread. */
  readonly options?: object;
}

/** A filter of rules with bounds, asked in their order: the first that is broken drops the page. */
export function filterOf(
  name: string,
  rulesFor: (page: Page) => readonly QualityRule[],
  options: object,
): QualityFilter {
  return {
    name,
    options,
    judge: (page) => {
      for (const { name: what, measure, atLeast = -Infinity, atMost = Infinity } of rulesFor(page)) {
        if (atLeast === -Infinity && atMost === Infinity) continue;
        const score = measure(page);
        if (score < atLeast) return { drop: `${name}: ${what} under ${atLeast}`, score };
        if (score > atMost) return { drop: `${name}: ${what} over ${atMost}`, score };
      }
      return { text: page.text };
    },
    measure: (page) => Object.fromEntries(rulesFor(page).map(({ name, measure }) => [name, measure(page)])),
  };
}

/**
 * What the rules of a filter measure on a text.
 *
 * @example
 * measureQuality('The cat sat on the mat.', gopherQuality());   // { words: 6, 'mean word length': 2.83, … }
 */
export function measureQuality(text: string, filter: QualityFilter): Readonly<Record<string, number>> {
  return filter.measure(pageOf(text));
}

/** @throws TrainbookError for a bound that is no number. */
export function checkBounds(filter: string, options: object): void {
  for (const [name, value] of Object.entries(options)) {
    const numbers = Array.isArray(value) ? (value as unknown[]).flat() : [value];
    if (!numbers.some((one) => typeof one === 'number' && (Number.isNaN(one) || one < 0))) continue;
    throw new TrainbookError({
      what: `${filter}: ${name} is not a bound`,
      received: String(value),
      expected: 'a number of at least 0',
      fix: 'to turn a rule off, give 0 for a lower bound and Infinity for an upper one',
    });
  }
}
