import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/data/corpus.js';
import type { Corpus } from '../../../src/data/corpus.js';
import { document } from '../../../src/data/document.js';
import { Ledger, openLedger } from '../../../src/data/ledger/ledger.js';
import { flows } from '../../../src/data/ledger/sankey.js';
import type { Step } from '../../../src/data/step.js';

const documents = ['a', 'bb', 'ccc'].map((text) => document({ text, source: 'file.txt', domain: 'letters' }));
const [a, bb, ccc] = documents.map(({ id }) => id);
const read: Corpus = {
  documents,
  ledger: openLedger(documents.map((keep) => ({ document: keep, verdict: { keep } }))),
};

const shout: Step = {
  name: 'shout',
  judge: (all) =>
    all.map((one) =>
      one.text === 'a'
        ? { keep: one }
        : { keep: { ...one, text: one.text.toUpperCase() }, changes: { letters: one.text.length } },
    ),
};
const dropLong: Step = {
  name: 'drop long',
  judge: (all) =>
    Promise.resolve(
      all.map((keep) => (keep.text.length > 2 ? { drop: 'too long', like: 'ffff', score: 0.5 } : { keep })),
    ),
};
const corpus = await apply(await apply(await apply(read, shout), dropLong), shout);

describe('Ledger', () => {
  it('knows the fate of each document', () => {
    expect(corpus.documents.map(({ text }) => text)).toEqual(['a', 'BB']);
    expect(corpus.ledger.kept.map(({ id }) => id)).toEqual([a, bb]);
    expect(corpus.ledger.why(a ?? '')).toBe(`${a ?? ''} from file.txt (letters, 1 characters)\n  kept`);
    expect(corpus.ledger.why((ccc ?? '').slice(0, 8))).toBe(
      `${ccc ?? ''} from file.txt (letters, 3 characters)\n  shout: changed (3 letters)\n  drop long: dropped, too long 0.500 like ffff`,
    );
  });

  it('counts what each step did; a step that is used again has its own count', () => {
    expect(corpus.ledger.counts()).toEqual([
      { step: 'read', documentsIn: 3, documentsOut: 3, changed: 0, changes: {}, dropped: {} },
      { step: 'shout', documentsIn: 3, documentsOut: 3, changed: 2, changes: { letters: 5 }, dropped: {} },
      { step: 'drop long', documentsIn: 3, documentsOut: 2, changed: 0, changes: {}, dropped: { 'too long': 1 } },
      { step: 'shout 2', documentsIn: 2, documentsOut: 2, changed: 1, changes: { letters: 2 }, dropped: {} },
    ]);
  });

  it('is a value: ledgers before stay as they were', () => {
    expect(read.ledger.steps).toEqual(['read']);
    expect(read.ledger.kept).toHaveLength(3);
  });

  it('draws flows that are as wide behind a step as before it', () => {
    expect(flows(corpus.ledger).map(({ from, to, documents, dropped }) => [from, to, documents, dropped])).toEqual([
      ['file.txt', 'read', 3, false],
      ['read', 'shout', 3, false],
      ['shout', 'drop long', 3, false],
      ['drop long', 'shout 2', 2, false],
      ['drop long', 'too long', 1, true],
      ['shout 2', 'kept', 2, false],
    ]);
    const { data, layout } = corpus.ledger.sankey();
    // A band for each flow, a bar for each of 4 steps and the end.
    expect(layout.shapes?.map(({ type }) => type).sort()).toEqual([
      ...new Array<string>(6).fill('path'),
      ...new Array<string>(5).fill('rect'),
    ]);
    const bars = layout.shapes?.filter(({ type }) => type === 'rect').map(({ y0 }) => Number(y0).toFixed(3));
    expect(bars).toEqual(['0.000', '0.000', '0.000', '0.333', '0.333']);
    expect(JSON.stringify(data)).toContain('✕ too long: 1');
  });

  it('draws at most six sources', () => {
    const many = new Ledger(
      Array.from({ length: 20 }, (_, index) => ({
        id: `${index}`,
        source: `f${index}`,
        domain: 'd',
        characters: 1,
        events: [],
      })),
    );
    expect(JSON.stringify(many.sankey().data)).toContain('15 other sources: 15');
  });

  it('refuses an id that is none, and verdicts that do not fit the documents', () => {
    expect(() => corpus.ledger.why('zz')).toThrow(/no document with this id\n {2}received: zz/u);
    const many = new Ledger(
      Array.from({ length: 11 }, (_, index) => ({
        id: `f${index}`,
        source: 's',
        domain: 'd',
        characters: 1,
        events: [],
      })),
    );
    expect(() => many.why('f')).toThrow('11 documents');
    expect(() => read.ledger.after('broken', [])).toThrow('broken gave 0 verdicts');
    expect(() =>
      read.ledger.after(
        'broken',
        [...documents, ...documents].map((keep) => ({ keep })),
      ),
    ).toThrow('6 verdicts for 3');
  });
});
