import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stoppedText } from '../../src/model/stop-strings.js';

function read(stops: readonly string[], pieces: readonly string[]): { out: string[]; found: string | undefined } {
  const text = stoppedText(stops);
  const out = pieces.map((piece) => text.push(piece));
  return { out: [...out, text.end()], found: text.found };
}

describe('stop strings', () => {
  it('end the text before them, also when they come in several pieces', () => {
    expect(read(['\nUser:'], ['Hello.\nUs', 'er: Bye', ' now'])).toEqual({
      out: ['Hello.', '', '', ''],
      found: '\nUser:',
    });
  });

  it('hold back no more than what may be the beginning of one, and give it when it is none', () => {
    expect(read(['END'], ['the E', 'N', 'ough', ' EN'])).toEqual({
      out: ['the ', '', 'ENough', ' ', 'EN'],
      found: undefined,
    });
    expect(read(['aab'], ['aa', 'a', 'b'])).toEqual({ out: ['', 'a', '', ''], found: 'aab' });
    expect(read([], ['x', 'y'])).toEqual({ out: ['x', 'y', ''], found: undefined });
  });

  it('of several the one that is complete first counts; of two that end at once, the longer', () => {
    expect(read(['abcd', 'bc'], ['xabcd'])).toEqual({ out: ['xa', ''], found: 'bc' });
    expect(read(['bc', 'abc'], ['xabc'])).toEqual({ out: ['x', ''], found: 'abc' });
  });

  it('do not depend on how the text is cut, and find what reading character by character finds', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.array(letters, { maxLength: 6 }), stops, (pieces, strings) => {
        const { out, found } = read(strings, pieces);
        const whole = pieces.join('');
        const end = Array.from(whole).findIndex((_, index) =>
          strings.some((stop) => whole.slice(0, index + 1).endsWith(stop)),
        );
        if (end < 0) {
          expect(found).toBeUndefined();
          expect(out.join('')).toBe(whole);
        } else {
          const read = whole.slice(0, end + 1);
          const longest = Math.max(...strings.filter((stop) => read.endsWith(stop)).map((stop) => stop.length));
          expect(found).toHaveLength(longest);
          expect(out.join('')).toBe(read.slice(0, -longest));
        }
        for (const stop of strings) expect(out.join('')).not.toContain(stop);
      }),
      { numRuns: 1000 },
    );
  });
});
