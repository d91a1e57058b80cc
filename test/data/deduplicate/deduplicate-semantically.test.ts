import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deduplicateSemantically } from '../../../src/data/deduplicate/deduplicate-semantically.js';
import type { Embed } from '../../../src/data/deduplicate/deduplicate-semantically.js';
import { kMeans } from '../../../src/data/deduplicate/k-means.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { key } from '../../../src/engine/key.js';

interface Fixture {
  readonly texts: readonly string[];
  readonly groups: readonly number[];
  readonly width: number;
  readonly vectors: string;
  readonly cosines: readonly (readonly number[])[];
}

const fixture = JSON.parse(readFileSync(new URL('fixtures/paraphrases.json', import.meta.url), 'utf8')) as Fixture;
const { texts, groups, width, cosines } = fixture;
const numbers = new Int8Array(Buffer.from(fixture.vectors, 'base64'));
const documents = texts.map((text) => document({ text, source: 's', domain: 'd' }));

/** all-MiniLM-L6-v2, from the fixture; says how many texts came at a time. */
function embedder(): { readonly embed: Embed; readonly batches: number[] } {
  const batches: number[] = [];
  const embed: Embed = (asked) => {
    batches.push(asked.length);
    const vectors = asked.flatMap((text) => {
      const at = texts.indexOf(text);
      return [...numbers.subarray(at * width, (at + 1) * width)];
    });
    return { width, vectors };
  };
  return { embed, batches };
}

const kept = async (
  given: readonly Document[],
  options: { readonly threshold: number; readonly numClusters?: number; readonly seed?: number },
): Promise<readonly string[]> => {
  const verdicts = await deduplicateSemantically({ embed: embedder().embed, ...options }).judge(given);
  return verdicts.flatMap((verdict) => ('keep' in verdict ? [verdict.keep.text] : [])).sort();
};

describe('deduplicateSemantically', () => {
  it('keeps the longest of sentences that mean the same, and says how near they are', async () => {
    const { embed, batches } = embedder();
    const verdicts = await deduplicateSemantically({ embed, threshold: 0.87 }).judge(documents);
    expect(batches).toEqual([texts.length]);
    verdicts.forEach((verdict, index) => {
      const own = texts.filter((_, other) => groups[other] === groups[index]);
      const longest = own.reduce((a, b) => (b.length > a.length ? b : a));
      if ('keep' in verdict) expect(texts[index]).toBe(longest);
      else {
        const like = documents.findIndex(({ id }) => id === verdict.like);
        expect(texts[like]).toBe(longest);
        expect(verdict.drop).toBe('same meaning');
        expect(Math.abs((verdict.score ?? 0) - (cosines[index]?.[like] ?? 0))).toBeLessThan(0.005);
      }
    });
    expect(verdicts.filter((verdict) => 'keep' in verdict)).toHaveLength(new Set(groups).size);
  });

  it('keeps the same in any order, and with clusters what a cluster parts', async () => {
    const expected = await kept(documents, { threshold: 0.87, numClusters: 4, seed: 1 });
    expect(expected.length).toBeGreaterThanOrEqual(new Set(groups).size);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(documents, { minLength: documents.length }), async (order) => {
        expect(await kept(order, { threshold: 0.87, numClusters: 4, seed: 1 })).toEqual(expected);
      }),
      { numRuns: 20 },
    );
    expect(await kept(documents, { threshold: 1 })).toHaveLength(texts.length);
  });

  it('refuses vectors that are none, and options that are none', async () => {
    const withVectors = (vectors: readonly number[]): Promise<unknown> =>
      Promise.resolve(
        deduplicateSemantically({ embed: () => ({ width: 2, vectors }), threshold: 0.9 }).judge(documents.slice(0, 2)),
      );
    await expect(withVectors([1, 0, 1])).rejects.toThrow('no vector for each text');
    await expect(withVectors([1, 0, NaN, 1])).rejects.toThrow('NaN or infinity for text 1 of 2');
    await expect(withVectors([1, 0, 0, 0])).rejects.toThrow('only zeros for text 1 of 2');
    expect(await withVectors([1, 0, 1, 0])).toHaveLength(2);
    expect(() => deduplicateSemantically({ embed: embedder().embed, threshold: 1.5 })).toThrow('no such threshold');
    expect(() => deduplicateSemantically({ embed: embedder().embed, threshold: 0.9, numClusters: 0 })).toThrow(
      'no such number of clusters',
    );
    expect(await deduplicateSemantically({ embed: embedder().embed, threshold: 0.9 }).judge([])).toEqual([]);
  });
});

describe('kMeans', () => {
  it('finds directions that are apart', () => {
    // Three directions, ten vectors near each.
    const count = 30;
    const values = new Float32Array(count * 2);
    for (let index = 0; index < count; index++) {
      const angle = ((index % 3) * 2 * Math.PI) / 3 + (index / count - 0.5) * 0.4;
      values.set([Math.cos(angle), Math.sin(angle)], 2 * index);
    }
    // Any first centres of which two lie in one direction may end in a worse place: of ten seeds most find the three.
    const found = Array.from({ length: 10 }, (_, seed) => kMeans({ count, width: 2, values }, 3, key(seed)));
    const areRight = found.map(
      (clusters) => clusters.every((cluster, index) => cluster === clusters[index % 3]) && new Set(clusters).size === 3,
    );
    expect(areRight.filter(Boolean).length).toBeGreaterThanOrEqual(3);
    expect([...kMeans({ count, width: 2, values }, 1, key(0))]).toEqual(new Array(count).fill(0));
  });
});
