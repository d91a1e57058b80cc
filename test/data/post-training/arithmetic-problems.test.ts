import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arithmeticProblems } from '../../../src/data/post-training/arithmetic-problems.js';
import { key } from '../../../src/engine/key.js';
import { evaluateArithmetic } from '../../../src/train/reinforce/arithmetic.js';

describe('arithmeticProblems', () => {
  it('are true, step by step, none twice, and the same for the same key', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 20, max: 5000 }),
        fc.nat(),
        (terms, largest, seed) => {
          const options = { count: 30, terms, largest, key: key(seed) };
          const problems = arithmeticProblems(options);
          expect(arithmeticProblems(options)).toEqual(problems);
          expect(new Set(problems.map(({ question }) => question)).size).toBe(30);
          for (const { question, solution, answer } of problems) {
            const [, sum = ''] = /^What is (.*)\?$/.exec(question) ?? [];
            expect(evaluateArithmetic(sum).value.numerator).toBe(BigInt(answer.text));
            expect(Number(answer.text)).toBe(answer.value);
            const steps = solution.split('\n');
            expect(steps).toHaveLength(terms - 1);
            for (const step of steps) {
              const [left = '', right = ''] = step.split(' = ');
              expect(evaluateArithmetic(left).value.numerator).toBe(BigInt(right));
              expect(Number(right)).toBeGreaterThanOrEqual(0);
            }
            expect(steps.at(-1)?.endsWith(`= ${answer.text}`)).toBe(true);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('has none of those that are excepted, and says so where there are too few', () => {
    const train = arithmeticProblems({ count: 300, terms: 2, largest: 20, key: key(1) }).map(
      ({ question }) => question,
    );
    const heldOut = arithmeticProblems({ count: 100, terms: 2, largest: 20, key: key(1), except: train });
    expect(heldOut.filter(({ question }) => train.includes(question))).toEqual([]);
    expect(() => arithmeticProblems({ count: 50, terms: 2, largest: 1, key: key(1) })).toThrow('not so many different');
    expect(() => arithmeticProblems({ count: 1, terms: 1, key: key(1) })).toThrow('no such terms');
  });
});
