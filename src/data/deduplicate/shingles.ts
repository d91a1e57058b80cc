/**
 * The shingles of a text: every run of `width` words in it, each as a hash of 32 bits. Words are runs of letters, digits and
 * marks in lower case; a Han or Kana character is a word by itself, as there are no spaces to find longer ones. Spaces and
 * punctuation do not count. Two different shingles of a text of n words share a hash with a probability of n² / 2³³: about one
 * of 25,000 words in thirteen has such a pair, which moves its similarities by 0.00004.
 */

const SEPARATOR = 0;
const WORD = 1;
const WORD_BY_ITSELF = 2;

interface CharacterTable {
  readonly kinds: Uint8Array;
  readonly lower: Uint16Array;
}

let table: CharacterTable | undefined;

/** For each UTF-16 code unit, what it is and its lower case. Made at the first use, in about 20 ms. */
function characterTable(): CharacterTable {
  if (table !== undefined) return table;
  const kinds = new Uint8Array(65_536);
  const lower = new Uint16Array(65_536);
  // Halves of surrogate pairs count as letters: letters of the higher planes, and emoji, make words.
  const word = /[\p{L}\p{N}\p{M}\p{Cs}]/u;
  const single = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
  for (let code = 0; code < 65_536; code++) {
    const character = String.fromCharCode(code);
    kinds[code] = single.test(character) ? WORD_BY_ITSELF : word.test(character) ? WORD : SEPARATOR;
    lower[code] = character.toLowerCase().charCodeAt(0);
  }
  table = { kinds, lower };
  return table;
}

/** The hashes of a text's words, in order. */
export function wordHashes(text: string): Uint32Array {
  const { kinds, lower } = characterTable();
  const hashes = new Uint32Array(text.length);
  let count = 0;
  let hash = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const kind = kinds[code];
    if (inWord && kind !== WORD) {
      hashes[count++] = mix(hash);
      inWord = false;
    }
    if (kind === SEPARATOR) continue;
    if (!inWord) hash = 0x811c9dc5;
    // FNV-1a (Fowler, Noll, Vo 1991), a code unit at a time.
    hash = Math.imul(hash ^ (lower[code] ?? 0), 0x01000193);
    if (kind === WORD) inWord = true;
    else hashes[count++] = mix(hash);
  }
  if (inWord) hashes[count++] = mix(hash);
  return hashes.slice(0, count);
}

/**
 * The set of shingles of a text, as sorted hashes without repeats. A text of fewer words than `width` is one shingle of all
 * its words; a text without words has none.
 */
export function shingles(words: Uint32Array, width: number): Uint32Array {
  if (words.length === 0) return new Uint32Array(0);
  const run = Math.min(width, words.length);
  const hashes = new Uint32Array(words.length - run + 1);
  for (let start = 0; start < hashes.length; start++) {
    let hash = 0;
    for (let offset = 0; offset < run; offset++)
      hash = Math.imul(hash ^ (words[start + offset] ?? 0), 0x85ebca6b) + offset;
    hashes[start] = mix(hash);
  }
  hashes.sort();
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
