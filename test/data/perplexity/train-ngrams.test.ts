import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kneserNeyDiscounts } from '../../../src/data/perplexity/kneser-ney.js';
import { beginSentence, END, ngramScorer, nextUnit, UNKNOWN } from '../../../src/data/perplexity/ngram-model.js';
import type { NgramModel } from '../../../src/data/perplexity/ngram-model.js';
import { trainNgrams } from '../../../src/data/perplexity/train-ngrams.js';
import { load } from '../../../src/data/read/load.js';

interface Expected {
  readonly documents: number;
  readonly order: number;
  readonly counts: readonly number[];
  readonly discounts: readonly (readonly number[])[];
  readonly scores: readonly {
    readonly text: string;
    readonly total: number;
    readonly words: readonly (readonly [number, boolean])[];
  }[];
}

const fixtures = join(import.meta.dirname, 'fixtures');
const fixture = async (): Promise<{ readonly tiny: Expected['scores']; readonly brown: Expected }> =>
  JSON.parse(await readFile(join(fixtures, 'kenlm.json'), 'utf8')) as never;
const textsOf = (...texts: readonly string[]) => texts.map((text) => ({ text }));
const p = (model: NgramModel, context: readonly string[], word: string): number => {
  const unitOf = (name: string): number => (name === '</s>' ? END : (model.vocabulary.get(name) ?? UNKNOWN));
  const state = beginSentence(model);
  for (const one of context) nextUnit(model, state, unitOf(one));
  return 10 ** nextUnit(model, state, unitOf(word));
};

