import type { Table } from '../figure.js';

/** Whether each column of a table holds numbers alone, but for dashes where there is none. */
export function numericColumns({ columns, rows }: Table): boolean[] {
  return columns.map((_, column) => {
    const cells = rows.map((row) => row[column]);
    return (
      cells.some((cell) => typeof cell === 'number') && cells.every((cell) => typeof cell === 'number' || cell === '–')
    );
  });
}
