import type { RowList } from '../rows.js';

// Rows of numbers in a section: their width, then all numbers, each 8 bytes.

/** The rows as they stand in a section; empty if there are none. */
export function rowSection({ width, values }: RowList): Buffer {
  if (values.length === 0) return Buffer.alloc(0);
  const numbers = new Float64Array(values.length + 1);
  numbers[0] = width;
  numbers.set(values, 1);
  return Buffer.from(numbers.buffer);
}

/** Adds the rows of a section to a list; `shift` is added to the number in column 1, where there is one. */
export function addRowSection(list: RowList, section: Buffer, shift?: number): void {
  if (section.length === 0) return;
  const numbers = new Float64Array(section.length / 8);
  new Uint8Array(numbers.buffer).set(section);
  const width = numbers[0] ?? 0;
  const values = numbers.subarray(1);
  if (shift !== undefined) {
    for (let at = 1; at < values.length; at += width) values[at] = (values[at] ?? 0) + shift;
  }
  list.pushAll(width, values);
}
