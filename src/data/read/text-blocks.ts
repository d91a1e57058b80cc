import type { Chunks } from './bytes.js';
import { decodeUtf8, numUnfinished } from './decode.js';

/** A part of a text, cut between two characters. */
export interface TextBlock {
  readonly text: string;
  /** Where in it bytes that were not UTF-8 were replaced, and how many sequences. */
  readonly mended: readonly { readonly at: number; readonly count: number }[];
}

/** The text of bytes in UTF-8, in parts. */
export async function* textBlocks(chunks: Chunks): AsyncGenerator<TextBlock, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.length - numUnfinished(bytes);
    rest = bytes.subarray(end);
    yield blockOf(bytes.subarray(0, end));
  }
  if (rest.length > 0) yield blockOf(rest);
}

function blockOf(bytes: Buffer): TextBlock {
  const { text, numInvalid } = decodeUtf8(bytes);
  if (numInvalid === 0) return { text, mended: [] };
  // No sequence goes over a line feed: each line can be looked at alone.
  const mended: { at: number; count: number }[] = [];
  let at = 0;
  for (let start = 0; start < bytes.length;) {
    const feed = bytes.indexOf(10, start);
    const end = feed < 0 ? bytes.length : feed + 1;
    const line = decodeUtf8(bytes.subarray(start, end));
    if (line.numInvalid > 0) mended.push({ at: at + line.text.indexOf('\uFFFD'), count: line.numInvalid });
    at += line.text.length;
    start = end;
  }
  return { text, mended };
}
