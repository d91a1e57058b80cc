import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareTexts, shortened } from '../../../src/data/audit/compare-texts.js';
import type { TextPart } from '../../../src/data/audit/compare-texts.js';
import { editScript } from '../../../src/data/audit/myers.js';

const side = (parts: readonly TextPart[], without: TextPart['kind']): string =>
  parts.map(({ kind, text }) => (kind === without ? '' : text)).join('');

/** Differences of a shortest script, by the longest common subsequence (Wagner and Fischer 1974). */
function distance(a: readonly number[], b: readonly number[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const item of a) {
    const next = [0];
    b.forEach((other, index) => {
      next.push(item === other ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    });
    row = next;
  }
  return a.length + b.length - 2 * (row.at(-1) ?? 0);
}

describe('the edit script', () => {
  test('is a shortest one, and right', () => {
    const list = fc.array(fc.nat(3), { maxLength: 14 });
    fc.assert(
      fc.property(list, list, (a, b) => {
        const runs = editScript(Int32Array.from(a), Int32Array.from(b));
        let [atA, atB, changed] = [0, 0, 0];
        for (const { same, fromA, toA, fromB, toB } of runs) {
          expect([fromA, fromB]).toEqual([atA, atB]);
          [atA, atB] = [toA, toB];
          if (same) expect(a.slice(fromA, toA)).toEqual(b.slice(fromB, toB));
          else {
            changed += toA - fromA + toB - fromB;
            expect(Math.min(toA - fromA, toB - fromB)).toBe(0);
          }
        }
        expect([atA, atB]).toEqual([a.length, b.length]);
        expect(changed).toBe(distance(a, b));
      }),
      { numRuns: 1000 },
    );
  });

  test('finds few differences in long lists, and does not despair of lists that share nothing', () => {
    const a = Int32Array.from({ length: 200_000 }, (_, index) => (index * 7919) % 1000);
    const b = Int32Array.from(a);
    b[1000] = -1;
    b[150_000] = -2;
    expect(editScript(a, b).filter(({ same }) => !same)).toHaveLength(4);
    const [odd, even] = [0, 1].map((rest) => Int32Array.from({ length: 20_000 }, (_, index) => 2 * index + rest));
    expect(editScript(odd ?? a, even ?? a)).toHaveLength(2);
  });
});

describe('texts compared', () => {
  test('by words: by hand', () => {
    expect(compareTexts('The cat sat, quietly.', 'The dog sat quietly!').parts).toEqual([
      { kind: 'same', text: 'The ' },
      { kind: 'removed', text: 'cat' },
      { kind: 'added', text: 'dog' },
      { kind: 'same', text: ' sat' },
      { kind: 'removed', text: ',' },
      { kind: 'same', text: ' quietly' },
      { kind: 'removed', text: '.' },
      { kind: 'added', text: '!' },
    ]);
    expect(compareTexts('床前明月光', '床前看月光').parts.map(({ text }) => text)).toEqual([
      '床前',
      '明',
      '看',
      '月光',
    ]);
  });

  test('by characters', () => {
    expect(compareTexts('colour', 'color', { by: 'character' }).parts).toEqual([
      { kind: 'same', text: 'colo' },
      { kind: 'removed', text: 'u' },
      { kind: 'same', text: 'r' },
    ]);
    expect(compareTexts('', '').same).toBe(1);
    expect(compareTexts('ab', 'abcd', { by: 'character' }).same).toBe(0.5);
  });

  test('both texts are in the parts, whatever they are', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: fc.constantFrom('a', ' ', '\n', '明', '😀', '.') }),
    );
    fc.assert(
      fc.property(text, text, fc.constantFrom('word', 'character'), (a, b, by) => {
        const { parts } = compareTexts(a, b, { by });
        expect(side(parts, 'added')).toBe(a);
        expect(side(parts, 'removed')).toBe(b);
      }),
    );
  });

  test('what is the same is shortened to what stands around the differences', () => {
    const { parts } = compareTexts(
      `${'a '.repeat(50)}x${' b'.repeat(50)} y`,
      `${'a '.repeat(50)}z${' b'.repeat(50)} y`,
    );
    expect(shortened(parts, 4).map(({ text }) => text)).toEqual(['…a a ', 'x', 'z', ' b b…']);
  });
});
