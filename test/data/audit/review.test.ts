import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reviewSample } from '../../../src/data/audit/review-sample.js';
import type { ReviewSample } from '../../../src/data/audit/review-sample.js';
import { reviewScores } from '../../../src/data/audit/review-scores.js';
import type { ReviewJudgement } from '../../../src/data/audit/review-scores.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { key, permutation } from '../../../src/engine/key.js';
import { localStep } from '../../../src/data/local-step.js';

const texts = Array.from({ length: 200 }, (_, index) =>
  index % 10 === 0 ? `call 555-${1000 + index} now, number ${index}` : `nothing to call here, number ${index}`,
);
const documents: readonly Document[] = texts.map((text, index) =>
  document({ text, source: index % 2 === 0 ? 'a' : 'b', domain: 'd', language: 'en' }),
);
const mask = localStep('mask personal data', (one) => {
  const text = one.text.replace(/\d{3}-\d{4}/gu, '[phone]');
  return text === one.text ? { keep: one } : { keep: { ...one, text }, changes: { 'phone numbers': 1 } };
});

describe('the sample', () => {
  test('has hits and misses in equal numbers, with the evidence marked', async () => {
    const sample = await reviewSample(documents, mask, { rule: 'phone', sample: 20, seed: 7 });
    expect(sample).toMatchObject({ rule: 'phone numbers', seed: 7, hits: 20, misses: 180 });
    expect(sample.items.filter(({ hit }) => hit)).toHaveLength(10);
    expect(sample.items).toHaveLength(20);
    for (const { text, hit, spans } of sample.items) {
      expect(spans.map(({ from, to }) => text.slice(from, to))).toEqual(hit ? [text.slice(5, 13)] : []);
    }
    // Mixed: not all hits first.
    expect(sample.items.slice(0, 10).every(({ hit }) => hit)).toBe(false);
  });

  test('depends on the seed alone, not on the order', async () => {
    const first = await reviewSample(documents, mask, { rule: 'phone', sample: 12, seed: 3 });
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const shuffled = Array.from(
          permutation(key(seed), documents.length),
          (index) => documents[index] ?? first.items[0],
        );
        expect(await reviewSample(shuffled as Document[], mask, { rule: 'phone', sample: 12, seed: 3 })).toEqual(first);
      }),
      { numRuns: 5 },
    );
    const other = await reviewSample(documents, mask, { rule: 'phone', sample: 12, seed: 4 });
    expect(other.items.map(({ id }) => id)).not.toEqual(first.items.map(({ id }) => id));
  });

  test('takes more misses where there are few hits', async () => {
    const sample = await reviewSample(documents, mask, { rule: 'phone', sample: 100 });
    expect([sample.items.filter(({ hit }) => hit).length, sample.items.length]).toEqual([20, 100]);
  });

  test('marks what a rule that drops names as evidence, and tells its number', async () => {
    const drop = localStep('list', (one) =>
      one.text.includes('555') ? { drop: 'word list', evidence: 'call 555…', score: 0.25 } : { keep: one },
    );
    const { items } = await reviewSample(documents, drop, { rule: 'word list', sample: 4 });
    const hit = items.find((item) => item.hit);
    expect(hit?.spans).toEqual([{ from: 0, to: 8 }]);
    expect(hit?.note).toBe('word list: 0.25');
  });

  test('says which rules there are', async () => {
    await expect(reviewSample(documents, mask, { rule: 'e-mail' })).rejects.toThrow(
      /no document was met by this rule[^]*e-mail[^]*phone numbers \(20\)/u,
    );
    await expect(reviewSample(documents, mask, { rule: 'phone', sample: 1 })).rejects.toThrow('too few documents');
  });
});

