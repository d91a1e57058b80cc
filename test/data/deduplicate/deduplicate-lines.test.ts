import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deduplicateLines } from '../../../src/data/deduplicate/deduplicate-lines.js';
import type { DeduplicateLinesOptions } from '../../../src/data/deduplicate/deduplicate-lines.js';
import { lineKey, units } from '../../../src/data/deduplicate/text-units.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';

const of = (text: string): Document => document({ text, source: 's', domain: 'd' });
const NOTICE = 'All rights reserved by the publisher of this page.';

/** What is left of each text, by the text it was; a dropped one by its reason. */
async function left(texts: readonly string[], options: DeduplicateLinesOptions): Promise<readonly string[]> {
  const verdicts = await deduplicateLines(options).judge(texts.map(of));
  return verdicts.map((verdict) => ('keep' in verdict ? verdict.keep.text : `dropped: ${verdict.drop}`));
}

describe('deduplicateLines', () => {
  it('takes a repeated line from all documents but the first, and tells what it took', async () => {
    const texts = ['one', 'two', 'three'].map((word) => `This is page ${word}.\n${NOTICE}\nThe end of ${word}.`);
    const first = texts.map(of).reduce((a, b) => (a.id < b.id ? a : b)).text;
    expect(await left(texts, { unit: 'line' })).toEqual(
      texts.map((text) => (text === first ? text : text.replace(`${NOTICE}\n`, ''))),
    );
    expect(await left(texts, { unit: 'line', keep: 'none' })).toEqual(
      texts.map((text) => text.replace(`${NOTICE}\n`, '')),
    );
    expect(await left(texts, { unit: 'line', minimumCopies: 4 })).toEqual(texts);
    const [verdict] = await deduplicateLines({ unit: 'line', keep: 'none' }).judge(texts.map(of));
    expect(verdict).toMatchObject({
      changes: { 'repeated lines': 1 },
      evidence: { 'repeated lines': `“${NOTICE}” (one of them is in 3 documents)` },
    });
  });

  it('compares words, leaves short lines and refrains, and goes by character in Chinese', async () => {
    const options = { unit: 'line', keep: 'none' } as const;
    expect(await left(['a\nAll rights RESERVED by us', 'b\n— all rights, reserved by us!'], options)).toEqual([
      'a',
      'b',
    ]);
    expect(await left(['a\nYes, it is', 'b\nYes, it is'], options)).toEqual(['a\nYes, it is', 'b\nYes, it is']);
    expect(await left(['甲\n版权所有，翻印必究', '乙\n版权所有翻印必究。'], options)).toEqual(['甲', '乙']);
    const refrain = Array.from({ length: 3 }, () => 'and the wind and the rain').join('\n');
    expect(await left([refrain], options)).toEqual([refrain]);
  });

  it('takes paragraphs, with what parts them, and drops a document of which nothing is left', async () => {
    const options = { unit: 'paragraph', keep: 'none' } as const;
    const notice = 'We use cookies to make\nthis page better for you.';
    expect(
      await left([`${notice}\n\nFirst.`, `Second.\n \n${notice}\n\nMore.`, `Third.\n\n${notice}`, notice], options),
    ).toEqual(['First.', 'Second.\n \nMore.', 'Third.', 'dropped: only repeated paragraphs']);
    // A line between blank lines takes one of them with it.
    expect(await left([`a\n\n${NOTICE}\n\nb`, NOTICE], { unit: 'line', keep: 'none' })).toEqual([
      'a\n\nb',
      'dropped: only repeated lines',
    ]);
  });

  it('leaves the same in any order, as counting in the plainest way does', async () => {
    const line = fc.constantFrom('', 'a b c d e', 'f g h i j', 'k l m n o', 'short', '  ', 'p q r s t');
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.array(line, { minLength: 1, maxLength: 6 }).map((lines) => lines.join('\n')),
          { minLength: 2, maxLength: 8 },
        ),
        fc.integer({ min: 2, max: 3 }),
        async (texts, minimumCopies) => {
          const options = { unit: 'line', minimumCopies } as const;
          const verdicts = await left(texts, options);
          expect((await left(texts.toReversed(), options)).toReversed()).toEqual(verdicts);
          const ordered = texts.map(of).sort((a, b) => (a.id < b.id ? -1 : 1));
          texts.forEach((text, index) => {
            const stay = text.split('\n').filter((one) => {
              const holders = ordered.filter((other) => other.text.split('\n').includes(one));
              return one.split(' ').length < 5 || holders.length < minimumCopies || holders[0]?.text === text;
            });
            const words = stay
              .join(' ')
              .split(/\s+/)
              .filter((word) => word !== '');
            const found = verdicts[index] ?? '';
            if (found.startsWith('dropped')) expect(words).toEqual([]);
            else expect(found.split(/\s+/).filter((word) => word !== '')).toEqual(words);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses numbers that are none of the kind', () => {
    expect(() => deduplicateLines({ unit: 'line', minimumCopies: 1 })).toThrow('minimumCopies');
    // @ts-expect-error sentences are not compared
    expect(() => deduplicateLines({ unit: 'sentence' })).toThrow('unit');
  });
});

describe('units', () => {
  it('and what parts them are the text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '学') });
    fc.assert(
      fc.property(text, fc.constantFrom('line', 'paragraph'), (whole, unit) => {
        const found = [...units(whole, unit)];
        expect(found.map(({ start, next }) => whole.slice(start, next)).join('')).toBe(whole);
        expect(found.every(({ start, end }) => !/\n[^\S\n]*\n/.test(whole.slice(start, end)))).toBe(true);
      }),
    );
  });

  it('have a key of their words', () => {
    const key = (text: string): unknown => lineKey(text, 0, text.length);
    expect(key('Hello,  World')).toEqual(key('hello world!'));
    expect(key('a b')).not.toEqual(key('ab'));
    expect(key('学习')).toMatchObject({ numWords: 2 });
    const keys = new Set(Array.from({ length: 20_000 }, (_, index) => JSON.stringify(key(`line number ${index}`))));
    expect(keys.size).toBe(20_000);
    const groups = new Set(
      Array.from({ length: 20_000 }, (_, index) => (key(`line number ${index}`) as { group: number }).group),
    );
    expect(groups.size).toBeGreaterThan(19_990);
  });
});
