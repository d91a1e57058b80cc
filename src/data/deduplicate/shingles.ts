/**
 * The shingles of a text: every run of `width` words (or characters) in it, each as a hash of 32 bits. Words are runs of letters, digits
 * and marks in lower case; a Han or Kana character is a word by itself, as there are no spaces to find longer ones. Spaces and
 * punctuation do not count. Two different shingles of a text of n words share a hash with a probability of n² / 2³³: about one
 * of 25,000 words in thirteen has such a pair, which moves its similarities by 0.00004.
 */
export interface ShingleOptions {
  /** Runs of words, or of single characters (letters, digits and marks). */
  readonly unit: 'words' | 'characters';
  /** Words or characters to a shingle. */
  readonly width: number;
}

/** Five words: Lee et al. 2022 (2107.06499). */
export const FIVE_WORDS: ShingleOptions = { unit: 'words', width: 5 };

/** In the table of characters: the lower case in the low 16 bits, 0 for what separates words; this bit for what is a word by itself. */
export const BY_ITSELF = 0x10000;

let table: Uint32Array | undefined;

/** For each UTF-16 code unit, its lower case and what it is. Made at the first use, in about 20 ms. */
export function characterTable(): Uint32Array {
  if (table !== undefined) return table;
  table = new Uint32Array(65_536);
  // Halves of surrogate pairs count as letters: letters of the higher planes, and emoji, make words.
  const word = /[\p{L}\p{N}\p{M}\p{Cs}]/u;
  const single = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
  for (let code = 0; code < 65_536; code++) {
    const character = String.fromCharCode(code);
    const lower = character.toLowerCase().charCodeAt(0);
    if (single.test(character)) table[code] = lower | BY_ITSELF;
    else if (word.test(character)) table[code] = lower;
  }
  return table;
}

/** The hashes of a text's words, in order; or of its characters, each as a word by itself. */
export function wordHashes(text: string, unit: ShingleOptions['unit'] = 'words'): Uint32Array {
  const characters = characterTable();
  const always = unit === 'characters' ? BY_ITSELF : 0;
  const hashes = new Uint32Array(text.length);
  let count = 0;
  let hash = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index++) {
    const kind = characters[text.charCodeAt(index)] ?? 0;
    if (kind !== 0 && ((kind | always) & BY_ITSELF) === 0) {
      // FNV-1a (Fowler, Noll, Vo 1991), a code unit at a time.
      hash = Math.imul((inWord ? hash : 0x811c9dc5) ^ kind, 0x01000193);
      inWord = true;
      continue;
    }
    if (inWord) hashes[count++] = mix(hash);
    inWord = false;
    if (kind !== 0) hashes[count++] = mix(Math.imul(0x811c9dc5 ^ (kind & 0xffff), 0x01000193));
  }
  if (inWord) hashes[count++] = mix(hash);
  return hashes.subarray(0, count);
}

/** Where the text's words begin and end, as they are counted by `wordHashes`: [start, end) of each in turn. */
export function wordSpans(text: string): Uint32Array {
  const characters = characterTable();
  const spans = new Uint32Array(2 * text.length);
  let count = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index++) {
    const kind = characters[text.charCodeAt(index)] ?? 0;
    const isLetter = kind !== 0 && (kind & BY_ITSELF) === 0;
    if (isLetter && !inWord) spans[count++] = index;
    if (!isLetter && inWord) spans[count++] = index;
    inWord = isLetter;
    if (kind !== 0 && !isLetter) {
      spans[count++] = index;
      spans[count++] = index + 1;
    }
  }
  if (inWord) spans[count++] = text.length;
  return spans.subarray(0, count);
}

/** The base of the polynomial that a run of words is hashed by; odd, so that no word is lost in it. */
const BASE = 0x9e3779b1;

/**
 * The hash of each run of `width` words, in order: Σ wordᵢ · BASEⁱ modulo 2³², mixed. Each sum comes from the one before it in two
 * steps (Karp and Rabin 1987). A text of fewer words is one run of all its words, which is no run of another width.
 */
export function runHashes(words: Uint32Array, width: number): Uint32Array {
  if (words.length === 0) return new Uint32Array(0);
  const run = Math.min(width, words.length);
  let leaving = 1;
  for (let step = 0; step < run; step++) leaving = Math.imul(leaving, BASE);
  const salt = mix(run);
  const hashes = new Uint32Array(words.length - run + 1);
  let sum = 0;
  for (let index = 0; index < words.length; index++) {
    sum = (Math.imul(sum, BASE) + (words[index] ?? 0)) | 0;
    if (index >= run) sum = (sum - Math.imul(words[index - run] ?? 0, leaving)) | 0;
    if (index >= run - 1) hashes[index - run + 1] = mix(sum ^ salt);
  }
  return hashes;
}

/** The set of shingles of a text, as sorted hashes without repeats. A text without words has none. */
export function shingles(words: Uint32Array, width: number): Uint32Array {
  const hashes = runHashes(words, width).sort();
  let count = 0;
  for (let index = 0; index < hashes.length; index++) {
    const hash = hashes[index] ?? 0;
    if (index === 0 || hash !== hashes[index - 1]) hashes[count++] = hash;
  }
  return hashes.slice(0, count);
}

/** |A ∩ B| / |A ∪ B| of two sorted sets; 0 if both are empty. Jaccard 1901. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let shared = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const left = a[i] ?? 0;
    const right = b[j] ?? 0;
    if (left === right) shared++;
    if (left <= right) i++;
    if (right <= left) j++;
  }
  const union = a.length + b.length - shared;
  return union === 0 ? 0 : shared / union;
}

/** The finaliser of MurmurHash3 (Appleby 2011): every bit of the input changes every bit of the output with probability near ½. */
export function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
