import type { RuleInput } from '../trace.js';
import { refuse } from './refuse.js';

/**
 * An axis counted from the front: `rank + axis` where it is negative.
 *
 * @throws TrainbookError outside of [-rank, rank)
 */
export function resolveAxis(op: string, inputs: readonly RuleInput[], axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) {
    refuse(op, inputs, `there is no axis ${axis}`, rank === 0 ? 'rank 1 or more' : `${-rank} <= axis < ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Axes counted from the front, each at most once. */
export function resolveAxes(
  op: string,
  inputs: readonly RuleInput[],
  axes: readonly number[],
  rank: number,
): readonly number[] {
  const resolved = axes.map((axis) => resolveAxis(op, inputs, axis, rank));
  if (new Set(resolved).size !== resolved.length) refuse(op, inputs, `an axis appears twice in ${axes.join(', ')}`);
  return resolved;
}

/** The shape with a new axis of `size` before `axis`. */
export function insertAxis(shape: readonly number[], axis: number, size: number): readonly number[] {
  return [...shape.slice(0, axis), size, ...shape.slice(axis)];
}

/** The shape without one axis. */
export function removeAxis(shape: readonly number[], axis: number): readonly number[] {
  return shape.filter((_size, other) => other !== axis);
}

/** The shape with another size on one axis. */
export function resizeAxis(shape: readonly number[], axis: number, size: number): readonly number[] {
  return shape.map((before, other) => (other === axis ? size : before));
}
