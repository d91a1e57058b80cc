import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decontaminate } from '../../../src/data/deduplicate/decontaminate.js';
import { deduplicate } from '../../../src/data/deduplicate/deduplicate.js';
import { deduplicateLines } from '../../../src/data/deduplicate/deduplicate-lines.js';
import { deduplicateSemantically } from '../../../src/data/deduplicate/deduplicate-semantically.js';
import { document } from '../../../src/data/document.js';
import type { Document } from '../../../src/data/document.js';
import { compareCanonically, isJointStep } from '../../../src/data/joint-step.js';
import type { JointStep, Numbered } from '../../../src/data/joint-step.js';
import { isLocalStep } from '../../../src/data/local-step.js';
import { RowList } from '../../../src/data/rows.js';
import type { Step, Verdict } from '../../../src/data/step.js';

const steps: readonly Step[] = [
  deduplicate({ threshold: 0.8, shingle: { unit: 'characters', width: 4 }, numHashes: 64, report: () => undefined }),
  deduplicateLines({ unit: 'line', minimumWords: 2 }),
  deduplicateLines({ unit: 'paragraph', minimumWords: 1, keep: 'none' }),
  decontaminate({ against: { texts: ['a b c d', '学而时习之'] }, n: 3 }),
];
const documentsOf = (texts: readonly string[]): readonly Document[] =>
  texts.map((text, index) => document({ text, source: `${index}`, domain: 'd' }));
const texts = ['a b c d e', 'a b c d e f', 'x\n\na b c d e', '学而时习之', '…', '…', ''];

describe.each(steps.map((step) => [step.name, step] as const))('%s', (_, step) => {
  it('is found again by another thread, and judges the same there', async () => {
    const { made } = step;
    if (made === undefined) throw new Error('not made');
    const { module, name, options } = structuredClone(made);
    const functions = (await import(module)) as Readonly<Record<string, (...options: readonly unknown[]) => Step>>;
    const again = functions[name]?.(...options);
    expect(again?.made).toEqual(made);
    expect(await again?.judge(documentsOf(texts))).toEqual(await step.judge(documentsOf(texts)));
  });

  it('gives a verdict on any text there is, none for none', async () => {
    expect(await step.judge([])).toEqual([]);
    // Half surrogate pairs, controls, and one line of 2 MB.
    const odd = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
    await fc.assert(
      fc.asyncProperty(fc.array(odd, { maxLength: 6 }), async (all) => {
        const verdicts = await step.judge(documentsOf(all));
        expect(verdicts.map((verdict) => 'keep' in verdict || 'drop' in verdict)).toEqual(all.map(() => true));
      }),
      { numRuns: 40 },
    );
    expect(await step.judge(documentsOf(['word '.repeat(400_000)]))).toHaveLength(1);
  });
});

it('steps are of one document or of all, and one that holds a function of the user’s stays in its thread', () => {
  expect(steps.map(isJointStep)).toEqual([true, true, true, false]);
  expect(steps.map(isLocalStep)).toEqual([false, false, false, true]);
  const step = deduplicateSemantically({ embed: () => ({ width: 1, vectors: [1] }), threshold: 0.9 });
  expect(isJointStep(step)).toBe(true);
  expect(step.made).toBeUndefined();
});

describe('acts on parts of the groups', () => {
  /** The verdicts where each part is found by a step of its own, as in a process of its own. */
  async function inParts(
    make: () => JointStep,
    documents: readonly Document[],
    numParts: number,
  ): Promise<readonly Verdict[]> {
    const ordered = [...documents].sort(compareCanonically);
    const numbered = (): Numbered => ({ count: ordered.length, read: (number) => at(ordered, number) });
    const parts = Array.from({ length: numParts }, () => new RowList());
    for (const [number, one] of ordered.entries()) {
      await make().tell(one, (group, ...values) => {
        at(parts, Math.floor((group / 2 ** 32) * numParts)).push(group, number, ...values);
      });
    }
    const found = new RowList();
    for (const part of parts.toReversed()) {
      for (const row of await make().find(part.sorted(), numbered())) found.push(...row);
    }
    const decisions = new Map(await make().decide(found.sorted(), numbered()));
    const verdicts: Verdict[] = [];
    for (const one of documents) verdicts.push(await make().judgeOne(one, decisions.get(ordered.indexOf(one))));
    return verdicts;
  }

  function at<Item>(list: readonly Item[], index: number): Item {
    const item = list[index];
    if (item === undefined) throw new RangeError(`${index} of ${list.length}`);
    return item;
  }

  const kinds: readonly (readonly [string, () => JointStep])[] = [
    ['deduplicate', () => deduplicate({ threshold: 0.6 })],
    ['deduplicate lines', () => deduplicateLines({ unit: 'line', minimumWords: 2, minimumCopies: 3 })],
  ];
  it.each(kinds)('come to the same as in one: %s', async (_, make) => {
    // Families of texts that are alike, and copies.
    const variants = Array.from({ length: 120 }, (_, index) =>
      Array.from(
        { length: 40 },
        (_, word) =>
          `${word === (index * 7) % 45 ? `x${index % 9}` : `f${index % 4}w${word}`}${word % 10 === 9 ? '\n' : ' '}`,
      ).join(''),
    );
    const documents = documentsOf(variants);
    const verdicts = await make().judge(documents);
    expect(verdicts.some((verdict) => 'drop' in verdict || verdict.changes !== undefined)).toBe(true);
    for (const numParts of [1, 3, 50]) expect(await inParts(make, documents, numParts)).toEqual(verdicts);
  });
});
