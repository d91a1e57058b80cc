import { sortRows } from '../rows.js';
import type { Rows } from '../rows.js';

// Rows of numbers in a section: their width, then all numbers, each 8 bytes.

/** Rows as they come, in one array that grows. */
export class GrowingRows {
  private values = new Float64Array(0);
  private used = 0;
  private width = 0;

  get length(): number {
    return this.width === 0 ? 0 : this.used / this.width;
  }

  /** @throws Error if the row is not as wide as those before it */
  push(row: readonly number[]): void {
    if (this.used === 0) this.width = row.length;
    if (row.length !== this.width) throw new Error(`a row of ${row.length} numbers among rows of ${this.width}`);
    this.makeRoom(row.length);
    this.values.set(row, this.used);
    this.used += row.length;
  }

  /** Adds the rows of a section; `shift` is added to the number in column 1, where there is one. */
  pushSection(bytes: Buffer, shift?: number): void {
    if (bytes.length === 0) return;
    const numbers = new Float64Array(bytes.length / 8);
    new Uint8Array(numbers.buffer).set(bytes);
    const width = numbers[0] ?? 0;
    const values = numbers.subarray(1);
    if (this.used === 0) this.width = width;
    if (width !== this.width) throw new Error(`rows of ${width} numbers among rows of ${this.width}`);
    if (shift !== undefined) {
      for (let at = 1; at < values.length; at += width) values[at] = (values[at] ?? 0) + shift;
    }
    this.makeRoom(values.length);
    this.values.set(values, this.used);
    this.used += values.length;
  }

  /** As they stand in a section; empty if there are none. */
  section(): Buffer {
    if (this.used === 0) return Buffer.alloc(0);
    const numbers = new Float64Array(this.used + 1);
    numbers[0] = this.width;
    numbers.set(this.values.subarray(0, this.used), 1);
    return Buffer.from(numbers.buffer);
  }

  sorted(): Rows {
    return sortRows({ length: this.length, width: this.width, values: this.values.slice(0, this.used) });
  }

  private makeRoom(count: number): void {
    const needed = this.used + count;
    if (needed <= this.values.length) return;
    const larger = new Float64Array(Math.max(needed, 2 * this.values.length, 64));
    larger.set(this.values.subarray(0, this.used));
    this.values = larger;
  }
}
