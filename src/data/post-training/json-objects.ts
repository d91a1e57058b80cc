import type { Chunks } from '../read/bytes.js';

/** The bytes of one JSON object and the line it begins on, from 1; or, where `stray` is set, what stands between objects and may not. */
export interface ObjectBytes {
  readonly line: number;
  /** Of a piece longer than `longest` the first ones. */
  readonly bytes: Buffer;
  /** Bytes of the whole piece. */
  readonly length: number;
  readonly stray: boolean;
}

/** Bytes that are kept of a piece that is too long. */
const keptBytes = 4096;

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
 * for await (const { line, bytes } of jsonObjects(chunks, 1e6)) console.log(line, JSON.parse(bytes.toString()));
 */
export async function* jsonObjects(chunks: Chunks, longest: number): AsyncGenerator<ObjectBytes, undefined> {
  let [depth, line] = [0, 1];
  let [inString, escaped, inStray] = [false, false, false];
  const piece = new Piece(longest);
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
        else if (byte === CLOSE && --depth === 0) yield piece.end(chunk.subarray(start, at + 1), false);
        continue;
      }
      const isStray = byte !== OPEN && !between.has(byte);
      if (inStray && !isStray) yield piece.end(chunk.subarray(start, at), true);
      if (byte === OPEN || (isStray && !inStray)) {
        start = at;
        piece.line = line;
      }
      if (byte === OPEN) depth = 1;
      inStray = isStray;
    }
    if (depth > 0 || inStray) piece.add(chunk.subarray(start));
  }
  if (depth > 0 || inStray) yield piece.end(Buffer.alloc(0), true);
}

/** The piece that is being read; of one that is too long only the beginning is held. */
class Piece {
  line = 1;
  private begun: Buffer[] = [];
  private length = 0;

  constructor(private readonly longest: number) {}

  add(bytes: Buffer): void {
    this.length += bytes.length;
    this.begun.push(bytes);
    if (this.length > this.longest) this.begun = [Buffer.from(Buffer.concat(this.begun).subarray(0, keptBytes))];
  }

  end(bytes: Buffer, stray: boolean): ObjectBytes {
    this.add(bytes);
    const { line, length } = this;
    const whole = { line, length, bytes: Buffer.concat(this.begun), stray };
    this.begun = [];
    this.length = 0;
    return whole;
  }
}
