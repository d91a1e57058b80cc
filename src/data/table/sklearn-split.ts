import { randomState } from './random-state.js';
import type { RandomState } from './random-state.js';
import { checkStrata, rowsByValue, testRows } from './split-rows.js';
import type { SplitRows } from './split-rows.js';

/** The rows of scikit-learn's `train_test_split(…, test_size=testSize, random_state=seed)`, in its order. */
export function sklearnRows(numRows: number, testSize: number, seed: number): SplitRows {
  const numTest = testRows(numRows, testSize);
  const order = randomState(seed).permutation(Array.from({ length: numRows }, (_, row) => row));
  return { train: Uint32Array.from(order.slice(numTest)), test: Uint32Array.from(order.slice(0, numTest)) };
}

/** The rows of `train_test_split(…, stratify=classes)`, in its order. */
export function sklearnStratifiedRows(classes: readonly unknown[], testSize: number, seed: number): SplitRows {
  const numTest = testRows(classes.length, testSize);
  const numTrain = classes.length - numTest;
  const strata = checkStrata(rowsByValue(classes, 'stratify'), numTest, numTrain);
  const random = randomState(seed);
  const numRows = strata.map(({ rows }) => rows.length);
  const trainCounts = likelyCounts(numRows, numTrain, random);
  const rests = numRows.map((count, stratum) => count - (trainCounts[stratum] ?? 0));
  const testCounts = likelyCounts(rests, numTest, random);
  const [train, test]: [number[], number[]] = [[], []];
  strata.forEach(({ rows }, stratum) => {
    const order = random.permutation(rows);
    const cut = trainCounts[stratum] ?? 0;
    for (const row of order.slice(0, cut)) train.push(row);
    for (const row of order.slice(cut, cut + (testCounts[stratum] ?? 0))) test.push(row);
  });
  return { train: Uint32Array.from(random.permutation(train)), test: Uint32Array.from(random.permutation(test)) };
}

/** The rows of the first split of `GroupShuffleSplit(test_size=testSize, random_state=seed)`: the share is one of groups, not of rows. */
export function sklearnGroupedRows(groups: readonly unknown[], testSize: number, seed: number): SplitRows {
  const all = rowsByValue(groups, 'group');
  const { train, test } = sklearnRows(all.length, testSize, seed);
  const rowsOf = (chosen: Uint32Array): Uint32Array =>
    Uint32Array.from([...chosen].flatMap((group) => all[group]?.rows ?? [])).sort();
  return { train: rowsOf(train), test: rowsOf(test) };
}

/**
 * How many of `numDraws` rows drawn from classes of these sizes are of each, most likely: the share rounded down, and one more for
 * the largest rests, among equal rests at random (scikit-learn's `_approximate_mode`).
 */
function likelyCounts(sizes: readonly number[], numDraws: number, random: RandomState): readonly number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const shares = sizes.map((size) => (size / total) * numDraws);
  const counts = shares.map(Math.floor);
  let owed = Math.trunc(numDraws - counts.reduce((sum, count) => sum + count, 0));
  const rests = shares.map((share) => share - Math.floor(share));
  for (const value of [...new Set(rests)].sort((a, b) => b - a)) {
    if (owed === 0) break;
    const equal = [...rests.keys()].filter((stratum) => rests[stratum] === value);
    const chosen = random.permutation(equal).slice(0, owed);
    for (const stratum of chosen) counts[stratum] = (counts[stratum] ?? 0) + 1;
    owed -= chosen.length;
  }
  return counts;
}
