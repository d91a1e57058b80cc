// {"id": "ca01", "domain": "news", "text": "The Fulton County Grand Jury said Friday an investigation of …"}
// {"id": "ca02", "domain": "news", "text": "Austin, Texas -- Committee approval of Gov. Price Daniel's …"}
import { decodeUtf8 } from './decode.js';
import { rejected } from './found.js';
import type { FormatReader, OpenFile } from './found.js';
import { linesOf, tooLong } from './lines.js';
import type { Line } from './lines.js';
import { defaultLargestRow } from './options.js';
import type { ReadDocument } from './read.js';
import { rowDocument } from './row.js';
import { textBytes } from './text-bytes.js';

/** Reads JSON Lines: an object a line. Blank lines are passed over. */
export const readJsonLines: FormatReader = async function* (file) {
  const { largestRow = defaultLargestRow, encoding } = file.options;
  for await (const lines of linesOf(textBytes(file.bytes, file.path, encoding), largestRow)) {
    const read: ReadDocument[] = [];
    for (const line of lines) {
      if (line.length > largestRow) read.push(rejected(file, tooLong(line, largestRow)));
      else {
        const document = lineDocument(file, line);
        if (document !== undefined) read.push(document);
      }
    }
    yield read;
  }
};

function lineDocument(file: OpenFile, { bytes, number }: Line): ReadDocument | undefined {
  const { text, numInvalid } = decodeUtf8(bytes);
  const line = text.trim(); // of byte-order marks, too: files are joined by `cat`
  if (line === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    return rejected(file, {
      row: number,
      drop: 'not JSON',
      what: 'is not JSON',
      received: line,
      expected: 'one whole JSON object a line',
      fix: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  return rowDocument(file, value, number, () => line, numInvalid);
}
