/**
 * What a language model counts. `words` are runs of letters and digits, each other sign and each Chinese or Japanese character by
 * itself; `characters` are code points, spaces written as ▁; `spaces` cuts at white space only, as KenLM does; a function gives the
 * units itself: words of its own, or the ids of a tokenizer.
 */
export type Units = NamedUnits | SplitIntoUnits;
export type NamedUnits = 'words' | 'characters' | 'spaces';
export type SplitIntoUnits = (text: string) => readonly (string | number)[];

/** How white space is written where it is a unit or a part of one: ARPA files divide by it. */
const SPACE = '▁';

/** The function that cuts a line into units. */
export function splitterOf(units: Units): (line: string) => readonly string[] {
  if (units === 'words') return splitWords;
  if (units === 'characters') return (line) => Array.from(line, (one) => (/\s/u.test(one) ? SPACE : one));
  if (units === 'spaces') return (line) => line.split(/[\0\t\n\v\f\r ]+/u).filter((word) => word !== '');
  return (line) => units(line).map((unit) => (typeof unit === 'number' ? `${unit}` : unit.replace(/\s/gu, SPACE)));
}

// The classes of code units; 0 is not known yet.
const SPACE_CLASS = 1;
/** A letter, a digit, or a mark on one: goes on with its neighbours. */
const WORD = 2;
/** Stands alone: punctuation, and characters that are words. */
const ALONE = 3;

const word = /[\p{L}\p{M}\p{N}_]/u;
const ideograph = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

/** The class of each UTF-16 code unit, as far as it was asked for. */
const classes = new Uint8Array(65_536);

/**
 * The words of a text, in order: runs of letters, marks and digits (with ' or ’ inside: `don’t`), and everything else that is no
 * space, character by character.
 *
 * @example
 * splitWords('I don’t know, 你好'); // ['I', 'don’t', 'know', ',', '你', '好']
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let start = -1; // of the word that is being read
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const kind = classes[code] || classify(code);
    if (kind === WORD) {
      if (start < 0) start = at;
      continue;
    }
    if (start >= 0) {
      const isApostrophe = code === 0x27 || code === 0x2019;
      const next = text.charCodeAt(at + 1); // NaN at the end
      if (isApostrophe && (classes[next] || classify(next)) === WORD) continue;
      words.push(text.slice(start, at));
      start = -1;
    }
    if (kind === ALONE) {
      const isPair = code >= 0xd800 && code < 0xdc00 && at + 1 < text.length;
      words.push(text.slice(at, at + (isPair ? 2 : 1)));
      if (isPair) at++;
    }
  }
  if (start >= 0) words.push(text.slice(start));
  return words;
}

/** Halves of surrogate pairs stand alone: those are rare ideographs and pictures. */
function classify(code: number): number {
  if (Number.isNaN(code)) return SPACE_CLASS;
  const character = String.fromCharCode(code);
  const kind = /[\s\p{Cc}]/u.test(character)
    ? SPACE_CLASS
    : word.test(character) && !ideograph.test(character)
      ? WORD
      : ALONE;
  classes[code] = kind;
  return kind;
}
