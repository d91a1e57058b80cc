/** A number that can be compared exactly: in its one spelling, and as a value. */
export interface ExactAnswer {
  /** A whole number, a decimal or a fraction in lowest terms, with nothing around it: `-1234`, `0.5`, `3/4`. */
  readonly text: string;
  /** As a double. */
  readonly value: number;
}

/** The mark of GSM8K before the answer (Cobbe et al. 2021, 2110.14168). */
const MARK = '####';

/**
 * The number that a text states as its answer: after the last `####`, in the last `\boxed{…}`, or the text itself where it is a number and
 * nothing else. Currency, per cent and separators of thousands are taken away, as GSM8K's own comparison does; full-width digits are digits.
 * Undefined where there is none: a number that merely occurs in a text is no answer.
 *
 * @example
 * statedAnswer('She makes 9 * 2 = $18.\n#### 1,018'); // { text: '1018', value: 1018 }
 * statedAnswer('so \\boxed{\\frac{6}{8}}'); // { text: '3/4', value: 0.75 }
 * statedAnswer('about 18 eggs'); // undefined
 */
export function statedAnswer(text: string): ExactAnswer | undefined {
  const mark = text.lastIndexOf(MARK);
  if (mark >= 0)
    return parseNumber(
      text
        .slice(mark + MARK.length)
        .trim()
        .split('\n')[0] ?? '',
    );
  const boxed = [...text.matchAll(/\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}/gu)].at(-1)?.[1];
  return parseNumber(boxed ?? text);
}

/** What stands before the mark, without it: the way to the answer. */
export function solutionBefore(text: string): string {
  const mark = text.lastIndexOf(MARK);
  return mark < 0 ? '' : text.slice(0, mark).trim();
}

const whole = String.raw`(?:\d{1,3}(?:,\d{3})+|\d+)`;
const decimalForm = new RegExp(String.raw`^([+-]?)(${whole}?)(?:\.(\d*))?$`, 'u');
const fractionForm = new RegExp(String.raw`^([+-]?)(${whole})/(${whole})$`, 'u');

function parseNumber(given: string): ExactAnswer | undefined {
  const text = given
    .normalize('NFKC')
    .replaceAll('\u2212', '-')
    .replace(/^([+-]?)\\[dt]?frac\{(\d+)\}\{(\d+)\}$/u, '$1$2/$3')
    .replace(/\\?[$%€£¥]/gu, '')
    .trim()
    .replace(/^([+-])\s+/u, '$1')
    .replace(/\s*\/\s*/u, '/')
    .replace(/[.。]$/u, '');
  const fraction = fractionForm.exec(text);
  if (fraction !== null) return fractionOf(fraction);
  const decimal = decimalForm.exec(text);
  if (decimal === null || !/\d/u.test(text)) return undefined;
  const [, sign = '', before = '', after = ''] = decimal;
  const digits = before.replaceAll(',', '').replace(/^0+(?=\d)/u, '') || '0';
  const decimals = after.replace(/0+$/u, '');
  const unsigned = decimals === '' ? digits : `${digits}.${decimals}`;
  const spelt = sign === '-' && unsigned !== '0' ? `-${unsigned}` : unsigned;
  const value = Number(spelt);
  return Number.isFinite(value) ? { text: spelt, value } : undefined;
}

function fractionOf([, sign = '', above = '', below = '']: RegExpExecArray): ExactAnswer | undefined {
  const [top, bottom] = [BigInt(above.replaceAll(',', '')), BigInt(below.replaceAll(',', ''))];
  if (bottom === 0n) return undefined;
  let [a, b] = [top, bottom];
  while (b !== 0n) [a, b] = [b, a % b];
  const prefix = sign === '-' && top !== 0n ? '-' : '';
  const text = `${prefix}${top / a}${bottom === a ? '' : `/${bottom / a}`}`;
  const value = Number(`${prefix}${top}`) / Number(bottom);
  return Number.isFinite(value) ? { text, value } : undefined;
}
