import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Augmenter } from '../../../src/data/augment/augmenter.js';
import { backTranslate } from '../../../src/data/augment/back-translation.js';
import { randomDeletion, randomInsertion, randomSwap } from '../../../src/data/augment/random-edits.js';
import { stopWords } from '../../../src/data/augment/stop-words.js';
import { inCaseOf, synonymReplacement } from '../../../src/data/augment/synonym-replacement.js';
import { templateParaphrase } from '../../../src/data/augment/template-paraphrase.js';
import { wordNet } from '../../../src/data/augment/thesaurus.js';
import { piecesOf } from '../../../src/data/augment/words.js';
import { fold, key, uniformNumbers } from '../../../src/engine/key.js';

const one = async (augmenter: Augmenter, text: string, seed = 1): Promise<string | undefined> =>
  (await augmenter.vary([{ text, key: key(seed) }]))[0];
const words = (text: string): string[] => piecesOf(text).flatMap((piece) => (piece.isWord ? [piece.text] : []));
const pairs: Readonly<Record<string, string>> = { cat: 'kitty', dog: 'hound', 猫: '喵星人' };
const synonyms = (word: string): string[] => (pairs[word] === undefined ? [] : [pairs[word]]);

describe('words', () => {
  it('are found in English and Chinese, with all that stands between', () => {
    const text = 'Don’t panic: 银行账户 e-mail, 3.5!';
    expect(
      piecesOf(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe(text);
    expect(words(text)).toEqual(['Don’t', 'panic', '银行', '账户', 'e-mail', '3', '5']);
    expect(piecesOf('a银é', 'character').map((piece) => piece.text)).toEqual(['a', '银', 'é']);
  });

  it('joined are the text, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('word' as const, 'character' as const),
        (text, unit) => {
          expect(
            piecesOf(text, unit)
              .map((piece) => piece.text)
              .join(''),
          ).toBe(text);
        },
      ),
    );
  });
});

describe('synonymReplacement', () => {
  it('replaces as many words as asked, keeps case and all else, and leaves stop words alone', async () => {
    expect(await one(synonymReplacement({ share: 1, synonyms }), 'A Cat, the DOG and a cat.')).toBe(
      'A Kitty, the HOUND and a kitty.',
    );
    // ⌊0.3 · 7⌋ = 2 of three candidates.
    const some = (await one(synonymReplacement({ share: 0.3, synonyms }), 'A Cat, the DOG and a cat.')) ?? '';
    expect(words(some).filter((word, at) => word !== words('A Cat, the DOG and a cat.')[at])).toHaveLength(2);
    expect(await one(synonymReplacement({ synonyms: () => ['x'] }), 'the of and')).toBeUndefined();
    expect(await one(synonymReplacement({ synonyms }), '我的猫睡了')).toBe('我的喵星人睡了');
    expect(await one(synonymReplacement(), '我的猫睡了')).toBeUndefined();
  });

  it('takes WordNet’s most frequent sense', async () => {
    const synonymsOf = await wordNet();
    expect(synonymsOf('dwelling')).toEqual(['home', 'domicile', 'abode', 'habitation', 'dwelling house']);
    expect(synonymsOf('tell')).toEqual(['state', 'say']); // before narrate, recount, recite
    expect(synonymsOf('qwerty')).toEqual([]);
    expect(stopWords.has('have')).toBe(true);
    expect(['cat', 'Cat', 'CAT', 'I', 'iOS'].map((word) => inCaseOf(word, 'big cat'))).toEqual([
      'big cat',
      'Big cat',
      'BIG CAT',
      'Big cat',
      'big cat',
    ]);
  });
});

