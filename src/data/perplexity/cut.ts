import { eachRow } from '../rows.js';
import { numbersOf, stratumOf } from '../stratum.js';
import type { Stratum } from '../stratum.js';
import type { Document } from '../document.js';
import type { Acts, Rows } from '../joint-step.js';
import type { Verdict } from '../step.js';

/** The values from which and up to which documents are kept, both included. */
export interface Band {
  readonly low: number;
  readonly high: number;
}

/** Which part of the documents of each group is kept, in the order of their scores: 0 to 1. */
export interface Quantiles {
  readonly from: number;
  readonly to: number;
}

/** What is decided for a document: its score, and the band of its group. JSON has no infinities. */
export type Cut = { readonly score: number; readonly low: number | null; readonly high: number | null };

/**
 * The scores in a part of an order, as a band. Of n sorted scores s₁ ≤ … ≤ sₙ, the documents from number ⌊n·from⌋ + 1 to ⌈n·to⌉ are kept (at
 * least one, therefore); those whose score equals that of the first or last of them are too, so that no choice is made between equals.
 *
 * @example
 * bandOf([10, 20, 30, 40], { from: 0, to: 0.5 }); // { low: -Infinity, high: 20 }
 */
export function bandOf(sorted: ArrayLike<number>, { from, to }: Quantiles): Band {
  // A hair of slack, so that 0.07 of 100 is 7.
  const first = Math.floor(sorted.length * from + 1e-9);
  const last = Math.ceil(sorted.length * to - 1e-9);
  return {
    low: first === 0 ? -Infinity : (sorted[first] ?? Infinity),
    high: last === sorted.length ? Infinity : (sorted[last - 1] ?? -Infinity),
  };
}

/**
 * The acts of a step that scores each document and keeps, of each group, a part in the order of the scores.
 *
 * @param score undefined where there is nothing to score: those documents are judged by `verdict` with no cut.
 */
export function cutActs(
  score: (document: Document) => number | undefined | Promise<number | undefined>,
  {
    by,
    quantiles,
    verdict,
  }: {
    readonly by: Stratum;
    readonly quantiles: Quantiles;
    readonly verdict: (document: Document, cut: Cut | undefined) => Verdict;
  },
): Acts<Cut> {
  const nameOf = stratumOf(by);
  return {
    tell: (document, to) => {
      const told = (value: number | undefined): void => {
        if (value !== undefined && Number.isFinite(value)) to(...numbersOf(nameOf(document)), value);
      };
      const value = score(document);
      if (value instanceof Promise) return value.then(told);
      told(value);
      return undefined;
    },
    // rows [group, document, rest of the group's name, score]
    find: (told) =>
      groupsOf(told).flatMap((group) => {
        const { low, high } = bandOf(Float64Array.from(group, ([, , , value = 0]) => value).sort(), quantiles);
        return group.map(([, number = 0, , value = 0]) => [number, value, low, high]);
      }),
    decide: function* (found) {
      for (const [number = 0, value = 0, low = 0, high = 0] of eachRow(found)) {
        yield [number, { score: value, low: finite(low), high: finite(high) }] as const;
      }
    },
    judgeOne: verdict,
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function groupsOf(told: Rows): readonly (readonly Float64Array[])[] {
  const groups = new Map<string, Float64Array[]>();
  for (const row of eachRow(told)) {
    const name = `${row[0] ?? 0} ${row[2] ?? 0}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return [...groups.values()];
}

/** Where a score stands: within its band, below or above it. */
export function sideOf(
  score: number,
  { low, high }: { readonly low: number | null; readonly high: number | null },
): -1 | 0 | 1 {
  return low !== null && score < low ? -1 : high !== null && score > high ? 1 : 0;
}
