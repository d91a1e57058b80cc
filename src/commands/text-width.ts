/**
 * Columns that a text takes in a terminal: 2 for characters of East Asian width W or F (Unicode 17, UAX #11) and for
 * emoji, 0 for what combines with the character before it, else 1.
 *
 * @example
 * textWidth('语料'); // 4
 */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/u.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

const wide =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]/u;

function graphemeWidth(grapheme: string): number {
  if (/^[\p{Mark}\p{Control}\p{Format}]+$/u.test(grapheme)) return 0;
  return wide.test(grapheme) || /^\p{Emoji_Presentation}|\ufe0f/u.test(grapheme) ? 2 : 1;
}

/** The beginning of a text that takes at most so many columns; where something is cut off, it ends in `…`. */
export function cutToWidth(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let shown = '';
  let taken = 0;
  for (const { segment } of graphemes.segment(text)) {
    taken += graphemeWidth(segment);
    if (taken > width - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}

/** Text of a record as a terminal may show it: what would move its cursor or change its colours is written out. */
export function printable(text: string): string {
  return text.replace(/[\p{Control}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n'
      ? '⏎'
      : character === '\t'
        ? ' '
        : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
