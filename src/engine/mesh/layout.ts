import { sizeOf } from '../trace.js';
import type { Elements } from '../trace.js';
import { gridAxes } from './grid.js';
import type { Grid, GridAxis } from './grid.js';
import { sharded } from './sharding.js';
import type { Sharding } from './sharding.js';

/** Where each part of a tensor lies on a grid. */
export class Layout {
  /** The shape of a part: the same on all devices. */
  readonly part: readonly number[];
  /** As XLA reads it: `{devices=[2,1,2]0,2,1,3 last_tile_dim_replicate}`. Two layouts with one text are the same. */
  readonly text: string;
  /** Devices that together have each element once. */
  readonly holders: readonly number[];

  constructor(
    private readonly grid: Grid,
    readonly shape: readonly number[],
    private readonly cuts: readonly (readonly GridAxis[])[],
  ) {
    const pieces = cuts.map((axes) => sizeOf(axes.map((axis) => grid.along(axis))));
    this.part = shape.map((size, axis) => size / (pieces[axis] ?? 1));
    const used = new Set(cuts.flat());
    const devices = Array.from({ length: grid.size }, (_, device) => device);
    this.holders = devices.filter((device) =>
      gridAxes.every((axis) => used.has(axis) || grid.coordinate(device, axis) === 0),
    );
    this.text = textOf(
      pieces,
      devices.map((device) => this.tile(device)),
    );
  }

  /** Whether each device has all of it. */
  get isWhole(): boolean {
    return this.holders.length === 1;
  }

  /** Where a device's part begins in the whole. */
  start(device: number): number[] {
    return this.tile(device).map((tile, axis) => tile * (this.part[axis] ?? 0));
  }

  /** The part of a device. */
  cut(elements: Elements, device: number): Elements {
    if (this.isWhole) return elements;
    const part = elements.slice(0, (elements.length / sizeOf(this.shape)) * sizeOf(this.part));
    this.eachRun(elements, device, (from, to, length) => {
      part.set(elements.subarray(to, to + length) as never, from);
    });
    return part;
  }

  /** Puts a device's part where it belongs in the whole. */
  place(whole: Elements, device: number, part: Elements): void {
    this.eachRun(whole, device, (from, to, length) => {
      whole.set(part.subarray(from, from + length) as never, to);
    });
  }

  /** The elements that lie one after another both in the part and in the whole. */
  private eachRun(
    whole: Elements,
    device: number,
    fn: (inPart: number, inWhole: number, length: number) => void,
  ): void {
    const { shape, part } = this;
    const unit = whole.length / Math.max(1, sizeOf(shape)); // a complex number is two
    const start = this.start(device);
    const last = shape.findLastIndex((size, axis) => size !== part[axis]);
    const run = sizeOf(part.slice(last));
    const outer = part.slice(0, last);
    const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
    const first = dot(start, strides);
    for (let index = 0; index < sizeOf(outer); index++) {
      let rest = index;
      let offset = first;
      for (let axis = last - 1; axis >= 0; axis--) {
        const size = outer[axis] ?? 1;
        offset += (rest % size) * (strides[axis] ?? 0);
        rest = Math.floor(rest / size);
      }
      fn(index * run * unit, offset * unit, run * unit);
    }
  }

  /** Which piece a device has along each axis. */
  private tile(device: number): number[] {
    return this.cuts.map((axes) =>
      axes.reduce((tile, axis) => tile * this.grid.along(axis) + this.grid.coordinate(device, axis), 0),
    );
  }
}

/**
 * The layout of a tensor of this shape on a grid. An axis of the mesh cuts one axis of the tensor, the first that names it and can be
 * divided by it.
 */
export function layoutOn(grid: Grid, shape: readonly number[], sharding: Sharding = sharded()): Layout {
  const taken = new Set<GridAxis>();
  const cuts = shape.map((size, axis) => {
    const kept: GridAxis[] = [];
    let rest = size;
    for (const cut of sharding.along(axis).flatMap((name) => grid.axesOf(name))) {
      if (taken.has(cut) || rest === 0 || rest % grid.along(cut) !== 0) continue;
      taken.add(cut);
      kept.push(cut);
      rest /= grid.along(cut);
    }
    return kept;
  });
  return new Layout(grid, shape, cuts);
}

/** A sharding as GSPMD has it: pieces along each axis, then the devices in the order of pieces; a last axis for equal copies. Xu 2021 (2105.04663). */
function textOf(pieces: readonly number[], tiles: readonly (readonly number[])[]): string {
  const numPieces = sizeOf(pieces);
  if (numPieces === 1) return '{replicated}';
  const numbered = tiles.map((tile, device) => ({
    device,
    piece: tile.reduce((number, place, axis) => number * (pieces[axis] ?? 1) + place, 0),
  }));
  const order = numbered.sort((a, b) => a.piece - b.piece || a.device - b.device).map(({ device }) => device);
  const copies = tiles.length / numPieces;
  const sizes = copies === 1 ? pieces : [...pieces, copies];
  return `{devices=[${sizes.join(',')}]${order.join(',')}${copies === 1 ? '' : ' last_tile_dim_replicate'}}`;
}

/** Σ aᵢ bᵢ */
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
