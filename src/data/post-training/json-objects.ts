import type { Chunks } from '../read/bytes.js';

/** The bytes of one JSON object and the line it begins on, from 1; or, where `stray` is set, what stands between objects and may not. */
export interface ObjectBytes {
  readonly line: number;
  readonly bytes: Buffer;
  readonly stray: boolean;
}

const [OPEN, CLOSE, QUOTE, BACKSLASH, FEED] = [123, 125, 34, 92, 10];
/** White space, comma, brackets. */
const between = new Set([9, 10, 13, 32, 44, 91, 93]);

/**
 * The objects of a `.json` file: an array of them, or one after the other. Found by counting braces outside of strings, so that the array
 * is never held. A run of other values between them (`[1, {…}]`) is one stray piece; so is an object that never ends.
 *
 * @example
 * // [{"instruction": "…", "output": "…"},
 * //  {"instruction": "…", "output": "…"}]
 * for await (const { line, bytes } of jsonObjects(chunks)) console.log(line, JSON.parse(bytes.toString()));
 */
export async function* jsonObjects(chunks: Chunks): AsyncGenerator<ObjectBytes, undefined> {
  let [depth, line, begunLine] = [0, 1, 1];
  let [inString, escaped, inStray] = [false, false, false];
  let begun: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (byte === FEED) line++;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (depth > 0) {
        if (byte === QUOTE) inString = true;
        else if (byte === OPEN) depth++;
        else if (byte === CLOSE && --depth === 0) {
          yield { line: begunLine, bytes: Buffer.concat([...begun, chunk.subarray(start, at + 1)]), stray: false };
          begun = [];
        }
        continue;
      }
      const isStray = byte !== OPEN && !between.has(byte);
      if (inStray && !isStray) {
        yield { line: begunLine, bytes: Buffer.concat([...begun, chunk.subarray(start, at)]), stray: true };
        begun = [];
        inStray = false;
      }
      if (byte === OPEN) [depth, start, begunLine] = [1, at, line];
      else if (isStray && !inStray) [inStray, start, begunLine] = [true, at, line];
    }
    if (depth > 0 || inStray) begun.push(chunk.subarray(start));
  }
  if (begun.length > 0) yield { line: begunLine, bytes: Buffer.concat(begun), stray: true };
}
