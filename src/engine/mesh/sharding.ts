import type { ShardAxis } from './grid.js';

/** What an axis of a tensor is cut along, outermost first; null: it is whole. */
export type AxisCut = ShardAxis | readonly ShardAxis[] | null;

/** How a tensor is shared out over a mesh, axis by axis. A class, so that trees take it for a leaf; `sharded` makes one. */
export class Sharding {
  constructor(readonly cuts: readonly AxisCut[]) {}

  /** What an axis of the tensor is cut along, outermost first. */
  along(axis: number): readonly ShardAxis[] {
    const cut = this.cuts[axis] ?? [];
    return typeof cut === 'string' ? [cut] : cut;
  }

  /** The same, with a further cut of the first axis that can be divided by it. */
  and(axis: ShardAxis, rank: number): Sharding {
    return new Sharding(Array.from({ length: rank }, (_, index) => [...this.along(index), axis]));
  }
}

/**
 * What each axis of a tensor is cut along; axes that are not named are whole. A size that cannot be divided stays whole too, and so does
 * one whose axis the mesh does not have: a sharding is the same for all meshes.
 *
 * @example
 * sharded(null, 'tensor');         // [width, hidden]: each device has some columns
 * sharded('fsdp', 'tensor');       // columns, and of these each device keeps some rows
 * sharded('batch', 'sequence');    // [batch, time, width]
 */
export function sharded(...cuts: readonly AxisCut[]): Sharding {
  return new Sharding(cuts);
}
