// [{"title": "百科", "content": "…"},
//  {"title": "…", "content": "…"}]
import { decodeUtf8 } from './decode.js';
import { rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { defaultLargestRow } from './options.js';
import type { ReadDocument } from './read.js';
import { rowDocument } from './row.js';
import { textBytes } from './text-bytes.js';
import { TrainbookError } from '../../error.js';

const [OPEN, CLOSE, QUOTE, BACKSLASH, FEED] = [123, 125, 34, 92, 10];
/** White space, comma, brackets: what may stand between objects. */
const between = new Set([9, 10, 13, 32, 44, 91, 93]);

/**
 * Reads `.json`: an array of objects, or objects one after the other, however they are broken into lines (`.json` files of C4 hold
 * JSON Lines, those of WuDao arrays). An object is a document; arrays are not held.
 */
export const readJsonValues: FormatReader = async function* (file) {
  const { largestRow = defaultLargestRow, encoding } = file.options;
  const objects = new Objects(file, largestRow);
  for await (const chunk of textBytes(file.bytes, file.path, encoding)) yield objects.add(chunk);
  yield objects.end();
};

/** Finds objects in bytes by counting braces outside of strings. */
class Objects {
  private depth = 0;
  private inString = false;
  private escaped = false;
  private line = 1;
  private begunLine = 1;
  private begun: Buffer[] = [];
  private numBytes = 0;
  private brackets = 0;

  constructor(
    private readonly file: OpenFile,
    private readonly largest: number,
  ) {}

  add(chunk: Buffer): readonly ReadDocument[] {
    const read: ReadDocument[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === FEED) this.line++;
      if (this.inString) {
        if (this.escaped) this.escaped = false;
        else if (byte === BACKSLASH) this.escaped = true;
        else if (byte === QUOTE) this.inString = false;
      } else if (byte === QUOTE && this.depth > 0) this.inString = true;
      else if (byte === OPEN) {
        if (this.depth++ > 0) continue;
        start = at;
        this.begunLine = this.line;
      } else if (byte === CLOSE && this.depth > 0) {
        if (--this.depth > 0) continue;
        this.keep(chunk.subarray(start, at + 1));
        read.push(this.document());
      } else if (this.depth === 0 && byte !== undefined) this.checkBetween(byte);
    }
    if (this.depth > 0) this.keep(chunk.subarray(start));
    return read;
  }

  end(): readonly ReadDocument[] {
    if (this.depth === 0 && this.brackets === 0) return [];
    const received = Buffer.concat(this.begun).toString('utf8') || '[';
    return [
      rejected(this.file, {
        row: this.depth === 0 ? this.line : this.begunLine,
        drop: 'not JSON',
        what: this.depth === 0 ? 'ends inside of an array' : 'begins an object that never ends',
        received,
        expected: 'whole JSON',
        fix: 'copy or download the file again',
      }),
    ];
  }

  private keep(bytes: Buffer): void {
    this.numBytes += bytes.length;
    if (this.numBytes <= this.largest) this.begun.push(bytes);
    else this.begun = [Buffer.from(Buffer.concat([...this.begun, bytes]).subarray(0, 4096))];
  }

  private checkBetween(byte: number): void {
    if (byte === 91) this.brackets++;
    if (byte === 93) this.brackets--;
    if (between.has(byte) && this.brackets >= 0 && this.brackets < 2) return;
    throw new TrainbookError({
      what: `load: ${this.file.path}:${this.line} is not JSON of objects`,
      received: String.fromCharCode(byte),
      expected: 'an array of objects, or objects one after the other',
    });
  }

  private document(): ReadDocument {
    const bytes = Buffer.concat(this.begun);
    const { numBytes, begunLine: row, file, largest } = this;
    this.begun = [];
    this.numBytes = 0;
    const { text, numInvalid } = decodeUtf8(bytes);
    if (numBytes > largest) {
      const expected = `at most ${largest.toLocaleString('en-US')} bytes`;
      return rejected(file, {
        row,
        drop: 'row too long',
        what: `begins an object of ${numBytes.toLocaleString('en-US')} bytes`,
        received: text,
        expected,
        fix: 'allow more by { largestRow }',
      });
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const fix = cause instanceof Error ? cause.message : String(cause);
      return rejected(file, {
        row,
        drop: 'not JSON',
        what: 'is not JSON',
        received: text,
        expected: 'a JSON object',
        fix,
        cause,
      });
    }
    return rowDocument(file, value, row, () => text, numInvalid);
  }
}
