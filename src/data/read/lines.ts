import type { Chunks } from './bytes.js';

/** A line without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** Its bytes; of a line longer than `longest` the first ones. */
  readonly bytes: Buffer;
  /** Bytes of the whole line. */
  readonly length: number;
}

/** Bytes that are kept of a line that is too long. */
const keptBytes = 4096;

/** The lines of a file, some at a time. A line that is longer than `longest` bytes is passed over, and never held. */
export async function* linesOf(chunks: Chunks, longest: number): AsyncGenerator<readonly Line[], undefined> {
  let begun: Buffer[] = [];
  let length = 0;
  let number = 0;
  const ended = (end: Buffer): Line => {
    begun.push(end);
    length += end.length;
    const [only = end] = begun;
    const bytes = begun.length === 1 ? only : Buffer.concat(begun);
    const line = { number: ++number, bytes: length > longest ? bytes.subarray(0, keptBytes) : bytes, length };
    begun = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let start = 0;
    for (let feed = chunk.indexOf(10); feed >= 0; feed = chunk.indexOf(10, start)) {
      lines.push(ended(chunk.subarray(start, feed)));
      start = feed + 1;
    }
    const rest = chunk.subarray(start);
    length += rest.length;
    if (length <= longest) begun.push(rest);
    else if (begun.length !== 1 || (begun[0]?.length ?? 0) > keptBytes) {
      begun = [Buffer.from(Buffer.concat([...begun, rest]).subarray(0, keptBytes))];
    }
    if (lines.length > 0) yield lines;
  }
  if (length > 0) yield [ended(Buffer.alloc(0))];
}

/** A line that is too long, for `rejected`. */
export function tooLong({ number, bytes, length }: Line, longest: number) {
  return {
    row: number,
    drop: 'row too long',
    what: `is a row of ${length.toLocaleString('en-US')} bytes`,
    received: bytes.toString('utf8'),
    expected: `at most ${longest.toLocaleString('en-US')} bytes a row`,
    fix: 'see whether its line feeds are missing, or allow more by { largestRow }',
  };
}
