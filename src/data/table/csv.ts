// Status,Seniority,Home,Income
// good,9,rent,129
// bad,10,"owner, shared",
import { TrainbookError } from '../../error.js';

/** One line of a table, or several where a quoted field has line feeds. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** The line it begins in, from 1. */
  readonly line: number;
}

const QUOTE = 34;
const FEED = 10;
const RETURN = 13;

/**
 * The records of a CSV text as RFC 4180 has them: fields between delimiters; a field that begins with a quotation mark goes to the
 * next single one, over delimiters and line feeds, and `""` in it is one mark. Lines end with LF, CR LF or CR. Marks inside of
 * a field that does not begin with one are taken as they are. A line without any character is a record of one empty field.
 *
 * @param path stands in errors.
 * @param line The line that the text begins with.
 * @param isWhole Whether the text ends the file; if not, the record that its end cuts off is left.
 * @returns where the record begins that was left, and its line.
 * @throws TrainbookError, with path and line, if a quotation mark is never closed, or text follows a closed one.
 */
export function* csvRecords(
  text: string,
  delimiter: string,
  path: string,
  line = 1,
  isWhole = true,
): Generator<CsvRecord, { readonly at: number; readonly line: number }> {
  const separator = delimiter.charCodeAt(0);
  let at = 0;
  while (at < text.length) {
    const fields: string[] = [];
    const first = line;
    const left = { at, line };
    for (;;) {
      if (text.charCodeAt(at) === QUOTE) {
        const end = closingQuote(text, at);
        if (!isWhole && (end < 0 || end + 2 >= text.length)) return left;
        if (end < 0) throw neverClosed(text, at, path, line);
        const inside = text.slice(at + 1, end);
        line += countLines(inside);
        fields.push(inside.replaceAll('""', '"'));
        at = end + 1;
        if (!endsField(text, at, separator)) {
          throw new TrainbookError({
            what: `${path}:${line}: text follows a closed quotation mark`,
            received: excerpt(text, at),
            expected: `${JSON.stringify(delimiter)} or the end of the line`,
            fix: 'a quotation mark inside a quoted field is written twice: ""',
          });
        }
      } else {
        const start = at;
        for (; at < text.length; at++) {
          const code = text.charCodeAt(at);
          if (code === separator || code === FEED || code === RETURN) break;
        }
        fields.push(text.slice(start, at));
      }
      if (!isWhole && at + 1 >= text.length) return left;
      if (text.charCodeAt(at) !== separator) break;
      at++;
    }
    // At the end of the text this goes one too far, which ends the loop.
    at += text.charCodeAt(at) === RETURN && text.charCodeAt(at + 1) === FEED ? 2 : 1;
    line++;
    yield { fields, line: first };
  }
  return { at: text.length, line };
}

/** Whether a field may end here: at a delimiter, the end of a line, or the end of the text. */
function endsField(text: string, at: number, separator: number): boolean {
  const code = text.charCodeAt(at); // NaN at the end
  return code === separator || code === FEED || code === RETURN || at >= text.length;
}

/** The place of the mark that closes the one at `opened`; -1 if there is none. */
function closingQuote(text: string, opened: number): number {
  for (let at = text.indexOf('"', opened + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text.charCodeAt(at + 1) !== QUOTE) return at;
  }
  return -1;
}

function neverClosed(text: string, opened: number, path: string, line: number): TrainbookError {
  return new TrainbookError({
    what: `${path}:${line}: a quotation mark is never closed`,
    received: excerpt(text, opened),
    expected: 'a second mark that ends the field',
    fix: 'close it, or write a field with a quotation mark as "…""…"',
  });
}

function countLines(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === FEED || (code === RETURN && text.charCodeAt(at + 1) !== FEED)) count++;
  }
  return count;
}

function excerpt(text: string, at: number): string {
  const [shown = ''] = text.slice(at, at + 60).split(/[\r\n]/u, 1);
  return shown;
}
