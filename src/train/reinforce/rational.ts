/** numerator / denominator, exactly: the denominator is positive, and the two have no common divisor. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** A fraction in its lowest terms. The denominator must not be 0. */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) throw new Error('internal: a fraction over 0');
  const sign = denominator < 0n ? -1n : 1n;
  const divisor = sign * greatestCommonDivisor(magnitude(numerator), magnitude(denominator));
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

export function equalRationals(a: Rational, b: Rational): boolean {
  return a.numerator === b.numerator && a.denominator === b.denominator;
}

/** Beyond this a number in an answer is noise, and costs time: 10^400 is above all that float64 holds. */
const largestExponent = 400;
const longestNumber = 1000; // characters

/** `12`, `1,000`, `.5`, `1e3`; thousands are set apart by commas in threes or not at all. */
export const decimalPattern = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?`;
const wholeDecimal = new RegExp(`^(?:${decimalPattern})$`);

/** An unsigned decimal number, without loss: 0.1 is 1/10. `undefined` if it is none, or too long. */
export function parseDecimal(text: string): Rational | undefined {
  if (text.length > longestNumber || !wholeDecimal.test(text)) return undefined;
  const [mantissa = '', exponent = '0'] = text.replaceAll(',', '').toLowerCase().split('e');
  const [integer = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent) - fraction.length;
  if (Math.abs(Number(exponent)) > largestExponent) return undefined;
  const digits = BigInt(integer + fraction);
  return shift >= 0 ? rational(digits * 10n ** BigInt(shift)) : rational(digits, 10n ** BigInt(-shift));
}

/**
 * A number as people and models write it, without loss: `-3`, `1,000`, `$12.50`, `50%` (as 50), `3/4`, `\frac{3}{4}`, `1e3`. `undefined`
 * if the text is anything else.
 *
 * @example
 * parseRational('1,000.0'); // { numerator: 1000n, denominator: 1n }
 */
export function parseRational(text: string): Rational | undefined {
  const bare = text
    .trim()
    .replace(/^\$([^$]*)\$$/, '$1') // $…$, of TeX
    .replace(/\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}/, '$1/$2')
    .replace(/\\[!,;]|\{,\}/g, (space) => (space === '{,}' ? ',' : ''))
    .replace(/[−–]/g, '-')
    .replace(/\\?[$£€%]/g, '')
    .replace(/^([-+]?)\s+|\s*(\/)\s*|\s+$/g, '$1$2')
    .replace(/\.$/, '');
  const sign = /^[-+]/.exec(bare)?.[0];
  const [top = '', bottom, ...more] = (sign === undefined ? bare : bare.slice(1)).split('/');
  if (more.length > 0) return undefined;
  const [numerator, denominator] = [parseDecimal(top), parseDecimal(bottom ?? '1')];
  if (numerator === undefined || denominator === undefined || denominator.numerator === 0n) return undefined;
  const size = rational(numerator.numerator * denominator.denominator, numerator.denominator * denominator.numerator);
  return sign === '-' ? rational(-size.numerator, size.denominator) : size;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
