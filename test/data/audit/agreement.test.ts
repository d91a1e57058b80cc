import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agreementText } from '../../../src/data/audit/agreement/agreement-text.js';
import { agreement } from '../../../src/data/audit/agreement/agreement.js';
import { cohenKappa } from '../../../src/data/audit/agreement/cohen-kappa.js';
import { kendallTau } from '../../../src/data/audit/agreement/kendall-tau.js';
import { kendallW } from '../../../src/data/audit/agreement/kendall-w.js';
import { krippendorffAlpha } from '../../../src/data/audit/agreement/krippendorff-alpha.js';
import type { RankingContent } from '../../../src/data/post-training/index.js';
import { key } from '../../../src/engine/key.js';

interface Reference {
  readonly alpha: readonly { units: number[][]; nominal: number; ordinal: number }[];
  readonly kappa: readonly { first: number[]; second: number[]; kappa: number }[];
  readonly tau: readonly { first: number[]; second: number[]; tau: number }[];
  readonly w: readonly { rankings: number[][]; w: number }[];
  readonly rankings: readonly Readonly<Record<string, number[]>>[];
  readonly drawn: readonly { samples: number[]; nominal: number; ordinal: number }[];
  readonly between: readonly {
    annotators: string[];
    samples: number;
    pairs: number;
    same: number;
    kappa: number;
    tau: number;
  }[];
}
const reference = JSON.parse(readFileSync(new URL('./fixtures/agreement.json', import.meta.url), 'utf8')) as Reference;

/** Rankings of samples, each by annotator. */
const rankings = (samples: Reference['rankings'], dimension = 'safety'): RankingContent[] =>
  samples.flatMap((by, sample) =>
    Object.entries(by).map(([annotator, ranks]) => ({
      kind: 'ranking' as const,
      sample: String(sample),
      dimension,
      annotator,
      prompt: [],
      answers: ranks.map((_, at) => `${sample}.${at}`),
      ranks,
    })),
  );

describe('as the Python packages have it', () => {
  test.each(reference.alpha)('Krippendorff’s α $ordinal', ({ units, nominal, ordinal }) => {
    expect(krippendorffAlpha(units, 'nominal')).toBeCloseTo(nominal, 12);
    expect(krippendorffAlpha(units, 'ordinal')).toBeCloseTo(ordinal, 12);
  });

  test.each(reference.kappa)('Cohen’s κ $kappa', ({ first, second, kappa }) => {
    expect(cohenKappa(first, second)).toBeCloseTo(kappa, 12);
  });

  test.each(reference.tau)('Kendall’s τ $tau', ({ first, second, tau }) => {
    expect(kendallTau(first, second)).toBeCloseTo(tau, 12);
  });

  test.each(reference.w)('Kendall’s W $w, from Friedman’s χ²', ({ rankings: all, w }) => {
    expect(kendallW(all)).toBeCloseTo(w, 12);
  });

  test.each(reference.drawn)('α of the pairs of samples $samples', ({ samples, nominal, ordinal }) => {
    const drawn = samples.map((at) => reference.rankings[at] ?? {});
    const [found] = agreement(rankings(drawn), { resamples: 0 });
    expect(found?.alpha.nominal.value).toBeCloseTo(nominal, 12);
    expect(found?.alpha.ordinal.value).toBeCloseTo(ordinal, 12);
  });

  test('each two annotators', () => {
    const [found] = agreement(rankings(reference.rankings));
    expect(found).toMatchObject({ annotators: ['jo', 'mei', '梅'], samples: 6, pairs: 27 });
    reference.between.forEach(({ same, kappa, tau, ...whole }, at) => {
      expect(found?.between[at]).toMatchObject(whole);
      expect(found?.between[at]?.same).toBeCloseTo(same, 12);
      expect(found?.between[at]?.kappa).toBeCloseTo(kappa, 12);
      expect(found?.between[at]?.tau.mean).toBeCloseTo(tau, 12);
    });
  });
});

describe('by hand', () => {
  test('α of four things', () => {
    // o: 1-1 2, 2-2 2, 3-3 2, 1-2 1 and 2-1 1; n_1 = 3, n_2 = 3, n_3 = 2, n = 8.
    // Nominal: D_o = 2, D_e = (3·3 + 3·2 + 3·2) · 2 = 42; α = 1 − 7 · 2 / 42 = 2/3.
    expect(krippendorffAlpha([[1, 1], [2, 2], [3, 3], [1, 2], [1]], 'nominal')).toBeCloseTo(2 / 3, 12);
    // Ordinal δ²: 1-2: 3² = 9, 2-3: 2.5² = 6.25, 1-3: (8 − 2.5)² = 30.25. D_o = 18, D_e = 2 (9·9 + 6·6.25 + 6·30.25) = 600.
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [2, 2],
          [3, 3],
          [1, 2],
        ],
        'ordinal',
      ),
    ).toBeCloseTo(1 - (7 * 18) / 600, 12);
  });

  test('W of two rankings, one with a tie', () => {
    // Ranks 1, 2, 3 and 1.5, 1.5, 3: R = 2.5, 3.5, 6; 12 · 54.5 − 3 · 4 · 3 · 16 = 78; 4 · 3 · 8 − 2 · 6 = 84.
    expect(
      kendallW([
        [0, 1, 2],
        [0, 0, 1],
      ]),
    ).toBeCloseTo(78 / 84, 12);
  });

  test('what has no number', () => {
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [1, 1],
        ],
        'ordinal',
      ),
    ).toBeNaN();
    expect(cohenKappa(['A'], ['A'])).toBeNaN();
    expect(cohenKappa([], [])).toBeNaN();
    expect(kendallTau([1, 1], [1, 2])).toBeNaN();
    expect(
      kendallW([
        [1, 1],
        [1, 1],
      ]),
    ).toBeNaN();
    expect(() => kendallTau([1], [1, 2])).toThrow('1 and 2 ranks');
  });
});

