import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { corpusCodec, splitCorpusCodec } from '../../src/data/corpus-codec.js';
import { deduplicate } from '../../src/data/deduplicate/deduplicate.js';
import { load } from '../../src/data/read/load.js';
import { mix } from '../../src/data/mix/mix.js';
import { normalise } from '../../src/data/clean/normalise.js';
import { splitDocuments } from '../../src/data/split.js';
import { key } from '../../src/engine/key.js';
import { hash } from '../../src/files.js';

const shares = { shakespeare: 0.6, brown: 0.4 };
const corpus = await load({ shares }).through(
  normalise(),
  deduplicate({ threshold: 0.9 }),
  mix({ shares, key: key('mix') }),
);
// Hashes: a comparison of 12 MB value by value takes seconds.
const canonical = (value: unknown): string => hash(JSON.stringify(value));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('corpusCodec', () => {
  it('gives back the corpus with its ledger, from the same bytes each time', async () => {
    await corpusCodec.write(corpus, join(folder, 'one'));
    await corpusCodec.write(corpus, join(folder, 'two'));
    expect(canonical(await corpusCodec.read(join(folder, 'one')))).toBe(canonical(corpus));
    for (const file of ['documents.jsonl.gz', 'ledger.jsonl.gz']) {
      const [one, two] = [await readFile(join(folder, 'one', file)), await readFile(join(folder, 'two', file))];
      expect(one.equals(two)).toBe(true);
    }
  });

  it('names a file that is cut off or not there', async () => {
    await corpusCodec.write(corpus, folder);
    const path = join(folder, 'ledger.jsonl.gz');
    await writeFile(path, (await readFile(path)).subarray(0, -200));
    await expect(corpusCodec.read(folder)).rejects.toThrow(path);
    await rm(path);
    await expect(corpusCodec.read(folder)).rejects.toThrow(path);
  });

  it('summarises documents, characters and what was dropped', () => {
    const { facts, tables } = corpusCodec.summarise(corpus);
    const shakespeare = corpus.documents.filter(({ source }) => source === 'shakespeare');
    expect(facts).toMatchObject({ documents: 223 + shakespeare.length });
    // 2,639,804 characters of Brown are 40% of 6.6 million.
    const share = Number(facts['characters']) / 2_639_804;
    expect(Math.abs(share - 2.5)).toBeLessThan(0.04);
    expect(tables?.[0]?.rows.map(([step, documentsIn, , dropped]) => [step, documentsIn, dropped])).toEqual([
      ['read', 265, 0],
      ['normalise', 265, 0],
      ['deduplicate', 265, 0],
      ['mix', 265, 42 - shakespeare.length],
    ]);
    expect(tables?.[1]?.rows).toHaveLength(16);
  });
});

describe('splitCorpusCodec', () => {
  it('gives back both parts', async () => {
    const split = splitDocuments(corpus, 0.1, key('split'));
    await splitCorpusCodec.write(split, folder);
    expect(canonical(await splitCorpusCodec.read(folder))).toBe(canonical(split));
    expect([corpus, split].map((value) => [corpusCodec.is(value), splitCorpusCodec.is(value)])).toEqual([
      [true, false],
      [false, true],
    ]);
    const { facts } = splitCorpusCodec.summarise(split);
    expect(Number(facts['training documents']) + Number(facts['held-out documents'])).toBe(corpus.documents.length);
  });
});
