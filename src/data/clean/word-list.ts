import { ahoCorasick } from './aho-corasick.js';
import type { Automaton } from './aho-corasick.js';
import { BY_ITSELF, characterTable, DIGIT, KIND, LETTER } from './characters.js';

/** A word of a list where it stands in a text, in code units. */
export interface FoundWord {
  readonly start: number;
  readonly end: number;
  /** As the list has it. */
  readonly word: string;
}

/** A list of words, made ready to be looked for. */
export interface WordList {
  readonly words: readonly string[];
  readonly automaton: Automaton;
  /** Of each word: its length without separators, and where separators stand in it. */
  readonly shapes: readonly Shape[];
}

interface Shape {
  readonly length: number;
  /** Bit i: a separator follows letter i. */
  readonly gaps: bigint;
  readonly hasBorders: boolean;
}

/** In lower case and without what writers put between letters to hide a word: `f.u.c.k`, `傻*逼`, zero-width characters. */
const SEPARATOR = /[ \t\u00a0\u3000*_\-.·•|/\\~^+=\u200b-\u200f\u2060\ufeff\u00ad]/u;
/** More of them in a row separate words. */
const MOST_SEPARATORS = 3;

let folds: Uint16Array | undefined;

/** The folded form of each code unit: lower case, full-width forms as ASCII; 0 for separators. */
function foldTable(): Uint16Array {
  if (folds !== undefined) return folds;
  folds = new Uint16Array(65_536);
  for (let code = 0; code < 65_536; code++) {
    const wide = code >= 0xff01 && code <= 0xff5e ? code - 0xfee0 : code;
    const character = String.fromCharCode(wide);
    const lower = character.toLowerCase();
    folds[code] = SEPARATOR.test(character) ? 0 : lower.length === 1 ? lower.charCodeAt(0) : wide;
  }
  return folds;
}

/** Words to look for; empty ones are passed over, and so is what has only separators and digits (`13.` would be any 13). */
export function wordList(words: readonly string[]): WordList {
  const table = foldTable();
  const distinct = new Map<string, string>();
  for (const word of words) {
    const trimmed = word.trim();
    const folded = foldWord(trimmed, table);
    if (/[^0-9]/u.test(folded.letters) && !distinct.has(`${folded.letters} ${folded.gaps.toString()}`))
      distinct.set(`${folded.letters} ${folded.gaps.toString()}`, trimmed);
  }
  const kept = [...distinct.values()];
  const folded = kept.map((word) => foldWord(word, table));
  return {
    words: kept,
    automaton: ahoCorasick(folded.map(({ letters }) => letters)),
    shapes: folded.map(({ letters, gaps }) => ({ length: letters.length, gaps, hasBorders: !hasHan(letters) })),
  };
}

function foldWord(word: string, table: Uint16Array): { readonly letters: string; readonly gaps: bigint } {
  let letters = '';
  let gaps = 0n;
  for (let index = 0; index < word.length; index++) {
    const code = table[word.charCodeAt(index)] ?? 0;
    if (code !== 0) letters += String.fromCharCode(code);
    else if (letters !== '') gaps |= 1n << BigInt(letters.length - 1);
  }
  return { letters, gaps: BigInt.asUintN(Math.max(letters.length - 1, 0), gaps) };
}

function hasHan(letters: string): boolean {
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}]/u.test(letters);
}

let positions = new Uint32Array(1024);

/**
 * The words of a list that stand in a text, from left to right; of those that overlap the one that begins first, of these the
 * longest. Words without Han characters are found between word borders, as they are, or with each letter set apart (`s p a m`);
 * words with Han characters anywhere, and with separators between any of them.
 */
export function findWords({ words, automaton, shapes }: WordList, text: string, most = Infinity): readonly FoundWord[] {
  const folded = foldTable();
  if (positions.length < text.length) positions = new Uint32Array(2 * text.length);
  const found: FoundWord[] = [];
  let count = 0;
  let state = 0;
  let lastKept = -1;
  for (let index = 0; index < text.length; index++) {
    const code = folded[text.charCodeAt(index)] ?? 0;
    if (code === 0) continue;
    if (index - lastKept > MOST_SEPARATORS + 1) state = 0;
    lastKept = index;
    positions[count++] = index;
    state = automaton.step(state, code);
    if (state === 0) continue;
    for (const number of automaton.endsIn(state)) {
      const shape = shapes[number];
      if (shape === undefined || !fits(text, count - shape.length, shape)) continue;
      const start = positions[count - shape.length] ?? 0;
      keepLeftmostLongest(found, { start, end: index + 1, word: words[number] ?? '' });
    }
    if (found.length > most) break;
  }
  return found.slice(0, most);
}

function keepLeftmostLongest(found: FoundWord[], word: FoundWord): void {
  for (let last = found.at(-1); last !== undefined && word.start < last.end; last = found.at(-1)) {
    if (last.start < word.start || (last.start === word.start && last.end >= word.end)) return;
    found.pop();
  }
  found.push(word);
}

/** Whether letters `first` … of the text are the word, with its borders and its separators. */
function fits(text: string, first: number, { length, gaps, hasBorders }: Shape): boolean {
  if (!hasBorders) return true;
  const start = positions[first] ?? 0;
  const end = (positions[first + length - 1] ?? 0) + 1;
  if (isWordCharacter(text, start - 1) || isWordCharacter(text, end)) return false;
  if (end - start === length) return gaps === 0n;
  let isAsWritten = true;
  let isSetApart = length > 2;
  for (let letter = 0; letter + 1 < length; letter++) {
    const isGap = (positions[first + letter + 1] ?? 0) - (positions[first + letter] ?? 0) > 1;
    if (isGap !== ((gaps >> BigInt(letter)) & 1n) > 0n) isAsWritten = false;
    if (!isGap) isSetApart = false;
  }
  return isAsWritten || isSetApart;
}

function isWordCharacter(text: string, index: number): boolean {
  if (index < 0 || index >= text.length) return false;
  const kind = (characterTable()[text.charCodeAt(index)] ?? 0) & KIND;
  return kind >= LETTER && kind <= DIGIT && kind !== BY_ITSELF;
}
