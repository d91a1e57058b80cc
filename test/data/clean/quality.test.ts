import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { c4 } from '../../../src/data/clean/c4.js';
import { fineweb } from '../../../src/data/clean/fineweb.js';
import { gopherQuality } from '../../../src/data/clean/gopher-quality.js';
import { gopherRepetition } from '../../../src/data/clean/gopher-repetition.js';
import { pageOf } from '../../../src/data/clean/page.js';
import { gopher, quality } from '../../../src/data/clean/quality.js';
import * as qualityModule from '../../../src/data/clean/quality.js';
import { measureQuality } from '../../../src/data/clean/quality-rule.js';
import { countSentences } from '../../../src/data/clean/sentences.js';
import { wordsOf } from '../../../src/data/clean/words.js';
import { document } from '../../../src/data/document.js';
import type { LocalStep } from '../../../src/data/local-step.js';

interface Row {
  readonly id: string;
  readonly text: string;
  readonly numWords: number;
  /** datatrove's rules on our words. */
  readonly sameWords: Readonly<Record<string, string>>;
  /** Where datatrove's rules on spaCy's words give something else. */
  readonly theirWords?: Readonly<Record<string, string>>;
}
const rows = JSON.parse(await readFile(new URL('fixtures/quality.json', import.meta.url), 'utf8')) as readonly Row[];

/** Our rule for each of datatrove's reasons. */
const reasons: Readonly<Record<string, string>> = {
  gopher_short_doc: 'gopher: words under 50',
  gopher_below_avg_threshold: 'gopher: mean word length under 3',
  gopher_above_avg_threshold: 'gopher: mean word length over 10',
  gopher_too_many_hashes: 'gopher: hashes to words over 0.1',
  gopher_too_many_ellipsis: 'gopher: ellipses to words over 0.1',
  gopher_too_many_bullets: 'gopher: lines with bullets over 0.9',
  gopher_too_many_end_ellipsis: 'gopher: lines ending in ellipses over 0.3',
  gopher_below_alpha_threshold: 'gopher: words with letters under 0.8',
  gopher_enough_stop_words: 'gopher: stop words under 2',
  dup_para_frac: 'gopher repetition: duplicate paragraphs over 0.3',
  top_2_gram: 'gopher repetition: top 2-gram over 0.2',
  top_3_gram: 'gopher repetition: top 3-gram over 0.18',
  top_4_gram: 'gopher repetition: top 4-gram over 0.16',
  duplicated_5_n_grams: 'gopher repetition: duplicate 5-grams over 0.15',
  lorem_ipsum: 'c4: lorem ipsum',
  curly_bracket: 'c4: curly bracket',
  too_few_sentences: 'c4: sentences under 5',
  line_punct_ratio: 'fineweb: lines ending in punctuation under 0.12',
  short_line_ratio: 'fineweb: short lines over 0.67',
  char_dup_ratio: 'fineweb: characters in duplicate lines over 0.01',
  list_ratio: 'fineweb: line ends to words over 0.3',
};

describe('the filters of Gopher, C4 and FineWeb', () => {
  const filters = [gopherRepetition(), gopherQuality(), c4(), fineweb()];

  it.each(filters.map((filter) => [filter.name, filter] as const))(
    '%s: the same pages for the same reasons as datatrove, on the same words',
    (name, filter) => {
      const ours: Record<string, string> = {};
      const theirs: Record<string, string> = {};
      for (const { id, text, sameWords } of rows) {
        const judgement = filter.judge(pageOf(text));
        ours[id] = 'drop' in judgement ? judgement.drop : 'keep';
        const answer = sameWords[name] ?? '';
        theirs[id] = reasons[answer] ?? answer;
      }
      expect(new Set(Object.values(theirs)).size).toBeGreaterThan(3);
      expect(ours).toEqual(theirs);
    },
  );

  it('and C4 leaves the same text', () => {
    for (const { id, text, sameWords } of rows) {
      const judgement = c4().judge(pageOf(text));
      const expected = sameWords['c4 text'];
      if ('text' in judgement) expect(judgement.text, id).toBe(expected === 'as it was' ? text : expected);
      else expect(expected).toBeUndefined();
    }
  });

  it('on spaCy’s words, which know abbreviations, all but a few', () => {
    const names = filters.map(({ name }) => name);
    const numDifferent = rows.flatMap(({ theirWords = {} }) => names.filter((name) => name in theirWords)).length;
    expect(numDifferent / (rows.length * names.length)).toBeLessThan(0.04);
  });

  it('split words as the peer’s script does', () => {
    for (const { id, text, numWords } of rows) expect(wordsOf(text).count, id).toBe(numWords);
  });
});

