import { cutToWidth, printable, textWidth } from './text-width.js';

export interface TextTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Columns between two of a table. */
const gap = 2;
/** No column is made narrower than this to make room. */
const least = 8;

/**
 * A table as lines: columns of numbers to the right, others to the left. Where it is wider than the terminal, its widest
 * columns are cut; where that is not enough, the columns that find no room are left out and named below.
 *
 * @param width columns of the terminal; without a limit (a file, a pipe) nothing is cut
 */
export function textTable({ columns, rows }: TextTable, width = Infinity): string[] {
  const cells = [columns, ...rows].map((row) => columns.map((_, column) => printable(row[column] ?? '')));
  const wanted = columns.map((_, column) => Math.max(...cells.map((row) => textWidth(row[column] ?? ''))));
  const shown = numThatFit(wanted, width);
  const widths = narrow(wanted.slice(0, shown), width);
  const isNumbers = widths.map((_, column) =>
    cells.slice(1).every((row) => /^([−+-]?[\d∞].*|—|–|not a number)?$/u.test(row[column] ?? '')),
  );
  const lines = cells.map((row) =>
    widths
      .map((room, column) => {
        const cell = cutToWidth(row[column] ?? '', room);
        const space = ' '.repeat(Math.max(0, room - textWidth(cell)));
        return isNumbers[column] === true && rows.length > 0 ? space + cell : cell + space;
      })
      .join(' '.repeat(gap))
      .trimEnd(),
  );
  const left = columns.slice(shown);
  return left.length === 0 ? lines : [...lines, `(no room for ${left.join(', ')})`];
}

const total = (widths: readonly number[]): number =>
  widths.reduce((sum, each) => sum + each, 0) + gap * Math.max(0, widths.length - 1);

/** How many of the first columns find room, each at its least. */
function numThatFit(wanted: readonly number[], width: number): number {
  for (let count = wanted.length; count > 1; count--) {
    if (total(wanted.slice(0, count).map((each) => Math.min(each, least))) <= width) return count;
  }
  return 1;
}

/** The widest columns give way first. */
function narrow(wanted: readonly number[], width: number): number[] {
  const widths = [...wanted];
  while (total(widths) > width) {
    const widest = Math.max(...widths);
    if (widest <= least) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

/** The columns of the terminal that standard output is; without a limit where it is a file or a pipe. */
export function terminalWidth(): number {
  const { isTTY, columns } = process.stdout as { isTTY?: boolean; columns?: number };
  return isTTY === true ? (columns ?? 80) : Infinity;
}
