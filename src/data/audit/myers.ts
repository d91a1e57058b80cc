/**
 * The shortest edit script of two lists of numbers (Myers 1986, "An O(ND) difference algorithm and its variations", Algorithmica
 * 1:251), in its linear-space form: the middle of a shortest path is found from both ends at once, then each half by itself.
 * Time grows as (N + M) · D for lists of N and M items that differ by D; memory as N + M.
 */

/** Items a[fromA … toA) stand for b[fromB … toB): equal ones where `same`, else one of the two is empty. */
export interface Run {
  readonly same: boolean;
  readonly fromA: number;
  readonly toA: number;
  readonly fromB: number;
  readonly toB: number;
}

/**
 * Differences beyond which a stretch is taken as replaced: texts that have next to nothing in common would take seconds, and
 * their shortest script tells nothing. The script is still right, but no longer the shortest.
 */
const MOST_DIFFERENCES = 4000;

/** The runs of equal and different items, in order: together they are all of a and all of b. */
export function editScript(a: Int32Array, b: Int32Array): readonly Run[] {
  const matches: [number, number, number][] = []; // from in a, from in b, length
  compare(a, 0, a.length, b, 0, b.length, matches);
  const runs: Run[] = [];
  let atA = 0;
  let atB = 0;
  const change = (fromA: number, fromB: number): void => {
    if (fromA > atA) runs.push({ same: false, fromA: atA, toA: fromA, fromB: atB, toB: atB });
    if (fromB > atB) runs.push({ same: false, fromA: fromA, toA: fromA, fromB: atB, toB: fromB });
  };
  for (const [fromA, fromB, length] of matches) {
    change(fromA, fromB);
    const last = runs.at(-1);
    // Halves that were compared by themselves may meet within a run of equal items.
    if (last?.same === true && last.toA === fromA && last.toB === fromB) {
      runs[runs.length - 1] = { ...last, toA: fromA + length, toB: fromB + length };
    } else runs.push({ same: true, fromA, toA: fromA + length, fromB, toB: fromB + length });
    atA = fromA + length;
    atB = fromB + length;
  }
  change(a.length, b.length);
  return runs;
}

function compare(
  a: Int32Array,
  startA: number,
  endA: number,
  b: Int32Array,
  startB: number,
  endB: number,
  matches: [number, number, number][],
): void {
  let [fromA, toA, fromB, toB] = [startA, endA, startB, endB];
  while (fromA < toA && fromB < toB && a[fromA] === b[fromB]) {
    fromA++;
    fromB++;
  }
  if (fromA > startA) matches.push([startA, startB, fromA - startA]);
  while (fromA < toA && fromB < toB && a[toA - 1] === b[toB - 1]) {
    toA--;
    toB--;
  }
  if (fromA < toA && fromB < toB) {
    const middle = middleOf(a.subarray(fromA, toA), b.subarray(fromB, toB));
    if (middle !== undefined) {
      const [x, y] = middle;
      compare(a, fromA, fromA + x, b, fromB, fromB + y, matches);
      compare(a, fromA + x, toA, b, fromB + y, toB, matches);
    }
  }
  if (toA < endA) matches.push([toA, toB, endA - toA]);
}

/** A diagonal that no path has reached. */
const NOWHERE = -1;

/**
 * A point (x, y) on a shortest path from (0, 0) to (N, M), neither of them; undefined where the lists have too little in common.
 * Neither list is empty, and they differ in their first and last items. On each diagonal k = x − y the furthest points from
 * the start and from the end are kept; the paths meet after ⌈D / 2⌉ differences from each side.
 */
function middleOf(a: Int32Array, b: Int32Array): readonly [number, number] | undefined {
  const [n, m] = [a.length, b.length];
  const delta = n - m;
  const most = Math.min(Math.ceil((n + m) / 2), MOST_DIFFERENCES / 2);
  const offset = most + 1;
  const forward = new Int32Array(2 * most + 3).fill(NOWHERE);
  const backward = new Int32Array(2 * most + 3).fill(NOWHERE);
  const far = (points: Int32Array, k: number): number => points[offset + k] ?? NOWHERE;
  /** One difference further on diagonal k: an item of b passed (from k + 1), or one of a (from k − 1), within the lists. */
  const step = (points: Int32Array, d: number, k: number): number => {
    if (d === 0) return 0;
    const [above, below] = [far(points, k + 1), far(points, k - 1)];
    const down = above !== NOWHERE && above - k <= m ? above : NOWHERE;
    const right = below !== NOWHERE && below + 1 <= n ? below + 1 : NOWHERE;
    return Math.max(down, right);
  };
  for (let d = 0; d <= most; d++) {
    for (let k = -d; k <= d; k += 2) {
      let x = step(forward, d, k);
      while (x !== NOWHERE && x < n && x - k < m && a[x] === b[x - k]) x++;
      forward[offset + k] = x;
      // Seen from the end, this is diagonal delta − k.
      const other = delta - k;
      if (x === NOWHERE || delta % 2 === 0 || Math.abs(other) > d - 1) continue;
      const met = far(backward, other);
      if (met !== NOWHERE && x + met >= n) return [x, x - k];
    }
    for (let k = -d; k <= d; k += 2) {
      let x = step(backward, d, k);
      while (x !== NOWHERE && x < n && x - k < m && a[n - 1 - x] === b[m - 1 - x + k]) x++;
      backward[offset + k] = x;
      const other = delta - k;
      if (x === NOWHERE || delta % 2 !== 0 || Math.abs(other) > d) continue;
      const met = far(forward, other);
      if (met !== NOWHERE && x + met >= n) return [n - x, m - x + k];
    }
  }
  return undefined;
}
