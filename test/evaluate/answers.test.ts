import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { exactMatch } from '../../src/evaluate/exact-match.js';
import { formatRate } from '../../src/evaluate/format-rate.js';
import { rouge } from '../../src/evaluate/rouge.js';
import { tokenF1 } from '../../src/evaluate/token-f1.js';

const answered = z.array(
  z.strictObject({ answer: z.string(), accepted: z.array(z.string()), exactMatch: z.number(), f1: z.number() }),
);
const scores = z.tuple([z.number(), z.number(), z.number()]);
const summarised = z.array(
  z.strictObject({
    summary: z.string(),
    references: z.array(z.string()),
    rouge1: scores,
    rouge2: scores,
    rougeL: scores,
  }),
);
const reference = z
  .strictObject({
    en: answered,
    zh: answered,
    summaries: z.strictObject({ en: summarised, zh: summarised }),
  })
  .parse(JSON.parse(readFileSync(new URL('fixtures/answers.json', import.meta.url), 'utf8')));

describe.each(['en', 'zh'] as const)('answers to questions (%s)', (language) => {
  const rows = reference[language];

  it.each(rows.map((row): [string, (typeof rows)[0]] => [row.answer, row]))(
    'score as the official script says: «%s»',
    (answer, { accepted, exactMatch: exact, f1 }) => {
      expect(exactMatch([answer], [accepted], { language })).toBe(exact);
      expect(tokenF1([answer], [accepted], { language })).toBeCloseTo(f1, 12);
    },
  );

  it('are means over all', () => {
    const [answers, accepted] = [rows.map(({ answer }) => answer), rows.map((row) => row.accepted)];
    const mean = (numbers: number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
    expect(exactMatch(answers, accepted, { language })).toBeCloseTo(mean(rows.map((row) => row.exactMatch)), 12);
    expect(tokenF1(answers, accepted, { language })).toBeCloseTo(mean(rows.map(({ f1 }) => f1)), 12);
  });
});

describe.each(['en', 'zh'] as const)('ROUGE (%s)', (language) => {
  const rows = reference.summaries[language];

  it.each(rows.map((row): [string, (typeof rows)[0]] => [row.summary, row]))(
    'is that of Google’s rouge_score: «%s»',
    (summary, { references, ...expected }) => {
      const found = rouge([summary], [references], { language });
      for (const kind of ['rouge1', 'rouge2', 'rougeL'] as const) {
        const { precision, recall, f1 } = found[kind];
        [precision, recall, f1].forEach((value, place) => {
          expect(value, `${kind} ${place}`).toBeCloseTo(expected[kind][place] ?? NaN, 12);
        });
      }
    },
  );
});

it('a text has all scores of itself, and F1 is the same both ways round', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '中', '国'), minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(text, text, (first, second) => {
      for (const language of ['en', 'zh'] as const) {
        expect(exactMatch([first], [[first]], { language })).toBe(1);
        const there = rouge([first], [[second]], { language });
        const back = rouge([second], [[first]], { language });
        expect(there.rougeL.f1).toBeCloseTo(back.rougeL.f1, 12);
        expect(there.rougeL.precision).toBeCloseTo(back.rougeL.recall, 12);
        expect(tokenF1([first], [[second]], { language })).toBeCloseTo(tokenF1([second], [[first]], { language }), 12);
      }
    }),
  );
});

it('a format is followed by answers that end, say something, and fit', () => {
  const answers = [
    { text: '42', ended: true },
    { text: '42', ended: false },
    { text: ' ', ended: true },
    { text: 'about 42', ended: true },
  ];
  expect(formatRate(answers)).toBe(0.5);
  expect(formatRate(answers, /^\d+$/u)).toBe(0.25);
  expect(formatRate(answers, /\d/gu)).toBe(0.5); // a global pattern starts anew for each
  expect(formatRate(answers, (text) => text.startsWith('about'))).toBe(0.25);
  expect(() => formatRate([])).toThrow('there are no answers');
});

it('as many lists as answers', () => {
  expect(() => exactMatch(['a'], [])).toThrow('not of the same rows');
  expect(() => tokenF1([], [])).toThrow('not of the same rows');
  expect(() => rouge(['a', 'b'], [['a']])).toThrow('not of the same rows');
});
