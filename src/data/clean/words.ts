import {
  ALPHABETIC,
  BY_ITSELF,
  CATEGORY_P,
  characterTable,
  DIGIT,
  KIND,
  LETTER,
  PUNCTUATION,
  SIGN,
  SIGN_IN_ROW,
  SPACE,
  TERMINAL,
  UPPER,
} from './characters.js';

/**
 * The words of a text, in arrays of numbers that are used again for the next text: read them before the next call of `wordsOf`.
 *
 * @example
 * // "It's the end, the end." → It 's the end , the end .
 * { count: 8, numDistinct: 6, ids: [0, 1, 2, 3, 4, 2, 3, 5] }
 */
export interface Words {
  readonly count: number;
  readonly numDistinct: number;
  /** Where each word begins and ends in the text, in code units. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Equal words have the same number; numbers follow first occurrence. */
  readonly ids: Uint32Array;
  /** Characters (code points) of all words before this one; one more entry than words. */
  readonly charactersBefore: Uint32Array;
  /** Of each word, in bits: what at least one of its characters is, what all are. */
  readonly flags: Uint8Array;
  /** Whether the text has this word, letter by letter. */
  has(word: string): boolean;
}

/** At least one letter in it. */
export const HAS_LETTER = 1;
/** At least one character that is no punctuation. */
export const HAS_CONTENT = 2;
/** One sign that ends a sentence, alone. */
export const ENDS_SENTENCE = 4;
/** All of it is punctuation, of category P. */
export const IS_PUNCTUATION = 8;
/** A Han or Kana character. */
export const IS_HAN = 16;

let size = 1024;
let starts = new Uint32Array(size);
let ends = new Uint32Array(size);
let ids = new Uint32Array(size);
let charactersBefore = new Uint32Array(size + 1);
let flags = new Uint8Array(size);
let firstHash = new Uint32Array(size);
let secondHash = new Uint32Array(size);
let slots = new Int32Array(0);

let lastText: string | undefined;
let lastWords: Words | undefined;

/**
 * The words of a text. Rules of one run ask for the same text one after the other: the last answer is remembered.
 *
 * A word is a run of letters, marks and digits, with dots, commas and colons between its characters where no space follows (`3.14`, `example.org`);
 * an address is one word (`https://example.org/a?b=c`); an apostrophe within begins the next word (`it 's`); each Han or Kana character and each
 * other sign is one, rows of dots and dashes together. spaCy's English words, which datatrove counts, are nearly the same: it knows some
 * abbreviations (`Dr.`, `U.S.`), units (`5km`) and smileys.
 */
export function wordsOf(text: string): Words {
  if (lastWords !== undefined && lastText === text) return lastWords;
  const count = splitWords(text);
  const numDistinct = number(count);
  const mask = slots.length - 1;
  lastText = text;
  lastWords = {
    count,
    numDistinct,
    starts,
    ends,
    ids,
    charactersBefore,
    flags,
    has: (word) => {
      const [first, second] = hashOf(word);
      for (let slot = first & mask; ; slot = (slot + 1) & mask) {
        const entry = slots[slot] ?? 0;
        if (entry === 0) return false;
        if (firstHash[entry - 1] === first && secondHash[entry - 1] === second) return true;
      }
    },
  };
  return lastWords;
}

const FIRST_SEED = 0x811c9dc5;
const SECOND_SEED = 0x9747b28c;

