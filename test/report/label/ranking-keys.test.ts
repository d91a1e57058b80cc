import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankingKeys } from '../../../src/report/label/ranking-keys.js';

interface Ranking {
  readonly groups: readonly (readonly number[])[];
  readonly tied: boolean;
  readonly auto: boolean;
  readonly before: Ranking | null;
}
interface Keys {
  readonly emptyRanking: Ranking;
  readonly isWhole: (ranking: Ranking, count: number) => boolean;
  readonly rankingOf: (groups: readonly (readonly number[])[]) => Ranking;
  readonly pressed: (ranking: Ranking, key: string, count: number) => Ranking;
}
const { emptyRanking, isWhole, rankingOf, pressed } = runInNewContext(
  `${rankingKeys}; ({ emptyRanking, isWhole, rankingOf, pressed })`,
) as Keys;

const after = (keys: string, count: number, begun = emptyRanking): Ranking =>
  keys.split(' ').reduce((ranking, key) => pressed(ranking, key === '⌫' ? 'Backspace' : key, count), begun);
const text = ({ groups, tied }: Ranking): string =>
  groups.map((group) => group.map((place) => 'ABCDEFGHI'[place]).join('=')).join('>') + (tied ? '=?' : '');

describe('a ranking by keys', () => {
  it.each([
    ['a', 2, 'A>B'],
    ['2', 2, 'B>A'],
    ['b =', 2, 'A=B'],
    ['c 1', 3, 'C>A>B'],
    ['C a =', 3, 'C>A=B'],
    ['b = a', 3, 'A=B>C'],
    ['b = a =', 3, 'A=B=C'],
    ['b = = a', 3, 'B>A>C'],
    ['b = > a', 3, 'B>A>C'],
    ['0', 4, 'A=B=C=D'],
    ['b =', 3, 'B=?'],
    ['=', 3, ''],
    ['d', 3, ''], // there is no D
    ['a a a', 3, 'A'],
    ['i 8 = 7', 9, 'I>G=H'],
    ['a ⌫', 2, ''],
    ['c 1 ⌫', 3, 'C'],
    ['c 1 = ⌫', 3, 'C>A>B'],
    ['⌫', 3, ''],
    ['c a b', 3, 'B'], // a whole one is followed by another one
    ['c a b ⌫', 3, 'C>A>B'],
    ['x', 3, ''],
    ['Enter', 3, ''],
  ])('%s of %i is %s', (keys, count, expected) => {
    expect(text(after(keys, count))).toBe(expected);
  });

  it('begins anew with what was taken back', () => {
    const draft = rankingOf([[1], [0, 2]]);
    expect(isWhole(draft, 3)).toBe(true);
    expect(text(after('c', 3, draft))).toBe('C');
    expect(text(after('⌫', 3, draft))).toBe('');
    expect(rankingOf([])).toBe(emptyRanking);
  });

  it('has each answer at most once, none but those there are, and goes back key by key', () => {
    const anyKey = fc.constantFrom(...Array.from('abcdefghi0123456789=>xq'), 'Backspace', 'Enter');
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.array(anyKey, { maxLength: 30 }), (count, keys) => {
        let ranking = emptyRanking;
        for (const key of keys) {
          const next = pressed(ranking, key, count);
          const named = next.groups.flat();
          expect(new Set(named).size).toBe(named.length);
          expect(named.every((place) => place >= 0 && place < count)).toBe(true);
          expect(next.groups.every((group) => group.length > 0)).toBe(true);
          if (key !== 'Backspace' && next !== ranking)
            expect(text(pressed(next, 'Backspace', count))).toBe(text(ranking));
          ranking = next;
        }
      }),
    );
  });
});
