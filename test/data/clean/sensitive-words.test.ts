import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ahoCorasick } from '../../../src/data/clean/aho-corasick.js';
import { profanity } from '../../../src/data/clean/profanity.js';
import { rule } from '../../../src/data/clean/rule.js';
import { sensitiveList, sensitiveLists } from '../../../src/data/clean/sensitive-lists.js';
import { sensitiveWords } from '../../../src/data/clean/sensitive-words.js';
import { findWords, wordList } from '../../../src/data/clean/word-list.js';
import { document } from '../../../src/data/document.js';

const page = (text: string) => document({ text, source: 's', domain: 'd' });

describe('the automaton', () => {
  it('finds he, she, his and hers in ushers, as in the paper', () => {
    const words = ['he', 'she', 'his', 'hers'];
    const automaton = ahoCorasick(words);
    let state = 0;
    const ends = [...'ushers'].map((letter) => {
      state = automaton.step(state, letter.charCodeAt(0));
      return automaton.endsIn(state).map((number) => words[number]);
    });
    expect(ends).toEqual([[], [], [], ['she', 'he'], [], ['hers']]);
  });

  it('finds what looking for each word finds', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '好'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(short, { maxLength: 6 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '好') }),
        (words, text) => {
          const automaton = ahoCorasick(words);
          let state = 0;
          const found = new Set<string>();
          for (let index = 0; index < text.length; index++) {
            state = automaton.step(state, text.charCodeAt(index));
            for (const number of automaton.endsIn(state)) found.add(`${words[number] ?? ''} ${index + 1}`);
          }
          const expected = words.flatMap((word) =>
            Array.from(text, (_, index) => index + 1)
              .filter((end) => text.slice(0, end).endsWith(word))
              .map((end) => `${word} ${end}`),
          );
          expect(found).toEqual(new Set(expected));
        },
      ),
    );
  });
});

describe('lists of words', () => {
  const list = wordList(['spam', 'two words', '坏词', '坏', 'C++', '13.']);
  const found = (text: string) =>
    findWords(list, text).map(({ start, end, word }) => `${word}: ${text.slice(start, end)}`);

  it.each([
    ['Spam, SPAM and spammers', ['spam: Spam', 'spam: SPAM']],
    ['s.p.a.m and s p a m and ｓｐａｍ', ['spam: s.p.a.m', 'spam: s p a m', 'spam: ｓｐａｍ']],
    ['spa m, sp am, s pam', []], // parts of other words
    ['Two  words, two-words, twowords', ['two words: Two  words', 'two words: two-words']],
    ['这是坏词！也是坏 * 词，坏人spam', ['坏词: 坏词', '坏词: 坏 * 词', '坏: 坏', 'spam: spam']],
    ['sp\u200bam', []], // a zero-width space in one place only: normalise takes it out
    ['13 of 113', []],
  ])('are found in %s', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  it('of the package are there', async () => {
    for (const name of sensitiveLists) expect((await sensitiveList(name)).length).toBeGreaterThan(60);
    // @ts-expect-error there is no such list
    await expect(sensitiveList('naughty_xx')).rejects.toThrow('no such list');
  });
});

describe('sensitiveWords, profanity and rule', () => {
  it('find, mask and drop', async () => {
    const document = page('So much spam, 坏词 and more spam.');
    const words = ['spam', '坏词'];
    expect(await sensitiveWords({ words, action: 'find' }).judge([document])).toEqual([
      { keep: document, scores: { 'sensitive words': 3 } },
    ]);
    expect(await sensitiveWords({ words, action: 'mask' }).judge([document])).toEqual([
      {
        keep: { ...document, text: 'So much ████, ██ and more ████.' },
        changes: { 'sensitive words': 3 },
        evidence: { 'sensitive words': 'spam' },
      },
    ]);
    expect(await sensitiveWords({ words, action: 'drop', most: 2 }).judge([document])).toEqual([
      { drop: 'sensitive words', score: 3, evidence: 'spam' },
    ]);
    expect(
      await sensitiveWords({ lists: ['jionlp_advertisement_zh'], action: 'drop' }).judge([page('兼职招聘')]),
    ).toMatchObject([{ drop: 'sensitive words', score: 2 }]);
    expect(await profanity({ patterns: [/sp[a@]m+/i, /m, 坏/], action: 'mask' }).judge([document])).toMatchObject([
      { keep: { text: 'So much ████, 坏词 and more ████.' } },
    ]);
    const keep = rule('short', ({ text }) => text.length < 10 || `${text.length} characters`);
    expect(await keep.judge([page('a'), document])).toEqual([
      { keep: page('a') },
      { drop: 'short', evidence: `${document.text.length} characters` },
    ]);
    expect(await rule('none', () => false).judge([document])).toEqual([{ drop: 'none' }]);
  });

  it('mask once for all', async () => {
    const list = sensitiveWords({ words: ['ab', 'a b', '坏', '好坏', 'bab'], action: 'mask' });
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', 'b', ' ', '好', '坏', '*', '█', '😀') }),
        async (text) => {
          const [once] = await list.judge([page(text)]);
          if (once === undefined || !('keep' in once)) throw new Error('kept');
          const again = await list.judge([once.keep]);
          expect(again).toEqual([{ keep: once.keep }]);
        },
      ),
    );
  });

  it('refuse nothing to look for', () => {
    expect(() => sensitiveWords({ action: 'drop' })).toThrow('nothing to look for');
    expect(() => profanity({ patterns: [/a*/], action: 'drop' })).toThrow('matches everywhere');
  });
});
