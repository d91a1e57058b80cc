import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curriculum, promptText, splitByPrompt } from '../../../src/data/post-training/index.js';
import type { ProblemContent } from '../../../src/data/post-training/index.js';
import { key } from '../../../src/engine/key.js';

const problem = (question: string, solution = ''): ProblemContent => {
  return { kind: 'problem', question, solution, answer: { text: '1', value: 1 } };
};
const rows = Array.from({ length: 60 }, (_, at) => problem(`question ${at % 20}`, `${at}`));
const shuffledRows = (seed: readonly number[]) =>
  rows
    .map((row, at) => ({ row, at: seed[at] ?? 0 }))
    .sort((a, b) => a.at - b.at)
    .map(({ row }) => row);

describe('splitByPrompt', () => {
  it('has no prompt on both sides, loses no row, and does not depend on their order', () => {
    const once = splitByPrompt(rows, 0.2, key(7));
    expect(new Set(once.heldOut.map(promptText)).size).toBe(4);
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 60, maxLength: 60 }), (seed) => {
        const { train, heldOut } = splitByPrompt(shuffledRows(seed), 0.2, key(7));
        const prompts = new Set(heldOut.map(promptText));
        expect(train.filter((row) => prompts.has(promptText(row)))).toEqual([]);
        expect(train.length + heldOut.length).toBe(60);
        expect(new Set(heldOut)).toEqual(new Set(once.heldOut));
      }),
      { numRuns: 30 },
    );
    expect(splitByPrompt(rows, 0.2, key(8)).heldOut).not.toEqual(once.heldOut);
    expect(splitByPrompt(rows, 0.2, key(7))).toEqual(once);
  });

  it('takes prompts that differ in white space and case for one', () => {
    const { train, heldOut } = splitByPrompt([problem('A  b'), problem('a b ', 'x'), problem('c')], 0.5, key(1));
    expect([train.length, heldOut.length].sort()).toEqual([1, 2]);
  });

  it('is of all kinds by what is asked first', () => {
    const turns = [
      { role: 'system', content: 's' },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a' },
    ] as const;
    expect(promptText({ kind: 'conversation', turns })).toBe('u');
    expect(promptText({ kind: 'preference', prompt: turns, chosen: 'x', rejected: 'y' })).toBe('u');
    expect(promptText({ kind: 'feedback', prompt: turns, completion: 'x', label: true })).toBe('u');
    const fields = { instruction: 'i', input: 'j', output: 'o' };
    expect(promptText({ kind: 'instruction', fields })).toBe('i\n\nj');
  });

  it('refuses what cannot be split', () => {
    expect(() => splitByPrompt(rows, 1, key(7))).toThrow('above 0 and below 1');
    expect(() => splitByPrompt([problem('a'), problem('a', 'b')], 0.5, key(7))).toThrow('1 different prompts');
    const two = splitByPrompt([problem('a'), problem('b')], 0.01, key(7));
    expect([two.train.length, two.heldOut.length]).toEqual([1, 1]);
  });
});

describe('curriculum', () => {
  it('goes from short to long, and leaves equals in their order', () => {
    const given = [problem('abc', '1'), problem('a', '1'), problem('abc', '2'), problem('ab', '1')];
    expect(curriculum(given, 'length').map(({ question, solution }) => question + solution)).toEqual([
      'a1',
      'ab1',
      'abc1',
      'abc2',
    ]);
    expect(given[0]?.question).toBe('abc');
  });

  it('goes by a score', () => {
    const given = ['b', 'a', 'c'].map((question) => problem(question));
    const scores = [Infinity, 2, -Infinity];
    expect(curriculum(given, (_, at) => scores[at] ?? 0).map(promptText)).toEqual(['c', 'a', 'b']);
    expect(() => curriculum(given, () => Number.NaN)).toThrow('NaN for row 0');
  });
});
