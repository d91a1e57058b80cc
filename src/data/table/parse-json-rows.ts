// {"age": 30, "job": "fixed"}
// {"age": null, "job": "freelance", "since": "2019-04-01"}
import { TrainbookError } from '../../error.js';
import { decodeStrictly } from './parse-table.js';
import type { FoundColumns } from './read-columns.js';

/** The columns of JSON Lines, an object a line, and the line of each row. A row that lacks a field has null there. */
export interface JsonRows {
  readonly columns: FoundColumns;
  readonly lines: readonly number[];
}

/** @throws TrainbookError with the line, if it is no JSON or no object. */
export function parseJsonRows(bytes: Uint8Array, path: string): JsonRows {
  const columns = new Map<string, unknown[]>();
  const lines: number[] = [];
  for (const [index, text] of decodeStrictly(bytes, path).split('\n').entries()) {
    if (text.trim() === '') continue;
    const row = parseRow(text, `${path}:${index + 1}`);
    for (const [name, value] of Object.entries(row)) {
      let values = columns.get(name);
      if (values === undefined) columns.set(name, (values = new Array<unknown>(lines.length).fill(null)));
      values.push(value);
    }
    lines.push(index + 1);
    for (const values of columns.values()) if (values.length < lines.length) values.push(null);
  }
  return { columns, lines };
}

function parseRow(text: string, place: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TrainbookError({
      what: `readTable: ${place} is not JSON`,
      received: text.slice(0, 80),
      expected: 'one whole JSON object a line',
      fix: String(cause),
      cause,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new TrainbookError({
    what: `readTable: ${place} is no row`,
    received: text.slice(0, 80),
    expected: 'an object with a field for each column',
  });
}
