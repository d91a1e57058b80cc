import { editScript } from './myers.js';

/** A stretch of two texts that were compared. */
export interface TextPart {
  /** `same` in both, `removed`: only in the first, `added`: only in the second. */
  readonly kind: 'same' | 'removed' | 'added';
  readonly text: string;
}

/** Two texts and what differs between them. */
export interface TextComparison {
  readonly title: string;
  /** In order: those that are not `added` make up the first text, those that are not `removed` the second. */
  readonly parts: readonly TextPart[];
  /** Characters that are in both, as a share of the longer text, 0 … 1. */
  readonly same: number;
}

export interface CompareTextsOptions {
  /** The smallest thing that is taken as a whole. Default: words; each Han or Kana character and each mark is one. */
  readonly by?: 'word' | 'character';
  readonly title?: string;
}

/** Words with their marks; runs of spaces; all else (Han, Kana, punctuation, emoji) character by character. */
const WORDS = /(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{N}\p{M}])+|[^\S\n]+|[\s\S]/gu;

/**
 * What differs between two texts: the shortest list of words (or characters) to take away and to put in that makes one of the
 * other (Myers 1986). In a notebook it is shown with the differences marked.
 *
 * @example
 * compareTexts('the cat sat', 'the dog sat').parts;
 * // [{ kind: 'same', text: 'the ' }, { kind: 'removed', text: 'cat' }, { kind: 'added', text: 'dog' }, { kind: 'same', text: ' sat' }]
 */
export function compareTexts(a: string, b: string, options: CompareTextsOptions = {}): TextComparison {
  const { by = 'word', title = 'What differs' } = options;
  const cut = (text: string): readonly string[] => (by === 'word' ? (text.match(WORDS) ?? []) : Array.from(text));
  const numbers = new Map<string, number>();
  const numbered = (pieces: readonly string[]): Int32Array =>
    Int32Array.from(pieces, (piece) => {
      const number = numbers.get(piece) ?? numbers.size;
      numbers.set(piece, number);
      return number;
    });
  const [left, right] = [cut(a), cut(b)];
  const parts = editScript(numbered(left), numbered(right)).map(({ same, fromA, toA, fromB, toB }): TextPart => {
    if (same) return { kind: 'same', text: left.slice(fromA, toA).join('') };
    return toA > fromA
      ? { kind: 'removed', text: left.slice(fromA, toA).join('') }
      : { kind: 'added', text: right.slice(fromB, toB).join('') };
  });
  const common = parts.reduce((sum, { kind, text }) => sum + (kind === 'same' ? text.length : 0), 0);
  const longest = Math.max(a.length, b.length);
  return { title, parts, same: longest === 0 ? 1 : common / longest };
}

/** One side of a comparison, cut down to what differs and so many characters around it; `…` stands for what is left out. */
export function shortened(parts: readonly TextPart[], around: number): readonly TextPart[] {
  return parts.map((part, index) => {
    const first = index === 0;
    const last = index === parts.length - 1;
    const room = (first ? 0 : around) + (last ? 0 : around);
    if (part.kind !== 'same' || part.text.length <= room + 1) return part;
    const head = first ? '' : whole(part.text.slice(0, around), 'end');
    const tail = last ? '' : whole(part.text.slice(part.text.length - around), 'start');
    return { kind: 'same', text: `${head}…${tail}` };
  });
}

/** Without half of a surrogate pair at a cut. */
function whole(text: string, side: 'start' | 'end'): string {
  return side === 'end' ? text.replace(/[\uD800-\uDBFF]$/u, '') : text.replace(/^[\uDC00-\uDFFF]/u, '');
}
