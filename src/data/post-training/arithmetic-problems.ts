import { fold, uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import type { ProblemContent } from './problems.js';

/** Which sums are asked. */
export interface ArithmeticOptions {
  readonly count: number;
  /** Numbers of a sum. Default: 3. */
  readonly terms?: number;
  /** The largest of them. Default: 99. */
  readonly largest?: number;
  /** Decides which. */
  readonly key: Key;
  /** Questions that must not come again, such as those that are trained on. */
  readonly except?: Iterable<string>;
}

/**
 * Sums and differences of whole numbers, no two questions alike, with each step of the way: what can be verified, and is hard enough for a
 * model of a few million parameters. No partial result is below 0.
 *
 * @throws TrainbookError if there are not so many different questions, or a number is out of range.
 * @example
 * const [problem] = arithmeticProblems({ count: 1, key: key(1) });
 * problem?.question; // 'What is 40 + 27 - 8?'
 * problem?.solution; // '40 + 27 = 67\n67 - 8 = 59'
 * problem?.answer; // { text: '59', value: 59 }
 */
export function arithmeticProblems(options: ArithmeticOptions): ProblemContent[] {
  const { count, terms = 3, largest = 99, key, except = [] } = options;
  checkOptions(count, terms, largest);
  const seen = new Set(except);
  const problems: ProblemContent[] = [];
  for (let draw = 0; problems.length < count; draw++) {
    if (draw > 20 * count + 1000) throw tooMany(count, problems.length);
    const problem = problemOf(uniformNumbers(fold(key, draw), 2 * terms), largest);
    if (seen.has(problem.question)) continue;
    seen.add(problem.question);
    problems.push(problem);
  }
  return problems;
}

/** A number and a sign of each pair of draws from [0, 1). */
function problemOf(draws: Float64Array, largest: number): ProblemContent {
  let total = 0;
  let written = '';
  const steps: string[] = [];
  for (let place = 0; place < draws.length; place += 2) {
    const number = Math.floor((draws[place] ?? 0) * (largest + 1));
    if (place === 0) {
      total = number;
      written = String(number);
      continue;
    }
    const isDifference = (draws[place + 1] ?? 0) < 0.5 && number <= total;
    const after = isDifference ? total - number : total + number;
    const sign = isDifference ? '-' : '+';
    steps.push(`${total} ${sign} ${number} = ${after}`);
    written += ` ${sign} ${number}`;
    total = after;
  }
  return {
    kind: 'problem',
    question: `What is ${written}?`,
    solution: steps.join('\n'),
    answer: { text: String(total), value: total },
  };
}

function checkOptions(count: number, terms: number, largest: number): void {
  const rules: [string, number, number][] = [
    ['count', count, 0],
    ['terms', terms, 2],
    ['largest', largest, 1],
  ];
  for (const [name, value, least] of rules) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new TrainbookError({
      what: `arithmeticProblems: no such ${name}`,
      received: value,
      expected: `a whole number from ${least} on`,
    });
  }
}

function tooMany(count: number, found: number): TrainbookError {
  return new TrainbookError({
    what: 'arithmeticProblems: there are not so many different questions',
    received: `${count} asked for, ${found} found`,
    expected: 'fewer, or sums of more or larger numbers',
    fix: 'raise terms or largest',
  });
}
