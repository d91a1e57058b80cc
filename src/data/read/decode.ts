import { isAscii, isUtf8 } from 'node:buffer';

declare global {
  interface String {
    /** ES2024; Node 20 has it. */
    isWellFormed(): boolean;
  }
}

/** Text from bytes, and what had to be mended to make it well-formed. */
export interface Decoded {
  readonly text: string;
  /** Sequences of bytes that are not UTF-8, each replaced by U+FFFD (�). */
  readonly numInvalid: number;
}

/** UTF-8 as the Encoding Standard decodes it: what is not UTF-8 is replaced, and counted here. */
export function decodeUtf8(bytes: Buffer): Decoded {
  if (isAscii(bytes)) return { text: bytes.toString('latin1'), numInvalid: 0 }; // three times as fast
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return { text, numInvalid: 0 };
  return { text, numInvalid: countOf(text, '\uFFFD') - countGenuine(bytes) };
}

/** Replaces halves of surrogate pairs that stand alone (JSON can hold them, UTF-8 cannot). */
export function mendSurrogates(text: string): Decoded {
  if (text.isWellFormed()) return { text, numInvalid: 0 };
  let numInvalid = 0;
  const mended = text.replace(/\p{Surrogate}/gu, () => {
    numInvalid++;
    return '\uFFFD';
  });
  return { text: mended, numInvalid };
}

/** How many bytes at the end of `bytes` begin a character that goes on after them: 0 to 3. */
export function numUnfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

/** U+FFFD that stands in the bytes as such: EF BF BD. */
function countGenuine(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf('\uFFFD'); at >= 0; at = bytes.indexOf('\uFFFD', at + 3)) count++;
  return count;
}

function countOf(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count++;
  return count;
}