const anyRankings = fc
  .array(
    fc.integer({ min: 2, max: 4 }).chain((count) =>
      fc.record({
        a: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: count, maxLength: count }),
        b: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: count, maxLength: count }),
        c: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: count, maxLength: count }),
      }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((samples) => samples as readonly Readonly<Record<string, number[]>>[]);

const rounded = (value = 2): number => Math.round(1e9 * value) + 0;

describe('agreement', () => {
  test('does not depend on the order of the answers, nor on what the ranks are called', () => {
    fc.assert(
      fc.property(anyRankings, (samples) => {
        const turned = samples.map((by) =>
          Object.fromEntries(
            Object.entries(by).map(([who, ranks]) => [who, ranks.toReversed().map((r) => 10 * r + 7)]),
          ),
        );
        const [[found], [other]] = [samples, turned].map((all) => agreement(rankings(all), { resamples: 0 })) as [
          ReturnType<typeof agreement>,
          ReturnType<typeof agreement>,
        ];
        // Some have no number: NaN in both then.
        expect(rounded(other?.alpha.ordinal.value)).toBe(rounded(found?.alpha.ordinal.value));
        expect(rounded(other?.w.mean)).toBe(rounded(found?.w.mean));
        expect(other?.between.map(({ same }) => same)).toEqual(found?.between.map(({ same }) => same));
      }),
    );
  });

  test('is 1 where all say the same, also where the first answer is the best each time', () => {
    const same = Array.from({ length: 4 }, () => ({ a: [0, 1], b: [0, 1], c: [0, 1] }));
    const [found] = agreement(rankings(same));
    expect(found?.alpha).toEqual({ ordinal: { value: 1, low: 1, high: 1 }, nominal: { value: 1, low: 1, high: 1 } });
    expect(found?.w).toEqual({ mean: 1, count: 4 });
    expect(found?.between[0]).toMatchObject({ same: 1, kappa: 1, tau: { mean: 1, count: 4 } });
  });

  test('has an interval that holds the true α in about 95 of 100 studies', () => {
    // Two annotators, 40 samples of two answers; with probability q each says the truth, else draws. P(same) = q² + (1 − q²) / 2, and with both
    // orders chance is 1/2: α → q².
    const q = 0.7;
    let held = 0;
    for (let study = 0; study < 100; study++) {
      let seed = study * 1000 + 1;
      const coin = (): number => {
        seed = (seed * 48271) % 2147483647;
        return seed / 2147483647;
      };
      const say = (): number[] => (coin() < q || coin() < 0.5 ? [0, 1] : [1, 0]);
      const samples = Array.from({ length: 40 }, () => ({ a: say(), b: say() }));
      const [found] = agreement(rankings(samples), { resamples: 200, key: key(study) });
      const { low, high } = found?.alpha.nominal ?? { low: 2, high: 2 };
      if (low <= q ** 2 && q ** 2 <= high) held++;
    }
    expect(held).toBeGreaterThanOrEqual(86); // 3 standard deviations below 95, and small samples
  });

  test('is given dimension by dimension, and says where there is nothing to compare', () => {
    const found = agreement([
      ...rankings([{ mei: [0, 1, 2], jo: [0, 2, 1] }, { mei: [0, 1] }]),
      ...rankings([{ mei: [0, 1] }], 'fluency'),
    ]);
    expect(found.map(({ dimension, samples, pairs }) => [dimension, samples, pairs])).toEqual([
      ['safety', 1, 3],
      ['fluency', 0, 0],
    ]);
    // Each of three pairs in both orders: n = 12, n_− = n_+ = 6, and one pair differs: α = 1 − 11 · 4 / 72.
    expect(agreementText(found)).toMatch(
      /^safety: 2 annotators, 1 samples ranked by two or more, 3 pairs of answers\n.*ordinal 0\.389 \(not known to not known\)[^]*W of the rankings: 0\.750, the mean of 1 samples\n {2}jo and mei: Cohen's κ 0\.333, the same said of 66\.7% of 3 pairs, Kendall's τ 0\.333, the mean of 1 of 1 samples\nfluency: one annotator \(mei\), 0 samples .*: nothing to compare$/u,
    );
  });
});
