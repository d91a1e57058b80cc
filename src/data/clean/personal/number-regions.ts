import type { Place } from './detector.js';

/** How much of the text around a number is looked at for words that name it. */
const LEFT = 64;
const RIGHT = 48;

/**
 * The stretches of a text that could hold a number of personal data, with the words around them: those with a run of digits and separators
 * that has five digits or more, or four and three dots. Most of a prose text has none, and detectors need not look there.
 */
export function numberRegions(text: string): readonly Place[] {
  const regions: { start: number; end: number }[] = [];
  const { length } = text;
  for (let index = 0; index < length; index++) {
    if (!isDigit(text.charCodeAt(index))) continue;
    const start = index;
    let numDigits = 0;
    let numDots = 0;
    let end = index;
    // Two other characters in a row, such as a letter and a digit of an IBAN, do not end a run, longer words do.
    for (let gap = 0; index < length && gap < 6; index++) {
      const code = text.charCodeAt(index);
      if (isDigit(code)) {
        numDigits++;
        gap = 0;
        end = index + 1;
      } else {
        if (code === 0x2e) numDots++;
        gap++;
      }
    }
    index = end;
    if (numDigits < 5 && !(numDigits === 4 && numDots >= 3)) continue;
    const last = regions.at(-1);
    if (last !== undefined && start - LEFT <= last.end) last.end = Math.min(length, end + RIGHT);
    else regions.push({ start: Math.max(0, start - LEFT), end: Math.min(length, end + RIGHT) });
  }
  return regions;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
