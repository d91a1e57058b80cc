/**
 * What each UTF-16 code unit is to the rules that count words. A table of 64 KB, made at the first use in about 30 ms. Halves of surrogate pairs
 * count as letters: letters of the higher planes and emoji make words.
 */

export const SPACE = 0;
/** Letters, marks and the low line; marks and the low line are not `ALPHABETIC`. */
export const LETTER = 1;
export const UPPER = 2;
export const DIGIT = 3;
/** Han and Kana: a word by itself, as there are no spaces to find longer ones. */
export const BY_ITSELF = 4;
/** Punctuation and other signs, each a word by itself … */
export const SIGN = 5;
/** … but dots, dashes, tildes and ellipses that stand in a row are one: `...`, `--`. */
export const SIGN_IN_ROW = 6;
export const KIND = 7;
/** Letters of any script. */
export const ALPHABETIC = 8;
/** Punctuation and control characters: words of these alone are not counted by Gopher's word count. */
export const PUNCTUATION = 16;
/** Ends a sentence. */
export const TERMINAL = 32;
/** General category P: what may follow a full stop and still belongs to its sentence. */
export const CATEGORY_P = 64;

/**
 * Ends a sentence: Unicode's property Sentence_Terminal and three signs of Khmer; datatrove's TERMINAL_PUNCTUATION is the same list
 * (of an earlier Unicode, without U+2024 and some vertical forms).
 */
export const TERMINAL_SIGN = /[\p{Sentence_Terminal}\u17d6\u17d9\u17da]/u;

/** The punctuation of datatrove 0.10.1 (utils/text.py, from the CCNet of Wenzek 2020, arXiv 1911.00359): signs, then controls. */
const PUNCTUATION_SIGN =
  /[!/—”:％１〈&(、━\\【#%「」，】；+^\]~“《„';’{|∶´[=\-`*．（–？！：$～«〉,><》)?）。…@_."}►»\0-\x08\x0b-\x1f\x7f-\x9f]/u;

let table: Uint8Array | undefined;

/** By code unit: a kind in the lowest three bits, and properties. */
export function characterTable(): Uint8Array {
  if (table !== undefined) return table;
  table = new Uint8Array(65_536);
  for (let code = 0; code < table.length; code++) table[code] = describe(code);
  return table;
}

function describe(code: number): number {
  const isHalf = code >= 0xd800 && code < 0xe000;
  if (isHalf) return LETTER | ALPHABETIC;
  const character = String.fromCharCode(code);
  let properties = 0;
  if (/\p{L}/u.test(character)) properties |= ALPHABETIC;
  if (PUNCTUATION_SIGN.test(character)) properties |= PUNCTUATION;
  if (TERMINAL_SIGN.test(character)) properties |= PUNCTUATION | TERMINAL;
  if (/\p{P}/u.test(character)) properties |= CATEGORY_P;
  return properties | kindOf(character);
}

function kindOf(character: string): number {
  if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(character)) return BY_ITSELF;
  if (/\p{Lu}/u.test(character)) return UPPER;
  if (/[\p{L}\p{M}_]/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return DIGIT;
  // Python's str.isspace, which also has the separators U+001C to U+001F and U+0085, and not U+FEFF.
  if (/[\s\x1c-\x1f\x85]/u.test(character) && character !== '\ufeff') return SPACE;
  return /[.…\-–—~]/u.test(character) ? SIGN_IN_ROW : SIGN;
}
