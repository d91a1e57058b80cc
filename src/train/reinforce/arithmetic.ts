import { TrainbookError } from '../../error.js';
import { decimalPattern, parseDecimal, rational, type Rational } from './rational.js';

export interface Evaluated {
  readonly value: Rational;
  /** The numbers that were written, in their order and without their signs. */
  readonly numbers: readonly Rational[];
}

/** Limits, so that what a model writes costs little: characters; open brackets; the exponent; bits of a result. */
const longestExpression = 1000;
const deepest = 100;
const largestPower = 1000n;
const mostDigits = 10_000;

const tokenPattern = new RegExp(String.raw`\s*(${decimalPattern}|\*\*|[-+*/^()])`, 'y');

/**
 * The exact value of + − × ÷, powers with whole exponents, signs and brackets over decimal numbers, by a parser of its own: nothing is
 * ever run as code. The grammar:
 * - expression = term ((+ | −) term)*
 * - term = signed ((* | /) signed)*
 * - signed = (+ | −) signed | power
 * - power = atom (^ signed)?
 * - atom = number | ( expression )
 *
 * @throws TrainbookError if the text is anything else, divides by 0, or is too large.
 * @example
 * evaluateArithmetic('(1/3 + 2) * 3').value; // { numerator: 7n, denominator: 1n }
 */
export function evaluateArithmetic(text: string): Evaluated {
  if (text.length > longestExpression) throw refusal(text, `is longer than ${longestExpression} characters`);
  const tokens = tokensOf(text);
  const numbers: Rational[] = [];
  let place = 0;
  let depth = 0;
  const taken = (...wanted: string[]): string | undefined => {
    const token = tokens[place];
    if (token === undefined || !wanted.includes(token)) return undefined;
    place++;
    return token;
  };
  const nested = <Value>(inside: () => Value): Value => {
    if (++depth > deepest) throw refusal(text, `is nested more than ${deepest} deep`);
    const value = inside();
    depth--;
    return value;
  };
  const expression = (): Rational => chain(term, '+', '-');
  const term = (): Rational => chain(signed, '*', '/');
  const chain = (part: () => Rational, ...operators: string[]): Rational => {
    let left = part();
    for (let operator = taken(...operators); operator !== undefined; operator = taken(...operators)) {
      left = combine(text, operator, left, part());
    }
    return left;
  };
  const signed = (): Rational =>
    nested(() => {
      const sign = taken('+', '-');
      if (sign === undefined) return power();
      const value = signed();
      return sign === '-' ? negated(value) : value;
    });
  const power = (): Rational => {
    const base = atom();
    return taken('^', '**') === undefined ? base : raised(text, base, signed());
  };
  const atom = (): Rational => {
    if (taken('(') !== undefined) {
      const value = expression();
      if (taken(')') === undefined) throw refusal(text, 'has a bracket that is not closed');
      return value;
    }
    const number = parseDecimal(tokens[place] ?? '');
    if (number === undefined) throw refusal(text, `has no number at ${tokens[place] ?? 'its end'}`);
    place++;
    numbers.push(number);
    return number;
  };
  const value = expression();
  const left = tokens[place];
  if (left !== undefined) throw refusal(text, `goes on with ${left} after its end`);
  return { value, numbers };
}

function tokensOf(text: string): string[] {
  const plain = text
    .trim()
    .replace(/[×·]|\\times|\\cdot/g, '*')
    .replace(/÷|\\div/g, '/')
    .replace(/[−–]/g, '-');
  const tokens: string[] = [];
  for (let place = 0; place < plain.length; place = tokenPattern.lastIndex) {
    tokenPattern.lastIndex = place;
    const token = tokenPattern.exec(plain)?.[1];
    if (token === undefined) throw refusal(text, `has something else at ${plain.slice(place, place + 10)}`);
    tokens.push(token);
  }
  return tokens;
}

function combine(text: string, operator: string, a: Rational, b: Rational): Rational {
  if (operator === '/' && b.numerator === 0n) throw refusal(text, 'divides by 0');
  const result =
    operator === '*'
      ? rational(a.numerator * b.numerator, a.denominator * b.denominator)
      : operator === '/'
        ? rational(a.numerator * b.denominator, a.denominator * b.numerator)
        : rational(
            a.numerator * b.denominator + (operator === '-' ? -1n : 1n) * b.numerator * a.denominator,
            a.denominator * b.denominator,
          );
  return requireSmall(text, result);
}

function raised(text: string, base: Rational, exponent: Rational): Rational {
  const { numerator: times, denominator } = exponent;
  const size = times < 0n ? -times : times;
  if (denominator !== 1n || size > largestPower)
    throw refusal(text, `has an exponent that is not a whole number up to ${largestPower}`);
  if (times < 0n && base.numerator === 0n) throw refusal(text, 'divides by 0');
  const digits = Math.max(numDigits(base.numerator), numDigits(base.denominator)) * Number(size);
  if (digits > mostDigits) throw refusal(text, `has a result of more than ${mostDigits} digits`);
  const [top, bottom] = [base.numerator ** size, base.denominator ** size];
  return times < 0n ? rational(bottom, top) : rational(top, bottom);
}

function requireSmall(text: string, value: Rational): Rational {
  if (Math.max(numDigits(value.numerator), numDigits(value.denominator)) <= mostDigits) return value;
  throw refusal(text, `has a result of more than ${mostDigits} digits`);
}

/** Hexadecimal digits are quick to count; 5 of them are about 6 decimal ones. */
function numDigits(value: bigint): number {
  return (value.toString(16).length * 6) / 5;
}

function negated({ numerator, denominator }: Rational): Rational {
  return { numerator: -numerator, denominator };
}

function refusal(text: string, why: string): TrainbookError {
  return new TrainbookError({
    what: `evaluateArithmetic: the expression ${why}`,
    received: text.length > 80 ? `${text.slice(0, 80)}…` : text,
    expected: 'numbers, + - * / ^ and brackets',
    fix: 'write it as in (3 + 4) * 5',
  });
}
