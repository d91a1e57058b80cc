import { TrainbookError } from '../../error.js';
import { evaluateArithmetic } from './arithmetic.js';
import { lastNumber, markedAnswer } from './final-answer.js';
import { equalRationals, parseRational, type Rational } from './rational.js';
import type { Reward } from './reward.js';
import type { TaggedFormat } from './tagged-format.js';

// Rewards that are checked by rule, not by a model: Lambert 2024, Tülu 3 (2411.15124); DeepSeek-R1 (2501.12948).

/** Where in a completion its answer stands; `undefined` if it has none. */
export type ReadAnswer = (completion: string) => string | undefined;

/**
 * 1 for the right answer, 0 for another or none. Numbers are compared as numbers, without loss: 1,000 = 1000 = 1000.0, 3/4 = 0.75. Other
 * answers are compared as text, without regard to case, white space and a final full stop.
 *
 * Unless `read` says where, the completion's answer is what it marks (`\boxed{…}`, `####`), and else its last number if the right answer
 * is one, its whole text if not. The right answer may be marked too, as in GSM8K's solutions.
 *
 * @example
 * exactAnswer()({ prompt: '12 * 12?', completion: '12 * 12 = 144.0', answer: '144' }); // 1
 * exactAnswer({ read: (text) => reasoning.read(text)?.answer });
 */
export function exactAnswer({ read }: { readonly read?: ReadAnswer } = {}): Reward {
  return ({ completion, answer }) => {
    const right = markedAnswer(answer) ?? answer;
    const number = parseRational(right);
    const unmarked = number === undefined ? completion : lastNumber(completion);
    const given = read === undefined ? (markedAnswer(completion) ?? unmarked) : read(completion);
    if (given === undefined) return 0;
    if (number === undefined) return plain(given) === plain(right) ? 1 : 0;
    const written = parseRational(given) ?? parseRational(lastNumber(given) ?? '');
    return written !== undefined && equalRationals(written, number) ? 1 : 0;
  };
}

/**
 * 1 for a completion that has the format, 0 for another.
 *
 * @example
 * hasFormat(taggedFormat('think', 'answer'))({ prompt: '', completion: '<think>a</think><answer>b</answer>', answer: '' }); // 1
 */
export function hasFormat(format: TaggedFormat<string>): Reward<unknown> {
  return ({ completion }) => (format.read(completion) === undefined ? 0 : 1);
}

/** What an expression is to come to. */
export interface ArithmeticGoal {
  /** Its value: `'24'`, `'3/4'`. */
  readonly target: string;
  /** The numbers it must be made of, each once: the countdown game. Without them any numbers do. */
  readonly numbers?: readonly string[];
}

/**
 * 1 for an expression that has the value of the goal and is made of its numbers, 0 for anything else. The expression is evaluated
 * exactly, see `evaluateArithmetic`. With `=` in it, every side must have the value, and the first is the one that is made of the
 * numbers. Unless `read` says where, the expression is what the completion marks, or its last line.
 *
 * @throws TrainbookError when it is called, if a goal has something that is no number.
 * @example
 * const game = { target: '24', numbers: ['4', '6', '8', '2'] };
 * arithmeticGoal()({ prompt: 'Make 24 of 4, 6, 8, 2.', completion: '6 * 8 / (4 - 2)', answer: game }); // 1
 */
export function arithmeticGoal({ read }: { readonly read?: ReadAnswer } = {}): Reward<ArithmeticGoal> {
  const expressionOf = read ?? ((text: string) => markedAnswer(text) ?? text.trim().split('\n').at(-1));
  return ({ completion, answer: { target, numbers } }) => {
    const goal = numberOfGoal(target);
    const wanted = numbers?.map(numberOfGoal);
    const sides = (expressionOf(completion) ?? '').split('=').map(evaluated);
    const [first] = sides;
    if (first === undefined || !sides.every((side) => side !== undefined && equalRationals(side.value, goal))) return 0;
    return wanted === undefined || sameNumbers(first.numbers, wanted) ? 1 : 0;
  };
}

function evaluated(expression: string): ReturnType<typeof evaluateArithmetic> | undefined {
  try {
    return evaluateArithmetic(expression);
  } catch (error) {
    if (error instanceof TrainbookError) return undefined;
    throw error;
  }
}

function numberOfGoal(text: string): Rational {
  const number = parseRational(text);
  if (number !== undefined) return number;
  throw new TrainbookError({
    what: 'arithmeticGoal: the goal has something that is no number',
    received: text,
    expected: "a number such as '24' or '3/4'",
    fix: 'correct the row of the data',
  });
}

/** As multisets. */
function sameNumbers(a: readonly Rational[], b: readonly Rational[]): boolean {
  const sorted = (all: readonly Rational[]): string =>
    all
      .map(({ numerator, denominator }) => `${numerator}/${denominator}`)
      .sort()
      .join(' ');
  return sorted(a) === sorted(b);
}

function plain(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replace(/\.$/, '').toLowerCase();
}
