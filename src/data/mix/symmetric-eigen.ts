/** Eigenvalues and unit eigenvectors of a symmetric matrix: matrix · vectors[i] = values[i] · vectors[i]. */
export interface Eigen {
  readonly values: Float64Array;
  readonly vectors: readonly Float64Array[];
}

/**
 * By Jacobi's rotations: each makes one pair of off-diagonal elements 0, until all are (Golub and Van Loan, "Matrix Computations",
 * 8.5). Exact to rounding, and for matrices of some hundreds of rows: O(n³) for each of about ten sweeps.
 *
 * @example
 * symmetricEigen([[2, 1], [1, 2]]).values; // 1 and 3, in some order
 */
export function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen {
  const size = matrix.length;
  const rows = matrix.map((row) => Float64Array.from(row));
  const vectors = rows.map((_, index) => Float64Array.from({ length: size }, (_unused, at) => (at === index ? 1 : 0)));
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  const total = Math.sqrt(rows.reduce((sum, row) => row.reduce((inner, value) => inner + value ** 2, sum), 0));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += at(p, q) ** 2;
    if (Math.sqrt(off) <= 1e-15 * total) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (at(p, q) === 0) continue;
        const theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const tangent = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta ** 2 + 1));
        const cosine = 1 / Math.sqrt(tangent ** 2 + 1);
        const sine = tangent * cosine;
        for (const row of rows) rotate(row, p, q, cosine, sine);
        rotateRows(rows[p], rows[q], cosine, sine);
        rotateRows(vectors[p], vectors[q], cosine, sine);
      }
    }
  }
  return { values: Float64Array.from(rows, (row, index) => row[index] ?? 0), vectors };
}

/** Two columns of a row. */
function rotate(row: Float64Array, p: number, q: number, cosine: number, sine: number): void {
  const [a, b] = [row[p] ?? 0, row[q] ?? 0];
  row[p] = cosine * a - sine * b;
  row[q] = sine * a + cosine * b;
}

function rotateRows(
  first: Float64Array | undefined,
  second: Float64Array | undefined,
  cosine: number,
  sine: number,
): void {
  if (first === undefined || second === undefined) return;
  for (let index = 0; index < first.length; index++) {
    const [a, b] = [first[index] ?? 0, second[index] ?? 0];
    first[index] = cosine * a - sine * b;
    second[index] = sine * a + cosine * b;
  }
}
