import { isFinal } from './cells.js';
import type { AblationSpec, Cell } from './record.js';

/** What is to be done with a cell. Rungs count from 0; without successive halving there is one. */
export type Standing =
  | { readonly next: 'run'; readonly rung: number }
  /** Its rung waits for cells of other arms. */
  | { readonly next: 'wait' }
  /** Its arm does not go on after this rung. */
  | { readonly next: 'stop'; readonly rung: number }
  | { readonly next: 'nothing' };

const wait: Standing = { next: 'wait' };

/**
 * What is to be done with each cell: a function of the cells alone, so that all processes that work on an ablation come to the same
 * answer. A rung begins when all cells before it have ended.
 */
export function standings(spec: AblationSpec, cells: readonly Cell[]): Standing[] {
  const numRungs = spec.halving?.rungs.length ?? 1;
  const result = cells.map((cell): Standing => (isFinal(cell) ? { next: 'nothing' } : wait));
  let going = new Set(spec.arms.map(({ name }) => name));
  for (let rung = 0; rung < numRungs; rung++) {
    const open = cells.map((cell) => going.has(cell.arm) && !isFinal(cell) && (cell.rungs?.length ?? 0) <= rung);
    if (open.includes(true))
      return result.map((standing, index) => (open[index] === true ? { next: 'run', rung } : standing));
    if (rung === numRungs - 1) break;
    const after = goingOn(spec, cells, going, rung);
    cells.forEach((cell, index) => {
      if (going.has(cell.arm) && !after.has(cell.arm) && !isFinal(cell)) result[index] = { next: 'stop', rung };
    });
    going = after;
  }
  return result;
}

/**
 * The arms that go on after a rung: of those that ran it, the best ⌈keep · n⌉ by their mean over the seeds that ended, and the
 * baseline, without which nothing could be compared. An arm that was stopped before stays so.
 */
function goingOn(spec: AblationSpec, cells: readonly Cell[], going: ReadonlySet<string>, rung: number): Set<string> {
  const sign = spec.better === 'lower' ? 1 : -1;
  const scores = spec.arms
    .filter(({ name }) => going.has(name))
    .map(({ name }) => {
      const own = cells.filter((cell) => cell.arm === name);
      const values = own.flatMap(({ rungs }) => rungs?.[rung]?.value ?? []);
      const stopped = own.some(({ state, rung: after }) => state === 'stopped' && (after ?? 0) <= rung);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length; // NaN where every seed failed
      return { name, score: stopped || values.length === 0 ? Infinity : sign * mean };
    });
  const count = Math.ceil((spec.halving?.keep ?? 1) * scores.length);
  // Arms of one score keep the order of the spec: sort is stable.
  const best = [...scores].sort((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0)).slice(0, count);
  return new Set([spec.baseline, ...best.filter(({ score }) => score < Infinity).map(({ name }) => name)]);
}