/** A sample of so many hits and misses, and judgements with so many yes. */
function judged(
  hits: { documents: number; drawn: number; yes: number },
  misses: { documents: number; drawn: number; yes: number },
): [Omit<ReviewSample, 'items'> & { items: { id: string; hit: boolean }[] }, Map<string, ReviewJudgement>] {
  const items = [...Array(hits.drawn + misses.drawn).keys()].map((index) => {
    return { id: String(index), hit: index < hits.drawn };
  });
  const judgements = new Map<string, ReviewJudgement>(
    items.map(({ id, hit }, index) => {
      const yes = hit ? index < hits.yes : index - hits.drawn < misses.yes;
      return [id, yes ? 'yes' : 'no'];
    }),
  );
  return [{ rule: 'r', seed: 1, hits: hits.documents, misses: misses.documents, items }, judgements];
}

describe('the scores', () => {
  test('weigh each stratum by its size: by hand', () => {
    // 100 hits, 40 of 50 right: 80 found. 900 misses, 2 of 90 overlooked: 20. Recall 80 / 100.
    const scores = reviewScores(
      ...judged({ documents: 100, drawn: 50, yes: 40 }, { documents: 900, drawn: 90, yes: 2 }),
    );
    expect(scores.precision?.value).toBeCloseTo(0.8, 12);
    expect(scores.recall?.value).toBeCloseTo(0.8, 12);
    expect(scores.recall?.low).toBeLessThan(0.6);
    expect(scores.recall?.high).toBeGreaterThan(0.9);
  });

  test('say how much may have been overlooked where nothing was found to be', () => {
    const scores = reviewScores(
      ...judged({ documents: 100, drawn: 50, yes: 50 }, { documents: 900, drawn: 50, yes: 0 }),
    );
    expect(scores.recall?.value).toBe(1);
    expect(scores.recall?.high).toBe(1);
    // Up to 62 of 900 may be overlooked, beside about 100 found.
    expect(scores.recall?.low).toBeCloseTo(0.62, 1);
  });

  test('have no doubt where all was judged, and leave out what was not sure', () => {
    const [sample, judgements] = judged({ documents: 4, drawn: 4, yes: 3 }, { documents: 6, drawn: 6, yes: 1 });
    expect(reviewScores(sample, judgements)).toMatchObject({
      precision: { value: 0.75, low: 0.75, high: 0.75 },
      recall: { value: 0.75, low: 0.75, high: 0.75 },
    });
    judgements.set('3', 'unsure');
    const scores = reviewScores(sample, judgements);
    expect(scores.hits).toEqual({ documents: 4, drawn: 4, judged: 3, yes: 3, unsure: 1 });
    expect(scores.precision?.value).toBe(1);
    expect(scores.precision?.low).toBeLessThan(1);
    expect(reviewScores(sample, new Map())).toMatchObject({ precision: undefined, recall: undefined });
  });

  // 500 reviews of each of four rules, drawn without replacement: the interval holds the truth in 95 of 100, or more often.
  test.each([
    { H: 150, p: 0.9, M: 1850, q: 0.02, n: 50 },
    { H: 400, p: 0.6, M: 1600, q: 0.1, n: 50 },
    { H: 150, p: 0.97, M: 5000, q: 0.002, n: 50 },
    { H: 1000, p: 0.5, M: 1000, q: 0.3, n: 40 },
  ])('hold the true recall of $p of $H hits, $q of $M misses', ({ H, p, M, q, n }) => {
    const [right, overlooked] = [Math.round(H * p), Math.round(M * q)];
    const truth = right / (right + overlooked);
    const draw = (documents: number, positive: number, seed: number): number =>
      permutation(key(seed), documents)
        .subarray(0, n)
        .reduce((sum, index) => sum + (index < positive ? 1 : 0), 0);
    const holds = new Map<string, boolean>();
    let covered = 0;
    const reviews = 500;
    for (let review = 0; review < reviews; review++) {
      const [found, missed] = [draw(H, right, 2 * review), draw(M, overlooked, 2 * review + 1)];
      const name = `${found} ${missed}`;
      if (!holds.has(name)) {
        const { recall } = reviewScores(
          ...judged({ documents: H, drawn: n, yes: found }, { documents: M, drawn: n, yes: missed }),
        );
        holds.set(name, recall !== undefined && recall.low <= truth && truth <= recall.high);
      }
      if (holds.get(name) === true) covered++;
    }
    expect(covered / reviews).toBeGreaterThan(0.93);
  });
});
