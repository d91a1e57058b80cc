import { fold, permutation } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';
import { jointStep } from '../joint-step.js';
import type { Step } from '../step.js';
import { eachRow } from '../rows.js';
import { numbersOf, stratumOf } from '../stratum.js';
import type { Stratum } from '../stratum.js';

export interface StratifiedSampleOptions {
  /** Default: domains. */
  readonly by?: Stratum;
  /** Documents to keep. */
  readonly size: number;
  /** `proportional`, the default: as many of each stratum as its part of all documents; `equal`: equally many of each, as far as it has them. */
  readonly allocation?: 'proportional' | 'equal';
  readonly key: Key;
}

/**
 * A random sample of `size` documents that has each stratum's part to within one document: seats are given by largest remainders, and
 * within a stratum documents are drawn by key. It does not depend on the order of the documents.
 *
 * @throws TrainbookError if the size is not a whole number above 0; when documents come, if there are fewer.
 * @example
 * await load('brown').through(stratifiedSample({ by: 'domain', size: 50, key: key(1) }));
 */
export function stratifiedSample({
  by = 'domain',
  size,
  allocation = 'proportional',
  key,
}: StratifiedSampleOptions): Step {
  if (!Number.isInteger(size) || size < 1) {
    throw new TrainbookError({
      what: 'stratifiedSample: no such size',
      received: size,
      expected: 'a whole number of documents, above 0',
    });
  }
  const nameOf = stratumOf(by);
  return jointStep<true>(
    'stratified sample',
    {
      tell: (document, to) => {
        to(...numbersOf(nameOf(document)));
      },
      find: (told) => Array.from(eachRow(told), ([group = 0, number = 0, rest = 0]) => [group, rest, number]),
      decide: function* (found) {
        const strata = new Map<string, number[]>();
        for (const [group = 0, rest = 0, number = 0] of eachRow(found)) {
          const name = `${group} ${rest}`;
          const stratum = strata.get(name);
          if (stratum === undefined) strata.set(name, [number]);
          else stratum.push(number);
        }
        const seats = allocate(
          [...strata.values()].map(({ length }) => length),
          size,
          allocation,
        );
        for (const [index, [name, numbers]] of [...strata].entries()) {
          const order = permutation(fold(key, name), numbers.length);
          for (const place of order.subarray(0, seats[index])) yield [numbers[place] ?? 0, true] as const;
        }
      },
      judgeOne: (keep, isDrawn) => (isDrawn === true ? { keep } : { drop: 'not in the sample' }),
    },
    typeof by === 'function'
      ? undefined
      : { module: import.meta.url, name: 'stratifiedSample', options: [{ by, size, allocation, key }] },
  );
}

/**
 * How many of `size` each stratum gets. Proportional: ⌊size · nᵢ / n⌋, and one more for those with the largest remainders, earlier ones
 * first where they are equal. Equal: one each in turn, until there are enough.
 *
 * @throws TrainbookError if there are fewer documents than are wanted.
 * @example
 * allocate([70, 20, 10], 8, 'proportional'); // of 5.6, 1.6, 0.8: [6, 1, 1]
 */
export function allocate(
  sizes: readonly number[],
  size: number,
  allocation: 'proportional' | 'equal',
): readonly number[] {
  const total = sizes.reduce((sum, one) => sum + one, 0);
  if (total < size) {
    throw new TrainbookError({
      what: 'stratifiedSample: there are not so many documents',
      received: `${total} documents`,
      expected: `at least ${size}`,
      fix: 'lower the size, or read more',
    });
  }
  if (allocation === 'equal') {
    const seats = sizes.map(() => 0);
    for (let left = size; left > 0;) {
      const open = [...sizes.keys()].filter((index) => (seats[index] ?? 0) < (sizes[index] ?? 0));
      const each = Math.max(1, Math.floor(left / open.length));
      for (const index of open) {
        const given = Math.min(each, left, (sizes[index] ?? 0) - (seats[index] ?? 0));
        seats[index] = (seats[index] ?? 0) + given;
        left -= given;
      }
    }
    return seats;
  }
  // Whole numbers throughout: remainders are compared exactly.
  const seats = sizes.map((one) => Math.floor((size * one) / total));
  const left = size - seats.reduce((sum, one) => sum + one, 0);
  const byRemainder = [...sizes.keys()].sort(
    (a, b) => ((size * (sizes[b] ?? 0)) % total) - ((size * (sizes[a] ?? 0)) % total) || a - b,
  );
  for (const index of byRemainder.slice(0, left)) seats[index] = (seats[index] ?? 0) + 1;
  return seats;
}
