import { decimalPattern } from './rational.js';

/**
 * The answer that a text marks as its last: what stands in its last `\boxed{…}`, or after its last `####` up to the end of the line
 * (GSM8K's mark). `undefined` if it marks none.
 *
 * @example
 * markedAnswer('9 * 2 = 18, so she makes $18.\n#### 18'); // '18'
 */
export function markedAnswer(text: string): string | undefined {
  const [line = ''] = afterLast(text, '####')?.split('\n') ?? [];
  const answer = boxed(text) ?? line.trim();
  return answer === '' ? undefined : answer;
}

/** A sign belongs to a number unless something stands before it that it takes from: `10-3` has 10 and 3. */
const numbers = new RegExp(
  String.raw`(?<![\w.)])[-−]?\$?(?:${decimalPattern})(?:\s?/\s?\d+)?|(?<![\d.])(?:${decimalPattern})`,
  'g',
);

/**
 * The last number of a text, as it is written: `1,000`, `-3`, `3/4`, `0.5`. `undefined` if it has none.
 *
 * @example
 * lastNumber('So the total is 1,250 apples.'); // '1,250'
 */
export function lastNumber(text: string): string | undefined {
  return text.match(numbers)?.at(-1);
}

/** What stands in the last `\boxed{`, with the braces in it in pairs. */
function boxed(text: string): string | undefined {
  const inside = afterLast(text, '\\boxed{');
  if (inside === undefined) return undefined;
  let depth = 1;
  for (let place = 0; place < inside.length; place++) {
    if (inside[place] === '{') depth++;
    if (inside[place] === '}' && --depth === 0) return inside.slice(0, place).trim();
  }
  return undefined;
}

function afterLast(text: string, mark: string): string | undefined {
  const place = text.lastIndexOf(mark);
  return place < 0 ? undefined : text.slice(place + mark.length);
}
