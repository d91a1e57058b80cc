import { isUtf8 } from 'node:buffer';

/** Text from bytes, and what had to be mended to make it well-formed. */
export interface Decoded {
  readonly text: string;
  /** Sequences of bytes that are not UTF-8, each replaced by U+FFFD (�). */
  readonly numInvalid: number;
}

/** UTF-8 as the Encoding Standard decodes it: what is not UTF-8 is replaced, and counted here. A byte-order mark at the start is taken off. */
export function decodeUtf8(bytes: Uint8Array): Decoded {
  const text = new TextDecoder('utf-8').decode(bytes);
  if (isUtf8(bytes)) return { text, numInvalid: 0 };
  return { text, numInvalid: countOf(text, '\uFFFD') - countGenuine(bytes) };
}

/** Replaces halves of surrogate pairs that stand alone (JSON can hold them, UTF-8 cannot). */
export function mendSurrogates(text: string): Decoded {
  let numInvalid = 0;
  const mended = text.replace(/\p{Surrogate}/gu, () => {
    numInvalid++;
    return '\uFFFD';
  });
  return { text: mended, numInvalid };
}

/** U+FFFD that stands in the bytes as such: EF BF BD. */
function countGenuine(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = buffer.indexOf('\uFFFD'); at >= 0; at = buffer.indexOf('\uFFFD', at + 3)) count++;
  return count;
}

function countOf(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count++;
  return count;
}