describe('trainNgrams', () => {
  test('gives the counts, discounts and probabilities of KenLM’s lmplz', async () => {
    const { brown } = await fixture();
    const { documents } = await load('brown');
    const model = await trainNgrams(documents.slice(0, brown.documents), { order: brown.order, units: 'spaces' });
    expect(model.counts).toEqual(brown.counts);
    expect(model.discounts?.map(({ isFallback }) => isFallback)).toEqual([false, false, false, false]);
    model.discounts?.forEach(({ values }, order) => {
      values.forEach((value, index) => {
        expect(value).toBeCloseTo(brown.discounts[order]?.[index] ?? NaN, 4);
      });
    });
    for (const { text, total } of brown.scores) {
      expect(ngramScorer(model).score(text).logProbability / Math.LN10).toBeCloseTo(total, 4);
    }
  });

  test('gives those of lmplz on a corpus of ten sentences', async () => {
    const { tiny } = await fixture();
    const model = await trainNgrams(textsOf(await readFile(join(fixtures, 'tiny.txt'), 'utf8')), {
      order: 3,
      units: 'spaces',
    });
    for (const { text, total } of tiny) {
      expect(ngramScorer(model).score(text).logProbability / Math.LN10).toBeCloseTo(total, 4);
    }
  });

  test('by hand: bigrams of two sentences', async () => {
    // a b | a c. Bigrams: <s>a 2, ab 1, ac 1, b</s> 1, c</s> 1. Continuation counts: a 1 (after <s>), b 1, c 1, </s> 2; Σ = 5.
    // Too few for counts of counts: D = 0.5, 1, 1.5. |vocabulary| = a b c </s> <unk> = 5.
    const model = await trainNgrams(textsOf('a b\na c'), { order: 2 });
    expect(model.discounts).toEqual(new Array(2).fill({ values: [0.5, 1, 1.5], isFallback: true }));
    // No context: γ = (0.5·3 + 1·1)/5 = 0.5, each of 5 gets 0.1; p(b) = (1 − 0.5)/5 + 0.1 = 0.2; p(</s>) = (2 − 1)/5 + 0.1 = 0.3.
    expect(p(model, ['x'], 'b')).toBeCloseTo(0.2, 6);
    expect(p(model, ['x'], '</s>')).toBeCloseTo(0.3, 6);
    expect(p(model, ['x'], 'y')).toBeCloseTo(0.1, 6);
    // After a: Σ = 2, γ = 0.5·2/2 = 0.5; p(b | a) = 0.5/2 + 0.5·0.2 = 0.35; p(</s> | a) = 0.5·0.3 = 0.15.
    expect(p(model, ['a'], 'b')).toBeCloseTo(0.35, 6);
    expect(p(model, ['a'], '</s>')).toBeCloseTo(0.15, 6);
    // At the beginning: Σ = 2, one follower of count 2: γ = 1/2; p(a | <s>) = (2 − 1)/2 + 0.5·p(a), p(a) = 0.5/5 + 0.1.
    expect(p(model, [], 'a')).toBeCloseTo(0.6, 6);
  });

  test('probabilities of all units sum to 1 in every context, and do not depend on the order of documents', async () => {
    const word = fc.constantFrom('a', 'b', 'c', 'dd');
    const texts = fc.array(
      fc.array(word, { minLength: 1, maxLength: 8 }).map((words) => words.join(' ')),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        texts,
        fc.array(word, { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (given, context, order) => {
          const model = await trainNgrams(textsOf(...given), { order });
          const names = [...model.vocabulary.keys()].filter((name) => name !== '<s>');
          const sum = names.reduce((total, name) => total + p(model, context, name), 0);
          expect(sum).toBeCloseTo(1, 5);
          const other = await trainNgrams(textsOf(...given.toReversed()), { order });
          for (const name of names) expect(p(other, context, name)).toBe(p(model, context, name));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('takes characters, and the ids of a tokenizer', async () => {
    const characters = await trainNgrams(textsOf('你好 吗'), { order: 2, units: 'characters' });
    expect([...characters.vocabulary.keys()].slice(3)).toEqual(['你', '好', '▁', '吗']);
    const ids = await trainNgrams(textsOf('abc'), {
      order: 2,
      units: (text) => Array.from(text).map((one) => one.charCodeAt(0)),
    });
    expect([...ids.vocabulary.keys()].slice(3)).toEqual(['97', '98', '99']);
    expect(ngramScorer(ids).score('abz')).toMatchObject({ units: 4, unknown: 1 });
  });

  test('counts units outside of a given vocabulary as unknown', async () => {
    const limited = await trainNgrams(textsOf('a x b', 'a y b'), { order: 3, vocabulary: ['a', 'b'] });
    const named = await trainNgrams(textsOf('a x b', 'a x b'), { order: 3 });
    expect([...limited.vocabulary.keys()]).toEqual(['<unk>', '<s>', '</s>', 'a', 'b']);
    // x stands in for the unknown; the vocabulary has one unit less, so that only the uniform share differs.
    expect(p(limited, ['a', 'z'], 'b')).toBeCloseTo(p(named, ['a', 'x'], 'b'), 1);
    expect(p(limited, ['a'], 'z')).toBeGreaterThan(0.5);
  });

  test('passes over what is written like a border', async () => {
    const model = await trainNgrams(textsOf('a </s> b'), { order: 2, units: 'spaces' });
    const plain = await trainNgrams(textsOf('a b'), { order: 2, units: 'spaces' });
    expect(p(model, ['a'], 'b')).toBe(p(plain, ['a'], 'b'));
  });

  test('refuses orders that are none, and nothing to count', async () => {
    await expect(trainNgrams([], { order: 3 })).rejects.toThrow('nothing to count');
    await expect(trainNgrams(textsOf(' \n '), {})).rejects.toThrow('nothing to count');
    await expect(trainNgrams(textsOf('a'), { order: 0 })).rejects.toThrow(/no such order\n {2}received: 0/u);
    // @ts-expect-error: no such units
    await expect(trainNgrams(textsOf('a'), { units: 'letters' })).rejects.toThrow();
  });
});

test('discounts by hand', () => {
  // t = 40, 15, 8, 5: Y = 40/70 = 4/7; D₁ = 1 − 2·(4/7)·15/40 = 4/7; D₂ = 2 − 3·(4/7)·8/15; D₃ = 3 − 4·(4/7)·5/8 = 11/7.
  const { values, isFallback } = kneserNeyDiscounts([0, 40, 15, 8, 5]);
  expect(values[0]).toBeCloseTo(4 / 7, 12);
  expect(values[1]).toBeCloseTo(2 - 96 / 105, 12);
  expect(values[2]).toBeCloseTo(11 / 7, 12);
  expect(isFallback).toBe(false);
  expect(kneserNeyDiscounts([0, 5, 0, 1, 1])).toEqual({ values: [0.5, 1, 1.5], isFallback: true });
});
