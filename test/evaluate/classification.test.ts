import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracy } from '../../src/evaluate/accuracy.js';
import { confusionMatrix } from '../../src/evaluate/confusion-matrix.js';
import { precisionRecallF1 } from '../../src/evaluate/precision-recall-f1.js';
import type { PrecisionRecallF1 } from '../../src/evaluate/precision-recall-f1.js';
import { rocAuc } from '../../src/evaluate/roc-auc.js';
import reference from './fixtures/metrics.json' with { type: 'json' };

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  // @ts-expect-error places of classes are no names
  accuracy(Int32Array.of(1), ['good']);
  // @ts-expect-error a label of another type
  confusionMatrix(['a'], ['b'], [1, 2]);
}

type Row = readonly (number | null)[];
const three = ({ precision, recall, f1 }: PrecisionRecallF1): number[] => [precision, recall, f1];
/** NaN is null in the fixture. */
const close = (numbers: Row): unknown[] =>
  numbers.map((number) => (number === null ? NaN : (expect.closeTo(number, 12) as unknown)));

describe.each(reference.classifications)('of scikit-learn: $truth', ({ scores, counts, ...given }) => {
  const [truth, predicted] = [given.truth, given.predicted] as [(string | number)[], (string | number)[]];

  it('accuracy and confusion matrix', () => {
    expect(accuracy(truth, predicted)).toBeCloseTo(given.accuracy, 14);
    expect(confusionMatrix(truth, predicted).counts).toEqual(counts);
  });

  it.each(scores)('precision, recall and F1, 0 / 0 = $zeroDivision', (expected) => {
    const zeroDivision = (expected.zeroDivision ?? 'left out') as 0 | 1 | 'left out';
    const report = precisionRecallF1(truth, predicted, { zeroDivision });
    const [precision = [], recall = [], f1 = []] = expected.classes as readonly Row[];
    expect(report.classes.map(three)).toEqual(
      precision.map((_, place) => close([precision[place] ?? null, recall[place] ?? null, f1[place] ?? null])),
    );
    expect(report.classes.map(({ support }) => support)).toEqual(expected.support);
    for (const average of ['macro', 'micro', 'weighted'] as const)
      expect(three(report[average])).toEqual(close(expected[average]));
  });
});

describe('confusionMatrix', () => {
  it('has classes in the order asked for, also those that do not occur', () => {
    const { labels, counts } = confusionMatrix(['b', 'a', 'b'], ['b', 'b', 'a'], ['b', 'a', 'c']);
    expect(labels).toEqual(['b', 'a', 'c']);
    expect(counts).toEqual([
      [1, 1, 0],
      [1, 0, 0],
      [0, 0, 0],
    ]);
    expect(() => confusionMatrix([1, 2], [1, 3], [1, 2])).toThrow(/a class is not among the labels\s+received: 3/u);
  });

  it('sorts numbers as numbers', () => {
    expect(confusionMatrix([10, 9], Int32Array.of(2, 9)).labels).toEqual([2, 9, 10]);
  });

  it('micro F1 is accuracy, and weighted recall too', () => {
    const label = fc.integer({ min: 0, max: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(label, label), { minLength: 1, maxLength: 40 }), (pairs) => {
        const [truth, predicted] = [pairs.map(([one]) => one), pairs.map(([, two]) => two)];
        const { micro, weighted } = precisionRecallF1(truth, predicted);
        expect(micro.f1).toBeCloseTo(accuracy(truth, predicted), 12);
        expect(weighted.recall).toBeCloseTo(accuracy(truth, predicted), 12);
      }),
    );
  });
});

describe('rocAuc', () => {
  it.each(reference.curves)('as scikit-learn', ({ truth, scores, auc }) => {
    expect(rocAuc(truth, scores)).toBeCloseTo(auc, 12);
    expect(rocAuc(truth.map(Boolean), Float64Array.from(scores))).toBe(rocAuc(truth, scores));
  });

  it('is the share of pairs in the right order, equal ones counting half', () => {
    const row = fc.tuple(fc.boolean(), fc.constantFrom(-Infinity, -1, 0, 0.5, 3, Infinity));
    fc.assert(
      fc.property(fc.array(row, { minLength: 2, maxLength: 30 }), (rows) => {
        const positive = rows.flatMap(([one, score]) => (one ? [score] : []));
        const negative = rows.flatMap(([one, score]) => (one ? [] : [score]));
        fc.pre(positive.length > 0 && negative.length > 0);
        const pairs = positive.flatMap((p) => negative.map((n) => (p > n ? 1 : p === n ? 0.5 : 0)));
        const share = pairs.reduce<number>((sum, one) => sum + one, 0) / pairs.length;
        const scores = rows.map(([, score]) => score);
        expect(
          rocAuc(
            rows.map(([one]) => one),
            scores,
          ),
        ).toBeCloseTo(share, 12);
      }),
    );
  });

  it('needs rows of both classes and scores that are numbers', () => {
    expect(() => rocAuc([1, 1], [0, 1])).toThrow('2 positive and 0 negative rows');
    expect(() => rocAuc([0, 2], [0, 1])).toThrow('truth 2');
    expect(() => rocAuc([0, 1], [0, NaN])).toThrow('score NaN');
  });
});

describe('rows that do not match', () => {
  it('are refused', () => {
    expect(() => accuracy([1], [1, 2])).toThrow(/not of the same rows\s+received: 1 and 2/u);
    expect(() => precisionRecallF1([], [])).toThrow('at least one row');
  });
});