describe('quality', () => {
  const page = (text: string) => document({ text, source: 's', domain: 'd' });

  it('measures what a hand counts', () => {
    // the cat saw the cat . → 6 words, 16 characters without spaces, 21 with; “the cat” twice: 2 × 7 of 21.
    expect(measureQuality('the cat saw the cat .', gopherRepetition())).toMatchObject({
      'top 2-gram': 14 / 21,
      'top 3-gram': 11 / 21,
      'duplicate 5-grams': 0,
    });
    // a b c d e · a b c d e · a b: five letters of 23 characters stood before.
    expect(measureQuality('a b c d e a b c d e a b', gopherRepetition())['duplicate 5-grams']).toBe(5 / 23);
    expect(measureQuality('The end of the road.', gopherQuality())).toMatchObject({ words: 5, 'stop words': 2 });
    expect(countSentences('It is 3.14. Really?! "Yes." so... no')).toBe(4);
    expect(countSentences('好。真的？“是。”对')).toBe(4);
    expect(countSentences('')).toBe(0);
  });

  it('drops by the first rule that is broken, with the number', async () => {
    const step = quality(gopher({ minWords: 3 }));
    expect(await step.judge([page('One two')])).toEqual([{ drop: 'gopher: words under 3', score: 2 }]);
  });

  it('counts characters for words in Chinese', async () => {
    const text =
      '学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？其为人也孝弟，而好犯上者，鲜矣；不好犯上而好作乱者，未之有也。君子务本，本立而道生。孝弟也者，其为仁之本与！巧言令色，鲜矣仁。吾日三省吾身：为人谋而不忠乎？与朋友交而不信乎？传不习乎？';
    expect(await quality(gopher(), c4(), fineweb()).judge([page(text)])).toEqual([{ keep: page(text) }]);
    expect(await quality(gopher({ chinese: { minWords: 200 } })).judge([page(text)])).toMatchObject([
      { drop: 'gopher: words under 200' },
    ]);
  });

  it('lets C4 drop lines, and counts them', async () => {
    const text = 'One is a line. Two is here. Three. Four.\nno end\nWe use cookies here, always.\nFive it is [3].\nOk.';
    expect(await quality(c4()).judge([page(text)])).toEqual([
      {
        keep: { ...page(text), text: 'One is a line. Two is here. Three. Four.\nFive it is .' },
        changes: {
          'lines without terminal punctuation': 1,
          'lines on policies': 1,
          'lines with citations': 1,
          'lines of few words': 1,
        },
      },
    ]);
    expect(await quality(c4({ badWords: ['Three'] })).judge([page(text)])).toEqual([{ drop: 'c4: bad words' }]);
  });

  it('is made again from plain values', async () => {
    const step = quality(gopher({ minWords: 2 }), c4({ minSentences: 1 }), fineweb());
    const { name = '', options = [] } = structuredClone(step.made) ?? {};
    const made = (qualityModule as unknown as Record<string, (...options: readonly unknown[]) => LocalStep>)[name]?.(
      ...options,
    );
    expect(made?.name).toBe(step.name);
    expect(await made?.judge(rows.map(({ text }) => page(text)))).toEqual(
      await step.judge(rows.map(({ text }) => page(text))),
    );
    const own = { name: 'own', judge: () => ({ drop: 'always' }), measure: () => ({}) };
    expect(quality(own).made).toBeUndefined();
  });

  it('refuses bounds that are none, and nothing', () => {
    expect(() => gopherQuality({ minWords: NaN })).toThrow('gopherQuality: minWords is not a bound');
    expect(() => fineweb({ chinese: { maxShortLines: -1 } })).toThrow('maxShortLines is not a bound');
    expect(() => quality()).toThrow('quality: no filter');
    // @ts-expect-error there is no such bound
    gopherQuality({ minimumWords: 3 });
  });

  it('throws on no string, and repeated n-grams are those that a map of strings finds', () => {
    const step = quality(gopher({ minWords: 0 }), c4({ minSentences: 0 }), fineweb());
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '。', '好', '…', "'", '.', '😀', '\ud800') }),
    );
    fc.assert(
      fc.property(text, (text) => {
        expect(step.judgeOne(page(text))).toBeDefined();
        const { count, starts, ends } = wordsOf(text);
        const words = Array.from({ length: count }, (_, word) => text.slice(starts[word], ends[word]));
        for (const one of [2, 5]) {
          const grams = words
            .map((_, at) => words.slice(at, at + one).join('\u0001'))
            .slice(0, Math.max(count - one + 1, 0));
          const hasRepeat = new Set(grams).size < grams.length;
          const measured = measureQuality(
            text,
            gopherRepetition({
              topNgrams: [],
              duplicateNgrams: [[one, 1]],
              chinese: { topNgrams: [], duplicateNgrams: [[one, 1]] },
            }),
          );
          expect((measured[`duplicate ${one}-grams`] ?? 0) > 0).toBe(hasRepeat);
        }
      }),
      { numRuns: 150 },
    );
  });
});
