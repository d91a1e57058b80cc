import { hash } from '../files.js';
import type { Document } from './document.js';

/** How documents are grouped: by a field of theirs, or by what a function says of each. */
export type Stratum = 'source' | 'domain' | 'language' | ((document: Document) => string);

/** The function that names a document's group. */
export function stratumOf(by: Stratum): (document: Document) => string {
  if (typeof by === 'function') return by;
  return (document) => document[by] ?? `no ${by}`;
}

/** A name as two numbers, of 32 and of 52 bits, that stand for it in rows of numbers: 84 bits, so that no two names are the same. */
export function numbersOf(name: string): readonly [group: number, rest: number] {
  const digits = hash(name);
  return [Number.parseInt(digits.slice(0, 8), 16), Number.parseInt(digits.slice(8, 21), 16)];
}

type RowsInOne =
  readonly Float64Array[] | { readonly length: number; readonly width: number; readonly values: Float64Array };

/** The rows of a joint step one by one, whether they lie in one array or each by itself. */
export function* eachRow(rows: RowsInOne): Generator<Float64Array> {
  if (!('width' in rows)) {
    yield* rows;
    return;
  }
  for (let at = 0; at < rows.length; at++) yield rows.values.subarray(at * rows.width, (at + 1) * rows.width);
}
