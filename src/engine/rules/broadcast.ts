import type { RuleInput } from '../trace.js';
import { refuse } from './refuse.js';

/**
 * The shape that all shapes stretch to: sizes are compared from the last axis on, 1 stretches, a missing axis is 1;
 * undefined where two sizes differ. `[8, 1, 3]` and `[5, 1]` → `[8, 5, 3]`.
 */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): readonly number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (const [index, size] of shape.entries()) {
      const axis = rank - shape.length + index;
      if (size === 1) continue;
      if (result[axis] !== 1 && result[axis] !== size) return undefined;
      result[axis] = size;
    }
  }
  return result;
}

/** The shape that all inputs stretch to. */
export function broadcastInputs(op: string, inputs: readonly RuleInput[]): readonly number[] {
  return (
    broadcastShapes(...inputs.map(({ spec }) => spec.shape)) ??
    refuse(op, inputs, 'shapes do not broadcast', 'sizes that are equal or 1, compared from the last axis on')
  );
}
