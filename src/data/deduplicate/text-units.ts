import { characterTable, BY_ITSELF, mix } from './shingles.js';

export type Unit = 'line' | 'paragraph';

/** A line or paragraph: text[start, end), and where the next begins, after what parts the two. */
export interface TextUnit {
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/** Line feeds part lines; blank lines, which may hold spaces, part paragraphs. */
export function* units(text: string, unit: Unit): Generator<TextUnit, undefined> {
  if (unit === 'line') {
    for (let start = 0; start < text.length;) {
      const feed = text.indexOf('\n', start);
      const end = feed < 0 ? text.length : feed;
      const next = Math.min(end + 1, text.length);
      yield { start, end, next };
      start = next;
    }
    return;
  }
  let start = 0;
  for (const { index, 0: parting } of text.matchAll(/\n(?:[^\S\n]*\n)+/gu)) {
    yield { start, end: index, next: index + parting.length };
    start = index + parting.length;
  }
  if (start < text.length) yield { start, end: text.length, next: text.length };
}

/**
 * What stands for the words of text[start, end): 64 bits, as two numbers of 32, the same for texts whose words are the same but for letter case.
 * Among 10⁹ different lines some two have the same with a probability of 0.03.
 */
export function lineKey(
  text: string,
  start: number,
  end: number,
): { readonly group: number; readonly rest: number; readonly numWords: number } {
  const characters = characterTable();
  let [group, rest] = [0x811c9dc5, 0x1b873593];
  let numWords = 0;
  let inWord = false;
  for (let index = start; index < end; index++) {
    const kind = characters[text.charCodeAt(index)] ?? 0;
    if (kind === 0) {
      inWord = false;
      continue;
    }
    const isByItself = (kind & BY_ITSELF) !== 0;
    if (isByItself || !inWord) {
      numWords++;
      group = Math.imul(group ^ 0x10000, 0x01000193);
      rest = Math.imul((rest << 7) | (rest >>> 25), 0x9e3779b1);
    }
    inWord = !isByItself;
    group = Math.imul(group ^ (kind & 0xffff), 0x01000193);
    group ^= group >>> 15;
    rest = Math.imul(((rest << 5) | (rest >>> 27)) + (kind & 0xffff), 0x85ebca6b);
  }
  return { group: mix(group), rest: mix(rest), numWords };
}
