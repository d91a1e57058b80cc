import { wordPattern } from './byte-level.js';
import { nativeWords } from './native-parts.js';
import type { Part } from './tokenizer-json.js';

/** Cuts a text into the words that tokens do not cross. `first`: whether it is the beginning of the whole text. */
export type Cut = (text: string, first: boolean) => readonly string[];

/** A pre-tokenizer in two: how the words are cut, and whether their bytes are then written in the byte-level alphabet. */
export interface Words {
  readonly cut: Cut;
  readonly byteLevel: boolean;
}

/**
 * The words of a tokenizer.json's `pre_tokenizer`. The patterns of GPT-2, Llama 3, Qwen and SmolLM2 are cut by JavaScript's own
 * regular expressions, several times as fast; all others by Hugging Face's library.
 */
export function wordsOf(part: Part | null | undefined): Words {
  if (part === null || part === undefined) return { cut: (text) => [text], byteLevel: false };
  const parts = part.type === 'Sequence' ? (part['pretokenizers'] as Part[]) : [part];
  const last = parts.at(-1);
  if (last?.type === 'ByteLevel' && parts.filter(({ type }) => type === 'ByteLevel').length === 1) {
    const cuts = parts.map((each) => scriptCut(each) ?? nativeCut(each));
    return { cut: cuts.reduce(then), byteLevel: true };
  }
  return { cut: scriptCut(part) ?? nativeCut(part), byteLevel: false };
}

const then =
  (before: Cut, after: Cut): Cut =>
  (text, first) =>
    before(text, first).flatMap((word, index) => after(word, first && index === 0));

function nativeCut(part: Part): Cut {
  const cut = nativeWords(part);
  // The library takes each text it is given for the beginning.
  const cutLater = part['prepend_scheme'] === 'first' ? nativeWords({ ...part, prepend_scheme: 'never' }) : cut;
  return (text, first) => (first ? cut(text) : cutLater(text));
}

/** A part as JavaScript runs it, or undefined where that is not known to be the same. */
function scriptCut(part: Part): Cut | undefined {
  if (part.type === 'ByteLevel') {
    const words: Cut = part['use_regex'] === false ? (text) => [text] : (text) => text.match(wordPattern) ?? [];
    return part['add_prefix_space'] === true
      ? (text, first) => words(text.startsWith(' ') ? text : ` ${text}`, first)
      : words;
  }
  if (part.type === 'Digits') {
    const pattern = part['individual_digits'] === true ? /\p{N}/gu : /\p{N}+/gu;
    return (text) => isolated(text, pattern);
  }
  if (part.type === 'Split' && part['behavior'] === 'Isolated' && part['invert'] !== true) {
    const { Regex: source } = part['pattern'] as { Regex?: string };
    const pattern = source === undefined ? undefined : scriptPattern(source);
    if (pattern !== undefined) return (text) => isolated(text, pattern);
  }
  if (part.type === 'BertPreTokenizer') {
    const other = nativeWords(part);
    return (text) => (isAscii(text) ? (text.match(/[A-Za-z0-9]+|[!-/:-@[-`{-~]/gu) ?? []) : other(text));
  }
  return undefined;
}

/** Text without a control character but line feeds and the like: what is done to it needs no tables of Unicode. */
export const isAscii = (text: string): boolean => /^[\t\n\r\x20-\x7e]*$/u.test(text);

/** The matches of a pattern and what lies between them. */
function isolated(text: string, pattern: RegExp): string[] {
  const words: string[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) words.push(text.slice(end, match.index));
    if (match[0] !== '') words.push(match[0]);
    end = match.index + match[0].length;
  }
  if (end < text.length) words.push(text.slice(end));
  return words;
}

/**
 * A pattern of Oniguruma as one of JavaScript: `\s` is Unicode's white space in the one and a list of its own in the other, and
 * `(?i:…)` has to be written out, with the letters of other scripts that are equal to s and k but for their case. Undefined for
 * patterns with anything else that the two may read differently.
 */
export function scriptPattern(source: string): RegExp | undefined {
  const understood =
    /^(?:\(\?i:[a-z'|]+\)|\\[srnpP]|\\S|\{[LN]\}|\{\d(?:,\d)?\}|\(\?[!=]|[ '|^+*?()[\]]|[a-z](?![^[]*\]))+$/u;
  if (!understood.test(source)) return undefined;
  const anyCase = source.replace(/\(\?i:([a-z'|]+)\)/gu, (_, inner: string) => {
    const letters = inner.replace(/[a-z]/gu, (letter) => `[${letter}${letter.toUpperCase()}${alike[letter] ?? ''}]`);
    return `(?:${letters})`;
  });
  return new RegExp(spaces(anyCase), 'gu');
}

const alike: Readonly<Record<string, string>> = { s: '\u017f', k: '\u212a' };

/** `\s` and `\S` as Unicode means them, within brackets and outside. */
function spaces(source: string): string {
  return source.replaceAll('\\s', '\\p{White_Space}').replaceAll('\\S', '\\P{White_Space}');
}