/** Fills the arrays but `ids`. */
function splitWords(text: string): number {
  const table = characterTable();
  const { length } = text;
  let count = 0;
  let characters = 0;
  for (let index = 0; index < length;) {
    let code = text.charCodeAt(index);
    let entry = table[code] ?? 0;
    let kind = entry & KIND;
    if (kind === SPACE) {
      index++;
      continue;
    }
    if (count === size) grow();
    const start = index;
    let numLow = 0;
    // FNV-1a (Fowler, Noll, Vo 1991) and a second product: words whose 64 bits are equal are taken for equal.
    let first = FIRST_SEED;
    let second = SECOND_SEED;
    let some = entry;
    let all = entry;
    let hasContent = (entry & PUNCTUATION) === 0;
    // An apostrophe between letters takes those that follow: a word of its own.
    const isApostrophe =
      (code === 0x27 || code === 0x2019) &&
      start > 0 &&
      isWordKind(table[text.charCodeAt(start - 1)] ?? 0) &&
      isWordKind(table[text.charCodeAt(start + 1)] ?? 0);
    const take = isApostrophe ? LETTER : kind;
    let addressEnd = 0;
    for (;;) {
      first = Math.imul(first ^ code, 0x01000193);
      second = Math.imul(second ^ code, 0x5bd1e995) + 0x3c6ef372;
      if (code >= 0xdc00 && code < 0xe000) numLow++;
      index++;
      if (take === BY_ITSELF || take === SIGN || index >= length) break;
      const next = text.charCodeAt(index);
      const nextEntry = table[next] ?? 0;
      if (take === SIGN_IN_ROW) {
        if (next !== code) break;
      } else if (!isWordKind(nextEntry)) {
        if (next === 0x3a && !isApostrophe && text.startsWith('//', index + 1)) addressEnd = endOfAddress(text, index);
        if (index >= addressEnd && !joins(next, kind, (table[text.charCodeAt(index + 1)] ?? 0) & KIND)) break;
      }
      code = next;
      entry = nextEntry;
      kind = nextEntry & KIND;
      some |= entry;
      all &= entry;
      if ((entry & PUNCTUATION) === 0) hasContent = true;
    }
    starts[count] = start;
    ends[count] = index;
    firstHash[count] = first;
    secondHash[count] = second;
    charactersBefore[count] = characters;
    characters += index - start - numLow;
    flags[count] =
      ((some & ALPHABETIC) === 0 ? 0 : HAS_LETTER) |
      (hasContent ? HAS_CONTENT : 0) |
      (index - start === 1 && (entry & TERMINAL) !== 0 ? ENDS_SENTENCE : 0) |
      ((all & CATEGORY_P) === 0 ? 0 : IS_PUNCTUATION) |
      (take === BY_ITSELF ? IS_HAN : 0);
    count++;
  }
  charactersBefore[count] = characters;
  return count;
}

export function isWordKind(entry: number): boolean {
  return (entry & KIND) >= LETTER && (entry & KIND) <= DIGIT;
}

/** Where an address ends that has `://` at `colon`: before the next space, and before punctuation there. */
export function endOfAddress(text: string, colon: number): number {
  let end = colon + 3;
  while (end < text.length && !/[\s\x1c-\x1f\x85]/u.test(text.charAt(end))) end++;
  while (/[.,;:!?()"'<>[\]]/u.test(text.charAt(end - 1))) end--;
  return end > colon + 3 ? end : 0;
}

/** Whether a sign holds the characters on both sides together: 1,000 · 3.14 · me@example.org · U.S, but not end.Next or a,b. */
export function joins(sign: number, before: number, after: number): boolean {
  if (sign === 0x40) return after >= LETTER && after <= DIGIT;
  if (sign === 0x2e) return after === DIGIT || after === LETTER || (after === UPPER && before === UPPER);
  return (sign === 0x2c || sign === 0x3a) && before === DIGIT && after === DIGIT;
}

/** Gives equal words the same number, in the order of first occurrence. */
function number(count: number): number {
  const needed = 1 << Math.max(4, 33 - Math.clz32(count));
  if (slots.length < needed || slots.length > 8 * needed) slots = new Int32Array(needed);
  else slots.fill(0);
  const mask = slots.length - 1;
  let numDistinct = 0;
  for (let word = 0; word < count; word++) {
    const first = firstHash[word] ?? 0;
    const second = secondHash[word] ?? 0;
    for (let slot = first & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] ?? 0;
      if (entry === 0) {
        slots[slot] = word + 1;
        ids[word] = numDistinct++;
        break;
      }
      if (firstHash[entry - 1] === first && secondHash[entry - 1] === second) {
        ids[word] = ids[entry - 1] ?? 0;
        break;
      }
    }
  }
  return numDistinct;
}

function hashOf(word: string): readonly [number, number] {
  let first = FIRST_SEED;
  let second = SECOND_SEED;
  for (let index = 0; index < word.length; index++) {
    const code = word.charCodeAt(index);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x5bd1e995) + 0x3c6ef372;
  }
  return [first >>> 0, second >>> 0];
}

function grow(): void {
  size *= 2;
  const longer = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
    const array = new Uint32Array(size + 1);
    array.set(old);
    return array;
  };
  [starts, ends, ids, charactersBefore] = [longer(starts), longer(ends), longer(ids), longer(charactersBefore)];
  [firstHash, secondHash] = [longer(firstHash), longer(secondHash)];
  const oldFlags = flags;
  flags = new Uint8Array(size);
  flags.set(oldFlags);
}
