/*
 * The documents of three rows, where "b" begins in row 0 and ends in row 1:
 *
 *   {"ids":["a","b","c"], "ends":[2,3,4], "numbers":[0,1, 1, 2]}
 */

/** Which documents lie in each row of a packing. */
export interface RowDocuments {
  /** The name of each document: its id, or `document 3` where it has none. */
  readonly ids: readonly string[];
  /** Where in `numbers` each row's list ends. [numRows] */
  readonly ends: Int32Array;
  /** Places in `ids`, row after row, in the order of the row. */
  readonly numbers: Int32Array;
}

/**
 * The ids of the documents in a row, in their order.
 *
 * @example
 * const packed = pack(corpus.train, tokenizer, 256);
 * documentsOfRow(packed.rowDocuments, 0); // ['0a94…', '77c1…']
 */
export function documentsOfRow({ ids, ends, numbers }: RowDocuments, row: number): string[] {
  const start = row === 0 ? 0 : (ends[row - 1] ?? 0);
  return Array.from(numbers.subarray(start, ends[row]), (number) => ids[number] ?? '');
}

/** What documents are called. */
export function documentIds(documents: readonly { readonly id?: string }[]): string[] {
  return documents.map(({ id }, index) => id ?? `document ${index}`);
}

/** An index from the numbers of the documents in each row. */
export function rowDocuments(ids: readonly string[], rows: readonly (readonly number[])[]): RowDocuments {
  const ends = new Int32Array(rows.length);
  const numbers = new Int32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const [row, list] of rows.entries()) {
    numbers.set(list, end);
    end += list.length;
    ends[row] = end;
  }
  return { ids, ends, numbers };
}
