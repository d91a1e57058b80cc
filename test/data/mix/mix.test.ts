import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countCharacters, document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { mix } from '../../../src/data/mix/mix.js';
import type { MixOptions } from '../../../src/data/mix/mix.js';
import { shares } from '../../../src/data/mix/shares.js';
import type { Verdict } from '../../../src/data/step.js';
import { key } from '../../../src/engine/key.js';

const make = (source: string, sizes: readonly number[]): Document[] =>
  sizes.map((size, index) => document({ text: `${source}${index} `.padEnd(size, '.'), source, domain: source }));
const kept = (verdicts: readonly Verdict[]): Document[] =>
  verdicts.flatMap((verdict) => ('keep' in verdict ? [verdict.keep] : []));
const through = async (
  documents: readonly Document[],
  options: Omit<MixOptions, 'key'>,
  seed = 1,
): Promise<Document[]> => kept(await mix({ ...options, key: key(seed) }).judge(documents));
const run = (documents: readonly Document[], given: Record<string, number>, seed = 1): Promise<Document[]> =>
  through(documents, { shares: given }, seed);
const charactersOf = (documents: readonly Document[], source: string): number =>
  countCharacters(documents.filter((one) => one.source === source));

describe('mix', () => {
  it('keeps the scarcest source whole and of the others their share', async () => {
    const documents = [...make('a', new Array<number>(100).fill(50)), ...make('b', new Array<number>(20).fill(100))];
    // b has 2,000 characters, 40% of 5,000: a gets 3,000, 60 documents.
    const mixed = await run(documents, { a: 0.6, b: 0.4 });
    expect([charactersOf(mixed, 'a'), charactersOf(mixed, 'b')]).toEqual([3000, 2000]);
    expect(await run(documents, { a: 3, b: 2 })).toEqual(mixed);
    expect(await run(documents, { a: 0.6, b: 0.4 }, 2)).not.toEqual(mixed);
    expect((await run(documents, { a: 0, b: 1 })).every(({ source }) => source === 'b')).toBe(true);
  });

  it('meets shares to within half a document, whatever the sizes and the order', async () => {
    const sizes = fc.array(fc.integer({ min: 10, max: 300 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.integer({ min: 1, max: 9 }), fc.integer(), async (a, b, tenths, seed) => {
        const documents = [...make('a', a), ...make('b', b)];
        const mixed = await run(documents, { a: tenths, b: 10 - tenths }, seed);
        const whole = Math.min(charactersOf(documents, 'a') / tenths, charactersOf(documents, 'b') / (10 - tenths));
        expect(Math.abs(charactersOf(mixed, 'a') - whole * tenths)).toBeLessThanOrEqual(151);
        expect(Math.abs(charactersOf(mixed, 'b') - whole * (10 - tenths))).toBeLessThanOrEqual(151);
        const ids = (from: readonly Document[]): string[] => from.map(({ id }) => id).sort();
        expect(ids(await run(documents.toReversed(), { a: tenths, b: 10 - tenths }, seed))).toEqual(ids(mixed));
      }),
    );
  });

  it('knows the documents of a folder or a glob', async () => {
    const documents = [
      ...make('data/en/1.txt', [100]),
      ...make('data/en/deep/2.txt', [100]),
      ...make('data/zh.txt', [200]),
    ];
    expect(await run(documents, { './data/en/': 1, 'data/*.txt': 1 })).toHaveLength(3);
  });

  it('refuses sources without shares, shares without documents, and no shares', async () => {
    const documents = make('a', [10]);
    await expect(run(documents, { b: 1 })).rejects.toThrow(/no share\n {2}received: a/u);
    await expect(run(documents, { a: 1, b: 1 })).rejects.toThrow(/no documents\n {2}received: b/u);
    expect(() => mix({ shares: { a: 0 }, key: key(1) })).toThrow('no share is above 0');
  });
});

describe('shares', () => {
  it('takes shares of the named sources only', () => {
    const schema = shares(['shakespeare', 'brown']);
    expect(schema.parse({ shakespeare: 0.6 })).toEqual({ shakespeare: 0.6 });
    expect(schema.safeParse({ shakespear: 0.6 }).success).toBe(false);
    expect(schema.safeParse({ brown: -1 }).success).toBe(false);
    expect(schema.safeParse({ brown: 0 }).success).toBe(false);
    const parsed: { shakespeare?: number | undefined; brown?: number | undefined } = schema.parse({ brown: 1 });
    // @ts-expect-error: a name that is not in the list.
    expect(parsed.enwiki).toBeUndefined();
  });
});