describe('random edits', () => {
  const text = fc.array(fc.constantFrom('alpha', 'beta', 'gamma', 'cat', 'dog', '银行'), {
    minLength: 2,
    maxLength: 30,
  });

  it('swap keeps the words and what stands between; by hand for two words', async () => {
    expect(await one(randomSwap(), 'Hello, world!')).toBe('world, Hello!');
    expect(await one(randomSwap({ unit: 'character' }), '你好')).toBe('好你');
    expect(await one(randomSwap(), 'one')).toBeUndefined();
    await fc.assert(
      fc.asyncProperty(text, fc.nat(), async (own, seed) => {
        const joined = own.join(', ');
        const swapped = (await one(randomSwap({ share: 0.3 }), joined, seed)) ?? '';
        expect(words(swapped).sort()).toEqual(words(joined).sort());
        expect(swapped.replace(/[^,\s]+/gu, '')).toBe(joined.replace(/[^,\s]+/gu, ''));
      }),
    );
  });

  it('deletion leaves words out in order, as the key says, and never all', async () => {
    const own = 'one two three, four five';
    const chances = uniformNumbers(fold(key(5), 'words'), 5);
    const expected = own.split(' ').filter((_, at) => (chances[at] ?? 1) >= 0.5);
    expect(words((await one(randomDeletion({ share: 0.5 }), own, 5)) ?? '')).toEqual(words(expected.join(' ')));
    expect(await one(randomDeletion({ share: 1 }), own, 3)).toMatch(/^,?\s*\w+,?$/u);
    await fc.assert(
      fc.asyncProperty(text, fc.nat(), async (list, seed) => {
        const left = words((await one(randomDeletion({ share: 0.4 }), list.join(' '), seed)) ?? '');
        expect(left.length).toBeGreaterThan(0);
        let at = -1;
        for (const word of left) {
          at = (list as string[]).indexOf(word, at + 1);
          expect(at).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('deletion leaves out its share over many texts', async () => {
    const long = new Array(200).fill('word').join(' ');
    const lengths = await Promise.all(
      Array.from({ length: 20 }, (_, seed) => one(randomDeletion({ share: 0.2 }), long, seed)),
    );
    const left = lengths.reduce((sum, own) => sum + words(own ?? '').length, 0) / 4000;
    expect(left).toBeCloseTo(0.8, 1);
    for (const own of lengths) expect(own).not.toMatch(/ {2}|^ | $/u);
  });

  it('insertion adds synonyms and keeps the rest in order', async () => {
    const made =
      (await one(randomInsertion({ share: 0.3, synonyms }), 'The cat sat on the mat with a dog today.')) ?? '';
    const added = words(made).filter((word) => word === 'kitty' || word === 'hound');
    expect(added).toHaveLength(3); // ⌊0.3 · 10⌋
    expect(
      words(made)
        .filter((word) => word !== 'kitty' && word !== 'hound')
        .join(' '),
    ).toBe('The cat sat on the mat with a dog today');
    expect(await one(randomInsertion({ synonyms }), 'no such words')).toBeUndefined();
  });

  it('refuse shares that are none', () => {
    for (const make of [synonymReplacement, randomInsertion, randomSwap, randomDeletion]) {
      for (const share of [0, 1.5, NaN]) expect(() => make({ share })).toThrow('no such share of the words');
    }
  });
});

describe('backTranslate', () => {
  it('goes there and back in batches, and drops what comes back as it was', async () => {
    const sizes: number[] = [];
    const augmenter = backTranslate({
      to: (texts) => {
        sizes.push(texts.length);
        return Promise.resolve(texts.map((text) => text.replace('next', 'nächste')));
      },
      back: (texts) => Promise.resolve(texts.map((text) => text.replace('nächste', 'closest').toUpperCase())),
      batchSize: 2,
    });
    const texts = ['the next bank', 'the bank ', 'next'].map((text) => ({ text, key: key(1) }));
    expect(await augmenter.vary(texts)).toEqual(['THE CLOSEST BANK', undefined, 'CLOSEST']);
    expect(sizes).toEqual([2, 1]);
  });

  it('names a translator that loses texts, and passes its errors on', async () => {
    const same = (texts: string[]) => Promise.resolve(texts);
    const short = backTranslate({ to: same, back: () => Promise.resolve([]) });
    await expect(one(short, 'x')).rejects.toThrow(
      /\{ back \} did not give one text for each\s+received: 0 for 1 texts/u,
    );
    await expect(one(backTranslate({ to: () => Promise.reject(new Error('down')), back: same }), 'x')).rejects.toThrow(
      'down',
    );
    expect(() => backTranslate({ to: same, back: same, batchSize: 0 })).toThrow('no such batch size');
  });
});

describe('templateParaphrase', () => {
  const two = templateParaphrase([
    ['where is {place}?', 'how do I get to {place}?'],
    ['{who}想去{place}。', '{place}是{who}想去的地方。'],
  ]);

  it('puts a text that fits a form into another, in English and Chinese', async () => {
    expect(await one(two, 'Where  is the bank?')).toBe('How do I get to the bank?');
    expect(await one(two, 'how do i get to the bank')).toBe('where is the bank?');
    expect(await one(two, '我想去银行。')).toBe('银行是我想去的地方。');
    expect(await one(two, 'where is?')).toBeUndefined();
    expect(await one(two, 'tell me where is the bank?')).toBeUndefined();
    expect(['怎么冻结银行卡？', '如何冻结银行卡？', '怎样才能冻结银行卡？']).toContain(
      await one(templateParaphrase(), '怎么冻结银行卡?'),
    );
    expect(await one(templateParaphrase(), 'How can I block my card?')).toMatch(
      /^(How do I|What .*) .*block my card\?$/u,
    );
  });

  it('refuses forms that cannot stand for each other', () => {
    expect(() => templateParaphrase([['a {x}', 'b {y}']])).toThrow('these forms cannot stand for each other');
    expect(() => templateParaphrase([['a', 'b']])).toThrow('these forms cannot stand for each other');
    expect(() => templateParaphrase([['a {x} {x}', 'b {x} {x}']])).toThrow('these forms cannot stand for each other');
  });
});
