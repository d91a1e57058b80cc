import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { passages } from '../../../src/data/read/passages.js';

describe('passages', () => {
  it('cuts at blank lines, then at line ends, then at spaces, then anywhere', () => {
    expect(passages('one two\n\nthree\n\nfour', 6)).toEqual(['one two\n\n', 'three\n\n', 'four']);
    expect(passages('one two\nthree four', 5)).toEqual(['one two\n', 'three ', 'four']);
    expect(passages('one two three', 5)).toEqual(['one two ', 'three']);
    expect(passages('onetwothree', 3)).toEqual(['onetwo', 'three']);
    expect(passages('', 3)).toEqual([]);
  });

  it('loses nothing, splits no character, and is never longer than twice the length (and one)', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '学', '😀', ' ', '\n', '\n\n', '\r\n') });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 30 }), (text, characters) => {
        const cut = passages(text, characters);
        expect(cut.join('')).toBe(text);
        for (const passage of cut) {
          expect(passage.length).toBeLessThanOrEqual(2 * characters + 1);
          expect(passage).not.toMatch(/\p{Surrogate}/u);
        }
      }),
    );
  });

  it('has a length that suits the text', () => {
    const words = (length: number): number[] => passages('word '.repeat(length / 5)).map((passage) => passage.length);
    expect(words(1000)).toEqual([260, 260, 260, 220]);
    expect(words(64_000)).toHaveLength(64);
    expect(Math.max(...words(1_000_000))).toBe(2050);
  });
});
