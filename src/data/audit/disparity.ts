import type { GroupCount } from './tally.js';
import { holm, proportionTest, rateRatio } from './proportions.js';
import type { Count, Estimated } from './proportions.js';

/** A step that drops documents of one group more often than those of the others. */
export interface Disparity {
  readonly step: string;
  readonly group: string;
  /** Dropped (k) of those that came to the step (n), in the group. */
  readonly dropped: Count;
  /** The same of all documents outside of the group. */
  readonly others: Count;
  /** How many times as often a document of the group is dropped, with its 95% interval (see `rateRatio`). */
  readonly ratio: Estimated;
  /** The p-value of the two-proportion test, corrected by Holm over all steps and groups. */
  readonly pValue: number;
  /** Of the dropped ones of the group, how many by each rule, the most frequent first. */
  readonly rules: readonly { readonly rule: string; readonly documents: number }[];
}

/** What is needed of one step and one group to test it. */
export interface Tested {
  readonly step: string;
  readonly group: string;
  readonly count: GroupCount;
  /** Of all documents at this step. */
  readonly all: GroupCount;
}

/** Tests every step that dropped something against every group; gives all, the largest ratio first. */
export function disparities(tested: readonly Tested[]): readonly Disparity[] {
  const compared = tested.flatMap(({ step, group, count, all }) => {
    const dropped = { k: count.documentsIn - count.documentsOut, n: count.documentsIn };
    const others = { k: all.documentsIn - all.documentsOut - dropped.k, n: all.documentsIn - dropped.n };
    // With nobody to compare with, or nobody dropped, there is nothing to test.
    if (dropped.n === 0 || others.n === 0 || dropped.k + others.k === 0) return [];
    const rules = Object.entries(count.dropped).map(([rule, documents]) => ({ rule, documents }));
    rules.sort((a, b) => b.documents - a.documents || (a.rule < b.rule ? -1 : 1));
    return [{ step, group, dropped, others, rules }];
  });
  const pValues = holm(compared.map(({ dropped, others }) => proportionTest(dropped, others)));
  return compared
    .map((each, index): Disparity => {
      return { ...each, ratio: rateRatio(each.dropped, each.others), pValue: pValues[index] ?? 1 };
    })
    .sort((a, b) => b.ratio.value - a.ratio.value);
}

/** `quality drops zh 4.2 times as often as the others (95%: 3.1 to 5.6): 210 of 500 against 100 of 1,000; …`. */
export function disparityText({ step, group, dropped, others, ratio, pValue, rules }: Disparity): string {
  const [first] = rules;
  const mostly =
    first === undefined || rules.length < 2 ? '' : `; ${number(first.documents)} of them by “${first.rule}”`;
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  return (
    `${step} drops ${group} ${short(ratio.value)} times as often as the others (95%: ${short(ratio.low)} to ` +
    `${short(ratio.high)}): ${number(dropped.k)} of ${number(dropped.n)} against ${number(others.k)} of ` +
    `${number(others.n)}; ${p}, corrected${mostly}`
  );
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** Three digits: `4.21`, `1,220`. */
function short(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3, minimumSignificantDigits: 3 });
}
