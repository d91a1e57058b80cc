import { TrainbookError } from '../../error.js';
import { localStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import type { Verdict } from '../step.js';
import { c4 } from './c4.js';
import { fineweb } from './fineweb.js';
import { gopherQuality } from './gopher-quality.js';
import type { GopherQualityOptions } from './gopher-quality.js';
import { gopherRepetition } from './gopher-repetition.js';
import type { GopherRepetitionOptions } from './gopher-repetition.js';
import { pageOf } from './page.js';
import type { QualityFilter } from './quality-rule.js';

/**
 * Drops documents that break a rule of one of the filters, asked in their order. The ledger names the rule and the number
 * that was measured. Filters that drop lines (`c4`) change the text, for the filters behind them, too.
 *
 * @throws TrainbookError where no filter is given.
 * @example
 * const corpus = await load('web.jsonl').through(normalise(), quality(gopher(), c4(), fineweb()));
 */
export function quality(...given: readonly (QualityFilter | readonly QualityFilter[])[]): LocalStep {
  const filters = given.flat();
  if (filters.length === 0) {
    throw new TrainbookError({
      what: 'quality: no filter',
      received: 'quality()',
      expected: 'one or more of gopher(), c4(), fineweb(), or filters of your own',
    });
  }
  const specs = filters.map(({ name, options }) => ({ name, options: options ?? {} }));
  const travels = filters.every(({ name, options }) => options !== undefined && makers.has(name));
  return localStep(
    `quality (${filters.map(({ name }) => name).join(', ')})`,
    (document): Verdict => {
      let { text } = document;
      const changes: Record<string, number> = {};
      for (const filter of filters) {
        const judgement = filter.judge(pageOf(text));
        if ('drop' in judgement) return judgement;
        text = judgement.text;
        for (const [rule, count] of Object.entries(judgement.changes ?? {}))
          changes[rule] = (changes[rule] ?? 0) + count;
      }
      return text === document.text ? { keep: document } : { keep: { ...document, text }, changes };
    },
    travels ? { module: import.meta.url, name: 'qualityOf', options: [specs] } : undefined,
  );
}

/**
 * Gopher's rules for pages: quality, then repetition, as in Rae 2021, appendix A.1.1.
 *
 * @example
 * await load('web.jsonl').through(quality(gopher({ minWords: 20, maxDuplicateLines: 0.5 })));
 */
export function gopher(options: GopherQualityOptions & GopherRepetitionOptions = {}): readonly QualityFilter[] {
  return [gopherQuality(options), gopherRepetition(options)];
}

const makers: ReadonlyMap<string, (options: never) => QualityFilter> = new Map<
  string,
  (options: never) => QualityFilter
>([
  ['gopher', gopherQuality],
  ['gopher repetition', gopherRepetition],
  ['c4', c4],
  ['fineweb', fineweb],
]);

/** `quality` from names and options: how another thread makes the step again. */
export function qualityOf(specs: readonly { readonly name: string; readonly options: object }[]): LocalStep {
  return quality(
    ...specs.map(({ name, options }) => {
      const make = makers.get(name);
      if (make === undefined) throw new Error(`quality: no filter ${name}`);
      return make(options as never);
    }),
  );
}
