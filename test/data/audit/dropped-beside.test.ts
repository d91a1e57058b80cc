import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { droppedBeside, pairDropped } from '../../../src/data/audit/dropped-beside.js';
import { drawReview, reviewLedger } from '../../../src/data/audit/review-sample.js';
import { isWrittenFolder, judgedInFolder, writtenSteps } from '../../../src/data/audit/written-folder.js';
import { apply } from '../../../src/data/corpus.js';
import type { Corpus } from '../../../src/data/corpus.js';
import { deduplicate } from '../../../src/data/deduplicate/deduplicate.js';
import { document } from '../../../src/data/document.js';
import { openLedger } from '../../../src/data/ledger/ledger.js';
import { localStep } from '../../../src/data/local-step.js';

const words = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');
const documents = [
  document({ text: `${words} the end`, source: 'web', domain: 'web' }),
  document({ text: `${words} the END of it`, source: 'web', domain: 'web' }),
  document({ text: 'short', source: 'web', domain: 'web' }),
  document({ text: 'quite another text, not short', source: 'web', domain: 'web' }),
  document({ text: 'brief', source: 'book', domain: 'book' }),
];
const short = localStep('length', (one) =>
  one.text.length < 10 ? { drop: 'under 10 characters', score: one.text.length } : { keep: one },
);
const raw: Corpus = {
  documents,
  ledger: openLedger(documents.map((each) => ({ document: each, verdict: { keep: each } }))),
};
const corpus = await apply(await apply(raw, short), deduplicate({ threshold: 0.8 }));

describe('dropped documents beside kept ones', () => {
  test('the one it is like, with what differs', async () => {
    const [pair, ...others] = await droppedBeside(corpus.ledger, documents, { rule: 'near' });
    expect(others).toEqual([]);
    expect(pair).toMatchObject({ step: 'deduplicate', why: { drop: 'near-duplicate', like: pair?.kept?.id } });
    expect(pair?.dropped.id).toBe(documents[0]?.id);
    expect(pair?.comparison?.parts.filter(({ kind }) => kind !== 'same').map(({ text }) => text)).toEqual([
      'END of it',
      'end',
    ]);
  });

  test('one that the rule let through, of the same source, and none where there is none', async () => {
    const pairs = await droppedBeside(corpus.ledger, documents, { rule: 'under 10', beside: 'kept' });
    expect(new Map(pairs.map(({ dropped, kept }) => [dropped.text, kept?.source]))).toEqual(
      new Map([
        ['short', 'web'],
        ['brief', undefined],
      ]),
    );
    expect(pairs.every(({ comparison }) => comparison === undefined)).toBe(true);
    expect(await droppedBeside(corpus.ledger, documents, { count: 2 })).toHaveLength(2);
  });

  test('says which rules dropped some', async () => {
    await expect(droppedBeside(corpus.ledger, documents, { rule: 'phone' })).rejects.toThrow(
      /no document was met by this rule[^]*under 10 characters \(2\), near-duplicate \(1\)/u,
    );
    await expect(droppedBeside(raw.ledger, documents)).rejects.toThrow('no document was dropped');
  });
});

test('a review from the ledger leaves out what was dropped before the rule’s step', async () => {
  const sample = await reviewLedger(corpus.ledger, documents, { rule: 'near-duplicate', sample: 10 });
  expect(sample).toMatchObject({ hits: 1, misses: 2 });
  const first = await reviewLedger(corpus.ledger, documents, { rule: 'under 10', sample: 10 });
  expect(first).toMatchObject({ hits: 2, misses: 3 });
});

describe('a folder that a pipeline wrote', () => {
  const write = async (): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'trainbook-folder-'));
    await mkdir(join(folder, 'dropped'));
    const kept = new Set(corpus.documents.map(({ id }) => id));
    const lines = (some: readonly object[]): Buffer => gzipSync(some.map((one) => `${JSON.stringify(one)}\n`).join(''));
    await writeFile(join(folder, 'part-00000-of-00001.jsonl.gz'), lines(corpus.documents));
    const dropped = corpus.ledger.fates.flatMap(({ id, events }) => {
      const last = events.at(-1);
      const found = documents.find((one) => one.id === id);
      return kept.has(id) || last === undefined ? [] : [{ ...found, dropped: { step: last.step, ...last.dropped } }];
    });
    await writeFile(join(folder, 'dropped', 'part-00000-of-00001.jsonl.gz'), lines(dropped));
    await writeFile(join(folder, 'card.json'), '{"pipeline":[{"name":"length"},{"name":"deduplicate"}]}');
    return folder;
  };

  test('is read and reviewed as the ledger in memory is', async () => {
    const folder = await write();
    expect(await isWrittenFolder(folder)).toBe(true);
    const options = { rule: 'near', count: 5 };
    expect(await pairDropped(() => judgedInFolder(folder), options)).toEqual(
      await droppedBeside(corpus.ledger, documents, options),
    );
    const review = { rule: 'near-duplicate', sample: 10 };
    expect(await drawReview(judgedInFolder(folder), review, await writtenSteps(folder))).toEqual(
      await reviewLedger(corpus.ledger, documents, review),
    );
    await rm(folder, { recursive: true });
  });

  test('is refused where a file is cut off', async () => {
    const folder = await write();
    await truncate(join(folder, 'part-00000-of-00001.jsonl.gz'), 60);
    await expect(pairDropped(() => judgedInFolder(folder))).rejects.toThrow(
      /cannot read the documents of .*part-00000/u,
    );
    await rm(folder, { recursive: true });
  });
});
