import type { EagerInput } from './eager.js';

/**
 * What TensorFlow checks of an op's indices when it runs. XLA would take the nearest row for an index that is out of range, so indices are
 * read here before: an op that runs at once is not where time is spent.
 *
 * @throws Error for an index out of range.
 */
export const indexChecks: Readonly<Record<string, (inputs: readonly EagerInput[]) => void>> = {
  GatherV2: ([x, indices, axis]) => {
    const number = Number(axis?.elements()[0] ?? 0);
    const shape = x?.spec.shape ?? [];
    const size = shape[number < 0 ? number + shape.length : number] ?? 0;
    requireWithin('GatherV2', indices, [size]);
  },
  GatherNd: ([x, indices]) => {
    requireWithin('GatherNd', indices, x?.spec.shape.slice(0, indices?.spec.shape.at(-1)) ?? []);
  },
  ScatterNd: ([indices, , shape]) => {
    const sizes = Array.from(shape?.elements() ?? [], Number);
    requireWithin('ScatterNd', indices, sizes.slice(0, indices?.spec.shape.at(-1)));
  },
  TensorScatterUpdate: ([x, indices]) => {
    requireWithin('TensorScatterUpdate', indices, x?.spec.shape.slice(0, indices?.spec.shape.at(-1)) ?? []);
  },
};

/** `sizes`: of the axes that the indices of a row belong to, in turn. */
function requireWithin(op: string, indices: EagerInput | undefined, sizes: readonly number[]): void {
  const elements = indices?.elements() ?? new Int32Array(0);
  for (let place = 0; place < elements.length; place++) {
    const index = Number(elements[place]);
    const size = sizes[place % Math.max(sizes.length, 1)] ?? 0;
    if (index >= 0 && index < size) continue;
    throw new Error(`${op}: the index value ${index} is not in [0, ${size - 1}]`);
  }
}
