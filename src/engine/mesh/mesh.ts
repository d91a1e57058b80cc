import { TrainbookError } from '../../error.js';
import { formatMesh, gridAxes, parseMesh } from './grid.js';
import type { Grid, GridChoices, GridSizes } from './grid.js';
import { layoutOn } from './layout.js';
import type { Sharding } from './sharding.js';

/** The name of a mesh: a platform, and how its devices are arranged. */
export type MeshName = `${string}:${string}=${string}`;

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
export function mesh({ platform = 'cuda', ...sizes }: MeshOptions): MeshName {
  for (const axis of gridAxes) {
    const size = sizes[axis] ?? 1;
    if (Number.isInteger(size) && size >= 1) continue;
    throw new TrainbookError({
      what: `mesh: this is no number of devices along ${axis}`,
      received: size,
      expected: 'an integer of 1 or more',
    });
  }
  return `${platform}:${formatMesh(sizes, sizes)}` as MeshName;
}

/**
 * The meshes of a pipeline's stages, each of the same arrangement on devices of its own: `pipeline` times as many in all. For
 * `startPipeline`.
 *
 * @throws TrainbookError for a number of devices, or of stages, that is none.
 * @example
 * stageDevices({ data: 2, pipeline: 4 }); // cuda:data=2, cuda:data=2,first=2, …: eight devices
 */
export function stageDevices({ pipeline, ...options }: MeshOptions & { readonly pipeline: number }): MeshName[] {
  if (!Number.isInteger(pipeline) || pipeline < 1) {
    throw new TrainbookError({
      what: 'stageDevices: this is no number of stages',
      received: pipeline,
      expected: 'an integer of 1 or more',
    });
  }
  const { size } = parseMesh(formatMesh(options));
  const { first = 0 } = options;
  return Array.from({ length: pipeline }, (_, stage) => mesh({ ...options, first: first + stage * size }));
}

/**
 * How the devices of a mesh are arranged, by its name.
 *
 * @throws TrainbookError for what is no name of a mesh.
 */
export function gridOf(name: MeshName): Grid {
  return parseMesh(name.slice(name.indexOf(':') + 1));
}

/** A part of a tensor on a mesh. */
export interface Part {
  /** Those that have it, by their place in the mesh: several, where the tensor is cut along fewer axes than the mesh has. */
  readonly devices: readonly number[];
  /** Where it begins in the tensor, along each axis. */
  readonly start: readonly number[];
  readonly shape: readonly number[];
}

/**
 * The parts of a tensor on a mesh, by what devices have: what `sharding` comes to for this shape.
 *
 * @throws TrainbookError for what is no name of a mesh.
 * @example
 * partsOf([256, 1024], sharded('fsdp', 'tensor'), mesh({ fsdp: 2, tensor: 4 })); // 8 parts of [128, 256]
 */
export function partsOf(shape: readonly number[], sharding: Sharding, name: MeshName): Part[] {
  const grid = gridOf(name);
  const layout = layoutOn(grid, shape, sharding);
  const parts = new Map<string, { devices: number[]; start: readonly number[] }>();
  for (let device = 0; device < grid.size; device++) {
    const start = layout.start(device);
    const known = parts.get(start.join());
    if (known === undefined) parts.set(start.join(), { devices: [device], start });
    else known.devices.push(device);
  }
  return [...parts.values()].map((part) => ({ ...part, shape: layout.part }));
}
