import { TrainbookError } from '../../error.js';
import { formatMesh, gridAxes } from './grid.js';
import type { GridChoices, GridSizes } from './grid.js';

/** Sizes and choices of a mesh, and whose devices it is made of. */
export interface MeshOptions extends GridSizes, GridChoices {
  /** Such as `cuda`, `tpu`, `cpu`. Default: `cuda`. */
  readonly platform?: string;
}

/**
 * The name of a mesh: devices of one process that compute each compiled function together, as one. It stands wherever the name of a device
 * does: `setDevice`, `withDevice`, `compile`, `--device`, TRAINBOOK_DEVICE. What is computed is the same as on one device, up to the order
 * of sums; XLA's partitioner puts the communication in. Xu 2021, "GSPMD" (2105.04663).
 *
 * Batches are shared out over `data` and `fsdp` by their rows; weights and the optimizer's state as their cells' `sharding` says, which a
 * training takes from the names of the weights: `shardings`.
 *
 * @throws TrainbookError for a number of devices that is none.
 * @example
 * await withDevice(mesh({ data: 2, tensor: 4 }), () => train(model, options));
 * mesh({ fsdp: 8, platform: 'cpu' }); // cpu:fsdp=8
 */
export function mesh({ platform = 'cuda', ...sizes }: MeshOptions): `${string}:${string}=${number}` {
  for (const axis of gridAxes) {
    const size = sizes[axis] ?? 1;
    if (Number.isInteger(size) && size >= 1) continue;
    throw new TrainbookError({
      what: `mesh: this is no number of devices along ${axis}`,
      received: size,
      expected: 'an integer of 1 or more',
    });
  }
  return `${platform}:${formatMesh(sizes, sizes)}` as `${string}:${string}=${number}`;
}
