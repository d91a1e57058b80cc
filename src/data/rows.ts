/**
 * Rows of numbers, all of one width, one after the other in one array: number `column` of row `row` is
 * `values[row · width + column]`. Sorted number by number, so that their order depends on nothing but what they are.
 */
export interface Rows {
  readonly length: number;
  readonly width: number;
  readonly values: Float64Array;
}

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
  private room = new Float64Array(0);
  private used = 0;
  width = 0;

  get length(): number {
    return this.used === 0 ? 0 : this.used / this.width;
  }

  /** The numbers of all rows, in the order in which they came; not to be written to. */
  get values(): Float64Array {
    return this.room.subarray(0, this.used);
  }

  /** @throws Error if the row is not as wide as those before it: one of ours, as a step tells rows of one form. */
  push(...row: readonly number[]): void {
    this.pushAll(row.length, row);
  }

  /** Adds whole rows, one after the other in `values`. */
  pushAll(width: number, values: ArrayLike<number>): void {
    if (this.used === 0) this.width = width;
    if (width !== this.width) throw new Error(`a row of ${width} numbers among rows of ${this.width}`);
    const needed = this.used + values.length;
    if (needed > this.room.length) {
      const larger = new Float64Array(Math.max(needed, 2 * this.room.length, 64));
      larger.set(this.values);
      this.room = larger;
    }
    this.room.set(values, this.used);
    this.used = needed;
  }

  /** All rows, sorted. */
  sorted(): Rows {
    return sortRows({ length: this.length, width: this.width, values: this.values });
  }
}

/** The rows one by one. */
export function* eachRow({ length, width, values }: Rows): Generator<Float64Array> {
  for (let row = 0; row < length; row++) yield values.subarray(row * width, (row + 1) * width);
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
