import { layoutOn } from '../../engine/mesh/layout.js';
import { gridOf } from '../../engine/mesh/mesh.js';
import type { MeshName } from '../../engine/mesh/mesh.js';
import type { Sharding } from '../../engine/mesh/sharding.js';
import { sizeOf } from '../../engine/trace.js';
import { flatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { shardings } from '../../model/shardings.js';
import type { Shardings } from '../../model/shardings.js';

/** Bytes that a training keeps on each device of a mesh, beside its activations. */
export interface MeshMemory {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
}

export interface MeshMemoryOptions<Weights> {
  /** Numbers that the optimizer keeps of each weight. Default: 2, as Adam. */
  readonly moments?: number;
  /** Default: by the names of the weights. */
  readonly shardings?: Shardings<Weights>;
}

/**
 * What weights, their gradients and the optimizer's state take of each device, in float32: 4 Σ |w| / pieces(w), where a weight is cut into
 * as many pieces as its sharding makes on this mesh. With ZeRO (Rajbhandari 2019, 1910.02054) the state is cut further over `data`, in the
 * second stage the gradients too: 4 (1 + 1 + 2) bytes a weight become 4 (1 + 1 + 2 / N) and 4 (1 + (1 + 2) / N) on N devices.
 *
 * @param weights Weights, or the specs of an architecture.
 * @throws TrainbookError for what is no name of a mesh.
 * @example
 * meshMemory(architecture.specs, mesh({ data: 8, zero: 1 })).optimizer;
 */
export function meshMemory<Weights>(
  weights: Weights,
  name: MeshName,
  options: MeshMemoryOptions<Weights> = {},
): MeshMemory {
  const { moments = 2, shardings: given = shardings(weights) } = options;
  const grid = gridOf(name);
  const places = flatten(given as Tree<Sharding>);
  const shapes = flatten(weights as Tree<{ readonly shape: readonly number[] }>).map(({ shape }) => shape);
  const bytes = (placeOf: (sharding: Sharding, rank: number) => Sharding): number =>
    shapes.reduce((sum, shape, index) => {
      const { part } = layoutOn(grid, shape, placeOf(places[index] as Sharding, shape.length));
      return sum + 4 * sizeOf(part);
    }, 0);
  const own = bytes((sharding) => sharding);
  const ofState = bytes((sharding, rank) => sharding.and('state', rank));
  return { weights: own, gradients: grid.choices.zero === 2 ? ofState : own, optimizer: moments * ofState };
}
