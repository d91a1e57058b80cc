import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNgrams, ngramCodec, saveNgrams } from '../../../src/data/perplexity/ngram-codec.js';
import { ngramScorer } from '../../../src/data/perplexity/ngram-model.js';
import { readArpa } from '../../../src/data/perplexity/read-arpa.js';
import { perplexityOf } from '../../../src/data/perplexity/scorer.js';
import { trainNgrams } from '../../../src/data/perplexity/train-ngrams.js';
import { writeArpa } from '../../../src/data/perplexity/write-arpa.js';

const fixtures = join(import.meta.dirname, 'fixtures');
const probes = ['the cat sat on the mat', 'mat the nobody on', '学习 模型'];
let folder = '';
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'arpa-'))));
afterAll(() => rm(folder, { recursive: true }));

interface Line {
  readonly text: string;
  readonly total: number;
  readonly perplexity: number;
}

describe('readArpa', () => {
  test.each(['tiny', 'pruned'] as const)('scores as KenLM does: %s', async (name) => {
    const expected = JSON.parse(await readFile(join(fixtures, 'kenlm.json'), 'utf8')) as Record<
      string,
      readonly Line[]
    >;
    const scorer = ngramScorer(await readArpa(join(fixtures, `${name}.arpa.gz`)));
    for (const { text, total, perplexity } of expected[name] ?? []) {
      expect(scorer.score(text).logProbability / Math.LN10).toBeCloseTo(total, 4);
      expect(perplexityOf(scorer.score(text)) / perplexity).toBeCloseTo(1, 4);
    }
    // Lines are sentences.
    const both = scorer.score(`${probes[0] ?? ''}\n\n${probes[1] ?? ''}`);
    const each = probes.slice(0, 2).map((text) => scorer.score(text));
    expect(both.logProbability).toBeCloseTo(
      each.reduce((sum, { logProbability }) => sum + logProbability, 0),
      10,
    );
    expect(both.units).toBe(7 + 5);
  });

  test('by hand: backing off, unknown words', async () => {
    const path = join(folder, 'hand.arpa');
    const lines = ['\\data\\', 'ngram 1=4', 'ngram 2=2', '', '\\1-grams:', '-1 </s>', '-99 <s> -0.5', '-0.3 a -0.2', '-0.6 b', '']; // prettier-ignore
    await writeFile(path, [...lines, '\\2-grams:', '-0.1 <s> a', '-0.4 a b', '', '\\end\\', ''].join('\r\n'));
    const scorer = ngramScorer(await readArpa(path));
    // <s> a b </s>: −0.1 − 0.4 + (0 − 1)
    expect(scorer.score('a b').logProbability / Math.LN10).toBeCloseTo(-1.5, 6);
    // <s> b a </s>: (−0.5 − 0.6) + (0 − 0.3) + (−0.2 − 1)
    expect(scorer.score('b a').logProbability / Math.LN10).toBeCloseTo(-2.6, 6);
    // <s> z </s>: (−0.5 − 100) + (0 − 1): KenLM's −100 where a model has no <unk>.
    expect(scorer.score('z').logProbability / Math.LN10).toBeCloseTo(-101.5, 4);
  });

  test('says which line is wrong', async () => {
    const whole = gunzipSync(await readFile(join(fixtures, 'tiny.arpa.gz'))).toString('utf8');
    const path = join(folder, 'wrong.arpa');
    const reading = async (text: string): Promise<unknown> => {
      await writeFile(path, text);
      return readArpa(path).catch((error: unknown) => String(error));
    };
    expect(await reading('')).toContain('there is no \\data\\ line');
    expect(await reading('some text\nwithout numbers\n')).toContain('there is no \\data\\ line');
    expect(await reading(whole.slice(0, whole.indexOf('\\end')))).toContain('cut off');
    expect(await reading(whole.replace('ngram 2=39', 'ngram 2=40'))).toContain('39 2-grams where the file says 40');
    expect(await reading(whole.replace('-1.3662132\tcat', 'NaN\tcat'))).toMatch(/wrong\.arpa:\d+: no logarithm/u);
    expect(await reading(whole.replace('-1.3662132\tcat', '1.5\tcat'))).toContain('no logarithm of a probability');
    expect(await reading(whole.replace('\tcat\t', '\tcat dog mouse\t'))).toContain('not a number, 1 units');
    expect(await reading(whole.replace('\tthe cat\t', '\tthe tiger\t'))).toContain(
      'a unit that is not among the 1-grams',
    );
    expect(await reading(whole.replace('\tthe cat\t', '\tthe dog\t'))).toContain('there before');
    expect(await reading(whole.replace('\\2-grams:', '\\3-grams:'))).toContain('does not come here');
    await expect(readArpa(join(folder, 'none.arpa'))).rejects.toThrow(/cannot read the file\n.*ENOENT/u);
    await writeFile(`${path}.gz`, (await readFile(join(fixtures, 'tiny.arpa.gz'))).subarray(0, 500));
    await expect(readArpa(`${path}.gz`)).rejects.toThrow('cannot read the file');
  });
});

describe('a model on disk', () => {
  test('comes back as it was, as ARPA and as a folder', async () => {
    const text = await readFile(join(fixtures, 'tiny.txt'), 'utf8');
    const model = await trainNgrams([{ text }], { order: 4, units: 'spaces' });
    await writeArpa(model, join(folder, 'own.arpa'));
    await writeArpa(model, join(folder, 'own.arpa.gz'));
    await saveNgrams(model, join(folder, 'own'));
    const read = await Promise.all(['own.arpa', 'own.arpa.gz', 'own'].map((name) => loadNgrams(join(folder, name))));
    for (const one of read) {
      expect(one.counts).toEqual(model.counts);
      for (const probe of probes) expect(ngramScorer(one).score(probe)).toEqual(ngramScorer(model).score(probe));
    }
    expect(read[2]?.discounts).toEqual(model.discounts);
    expect(ngramCodec.is(model)).toBe(true);
    expect(ngramCodec.summarise(model).facts).toMatchObject({ order: 4, units: 'spaces', vocabulary: 20 });
  });

  test('says what is missing', async () => {
    const custom = await trainNgrams([{ text: 'a b' }], { order: 2, units: (text) => text.split(' ') });
    await expect(ngramCodec.write(custom, join(folder, 'custom'))).rejects.toThrow('units are a function');
    await saveNgrams(custom, join(folder, 'custom'));
    await expect(loadNgrams(join(folder, 'custom'))).rejects.toThrow('units of a function');
    const again = await loadNgrams(join(folder, 'custom'), { units: custom.units });
    expect(ngramScorer(again).score('a b')).toEqual(ngramScorer(custom).score('a b'));
    await writeFile(join(folder, 'custom', 'ngrams.bin'), 'short');
    await expect(loadNgrams(join(folder, 'custom'), { units: 'words' })).rejects.toThrow(/ngrams.bin has 5 bytes/u);
  });
});
