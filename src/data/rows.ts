/**
 * Rows of numbers, all of one width, one after the other in one array: number `column` of row `row` is
 * `values[row · width + column]`. Sorted number by number, so that their order depends on nothing but what they are.
 */
export interface Rows {
  readonly length: number;
  readonly width: number;
  readonly values: Float64Array;
}

/** Numbers of a chunk: a list grows by a chunk at a time, so that it is never copied to grow. */
const CHUNK = 65_536;

/** From so many rows on, sorting by the bits of the first number is faster than comparing. */
const MANY = 1024;

/**
 * Rows as they come, of 8 bytes a number.
 *
 * @example
 * const list = new RowList();
 * list.push(7, 2);
 * list.push(3, 9);
 * list.sorted(); // { length: 2, width: 2, values: Float64Array [3, 9, 7, 2] }
 */
export class RowList {
  private readonly chunks: Float64Array[] = [];
  private width = 0;
  private rowsOfChunk = 1;
  length = 0;

  /** @throws Error if the row is not as wide as those before it: one of ours, as a step tells rows of one form. */
  push(...row: readonly number[]): void {
    if (this.length === 0) {
      this.width = row.length;
      this.rowsOfChunk = Math.max(1, Math.floor(CHUNK / this.width));
    }
    if (row.length !== this.width) throw new Error(`a row of ${row.length} numbers among rows of ${this.width}`);
    const at = this.length % this.rowsOfChunk;
    if (at === 0) this.chunks.push(new Float64Array(this.rowsOfChunk * this.width));
    this.chunks.at(-1)?.set(row, at * this.width);
    this.length++;
  }

  /** All rows, sorted. */
  sorted(): Rows {
    const values = new Float64Array(this.length * this.width);
    this.chunks.forEach((chunk, index) => {
      const start = index * this.rowsOfChunk * this.width;
      values.set(chunk.subarray(0, values.length - start), start);
    });
    return sortRows({ length: this.length, width: this.width, values });
  }
}

/** The rows in order: number by number. */
export function sortRows({ length, width, values }: Rows): Rows {
  const compare = (a: number, b: number): number => {
    for (let column = 0; column < width; column++) {
      const [left, right] = [values[a * width + column] ?? 0, values[b * width + column] ?? 0];
      if (left !== right) return left < right ? -1 : 1;
    }
    return 0;
  };
  const order = sortedByFirst({ length, width, values }, compare);
  const sorted = new Float64Array(values.length);
  for (let row = 0; row < length; row++) {
    const from = (order[row] ?? 0) * width;
    for (let column = 0; column < width; column++) sorted[row * width + column] = values[from + column] ?? 0;
  }
  return { length, width, values: sorted };
}

/** The numbers of the rows in the order of `compare`. First numbers are mostly hashes of 32 bits: they are sorted 16 bits at a time. */
function sortedByFirst({ length, width, values }: Rows, compare: (a: number, b: number) => number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, index) => index);
  const first = new Uint32Array(length);
  let isWhole = length >= MANY;
  for (let row = 0; row < length && isWhole; row++) {
    const value = values[row * width] ?? 0;
    isWhole = value >>> 0 === value;
    first[row] = value;
  }
  if (!isWhole) return order.sort(compare);
  const byLow = sortedByBits(order, first, 0);
  const byFirst = sortedByBits(byLow, first, 16);
  for (let start = 0; start < length;) {
    let end = start + 1;
    let inOrder = true;
    for (; end < length && first[byFirst[end] ?? 0] === first[byFirst[start] ?? 0]; end++) {
      inOrder &&= compare(byFirst[end - 1] ?? 0, byFirst[end] ?? 0) <= 0;
    }
    if (!inOrder) byFirst.subarray(start, end).sort(compare);
    start = end;
  }
  return byFirst;
}

/** A stable counting sort by 16 bits of the keys. */
function sortedByBits(order: Uint32Array, keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(65_537);
  for (const index of order) {
    const bits = ((keys[index] ?? 0) >>> shift) & 0xffff;
    starts[bits + 1] = (starts[bits + 1] ?? 0) + 1;
  }
  for (let bits = 0; bits < 65_536; bits++) starts[bits + 1] = (starts[bits + 1] ?? 0) + (starts[bits] ?? 0);
  const sorted = new Uint32Array(order.length);
  for (const index of order) {
    const bits = ((keys[index] ?? 0) >>> shift) & 0xffff;
    const place = starts[bits] ?? 0;
    sorted[place] = index;
    starts[bits] = place + 1;
  }
  return sorted;
}
