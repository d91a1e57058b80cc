/**
 * The byte-level alphabet of GPT-2: every byte as a printable character, so that a vocabulary of byte strings can be written
 * as text. Printable Latin-1 stands for itself, the other 68 bytes for U+0100 onwards in order: space is Ġ, line feed Ċ.
 */
export const byteCharacters: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
})();

const bytes: ReadonlyMap<string, number> = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** `Ġthe` → the 4 bytes of ` the`. */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const found = Array.from(token, (character) => bytes.get(character) ?? -1);
  return found.includes(-1) ? undefined : Uint8Array.from(found);
}

/** The UTF-8 bytes of a text in the alphabet: ` the` → `Ġthe`. */
export function byteLevel(text: string): string {
  let written = '';
  for (const byte of Buffer.from(text)) written += byteCharacters[byte] ?? '';
  return written;
}

/** How vocabularies write a single byte that no token has: `<0x0A>`. */
export const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/**
 * The words that merges do not cross: GPT-2's pattern (Radford et al. 2019, openai/gpt-2 encoder.py): contractions; a run of
 * letters, digits or other signs, with one space before it; spaces, but the last before a word goes with the word.
 * White space is Unicode's, as in Hugging Face's tokenizers; that of JavaScript's `\s` is another.
 */
export const wordPattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Whether a merge may join the digits of a number. */
export type Digits = 'together' | 'single';

/** The words of a text by `wordPattern`; with single digits each of them is a word of its own. */
export function byteLevelWords(text: string, digits: Digits): string[] {
  if (digits === 'together') return text.match(wordPattern) ?? [];
  return text.split(/(\p{N})/u).flatMap((part) => part.match(wordPattern) ?? []);
}
