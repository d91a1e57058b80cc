import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalise, normaliseText } from '../../../src/data/clean/normalise.js';
import { document } from '../../../src/data/document.js';

describe('normalise', () => {
  it.each([
    ['line ends', 'a\r\nb\rc\u2028d', 'a\nb\nc\nd', 3],
    ['control characters', 'a\u0000b\ufeffc\u009fd\te', 'abcd\te', 3],
    ['trailing spaces', 'a  \nb\u3000\n  \nc', 'a\nb\n\nc', 3],
    ['runs of spaces', '  a   b  c d', '  a b c d', 2],
    ['runs of blank lines', 'a\n\n\n\nb\n\nc', 'a\n\nb\n\nc', 1],
    ['outer blank lines', '\n  a\n\n', '  a', 2],
    [
      'zero-width characters',
      'a\u200bb\u00adc\u200e \u0646\u200c\u0627 👩\u200d🔬',
      'abc \u0646\u200c\u0627 👩\u200d🔬',
      3,
    ],
    ['characters composed (NFC)', 'cafe\u0301 학학 e\u0301', 'café 학학 é', 2],
  ])('mends %s and counts them', (rule, text, expected, count) => {
    expect(normaliseText(text)).toEqual({ text: expected, changes: { [rule]: count } });
  });

  it('has options for compatibility forms, full-width letters and what has no width', () => {
    expect(normaliseText('ﬁ²Ａ', { form: 'NFKC' }).text).toBe('fi2A');
    expect(normaliseText('ＡＢＣ１２３，好\u3000的！', { fullWidth: true })).toEqual({
      text: 'ABC123，好 的！',
      changes: { 'full-width characters': 7 },
    });
    expect(normaliseText('a\u200bb', { zeroWidth: false }).text).toBe('a\u200bb');
  });

  it('changes nothing more when it is applied again, and leaves only white space and controls out', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        fc.constantFrom(
          ' ',
          '\n',
          '\r\n',
          '\t',
          'e\u0301',
          '\u2000',
          '\u200d',
          '\u200b',
          'e',
          '\u0301',
          '\u3000',
          'Ａ',
        ),
      ),
    });
    fc.assert(
      fc.property(text, (text) => {
        for (const options of [{}, { form: 'NFKC' }, { fullWidth: true }, { zeroWidth: false }] as const) {
          const once = normaliseText(text, options).text;
          expect(normaliseText(once, options)).toEqual({ text: once, changes: {} });
        }
        const once = normaliseText(text, { zeroWidth: false }).text;
        // composed last: a mark may stand behind a control
        const visible = (from: string): string => from.replace(/[\s\0-\x1f\x7f-\x9f]/gu, '').normalize('NFC');
        expect(visible(once)).toBe(visible(text));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the id, and drops what has no text left', async () => {
    const dirty = document({ text: 'a \r\n', source: 's', domain: 'd' });
    const clean = document({ text: 'a', source: 's', domain: 'd' });
    const empty = document({ text: '\u0000\r\n', source: 's', domain: 'd' });
    expect(await normalise().judge([dirty, clean, empty])).toEqual([
      { keep: { ...dirty, text: 'a' }, changes: { 'line ends': 1, 'trailing spaces': 1, 'outer blank lines': 1 } },
      { keep: clean },
      { drop: 'no text after normalising' },
    ]);
  });
});
