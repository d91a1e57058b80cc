import { TrainbookError } from '../../error.js';

/** The axes of a mesh of devices, outermost first: neighbours of the last one are neighbours among the devices. */
export const gridAxes = ['data', 'fsdp', 'tensor'] as const;
export type GridAxis = (typeof gridAxes)[number];

/** Devices along each axis; 1 where none is named. */
export interface GridSizes {
  /** Rows of the batch are shared out; every device has all weights. */
  readonly data?: number;
  /** Rows of the batch are shared out, and so are the weights and their optimizer state, which are gathered where they are used. */
  readonly fsdp?: number;
  /** Each product is shared out: heads, hidden elements, rows of the vocabulary. */
  readonly tensor?: number;
}

/** What a mesh does besides. */
export interface GridChoices {
  /**
   * 1: the optimizer's state is shared out over `data`; 2: and the gradients with it. Rajbhandari 2019, "ZeRO" (1910.02054). Its third
   * stage, the weights, is the axis `fsdp`. Default: 0.
   */
  readonly zero?: 0 | 1 | 2;
  /**
   * Whether positions of the sequence are shared out over `tensor` where no product needs them whole: norms and what is added to the
   * residual stream. Korthikanti 2022 (2205.05198). Default: no.
   */
  readonly sequence?: boolean;
  /** The number of its first device; the others follow. Default: 0. */
  readonly first?: number;
}

/**
 * What an axis of a tensor may be cut along: an axis of the mesh; or `batch`, which is `data` and `fsdp`; `state`, which is `data` on a
 * mesh with ZeRO; `sequence`, which is `tensor` on a mesh with `sequence`.
 */
export type ShardAxis = GridAxis | 'batch' | 'state' | 'sequence';

/** Devices in rows and columns. A single device is a grid of size 1. */
export class Grid {
  readonly size: number;
  private readonly sizes: Readonly<Record<GridAxis, number>>;

  constructor(
    { data = 1, fsdp = 1, tensor = 1 }: GridSizes = {},
    readonly choices: GridChoices = {},
  ) {
    this.sizes = { data, fsdp, tensor };
    this.size = data * fsdp * tensor;
  }

  /** Devices along an axis. */
  along(axis: GridAxis): number {
    return this.sizes[axis];
  }

  /** A device's place along an axis. */
  coordinate(device: number, axis: GridAxis): number {
    const inner = gridAxes.slice(gridAxes.indexOf(axis) + 1).reduce((product, other) => product * this.along(other), 1);
    return Math.floor(device / inner) % this.along(axis);
  }

  /** The axes of this grid that a name stands for; none where it has one device along them. */
  axesOf(name: ShardAxis): readonly GridAxis[] {
    const { zero = 0, sequence = false } = this.choices;
    const all: Readonly<Record<ShardAxis, readonly GridAxis[]>> = {
      data: ['data'],
      fsdp: ['fsdp'],
      tensor: ['tensor'],
      batch: ['data', 'fsdp'],
      state: zero > 0 ? ['data'] : [],
      sequence: sequence ? ['tensor'] : [],
    };
    return all[name].filter((axis) => this.along(axis) > 1);
  }
}

/** A mesh in words: `data=2,tensor=4,zero=1`. Axes of one device are left out, but there is one at least. */
export function formatMesh(sizes: GridSizes, { zero = 0, sequence = false, first = 0 }: GridChoices = {}): string {
  const axes = gridAxes.filter((axis) => (sizes[axis] ?? 1) > 1);
  const named = (axes.length === 0 ? ['data' as const] : axes).map((axis) => `${axis}=${sizes[axis] ?? 1}`);
  return [
    ...named,
    ...(zero > 0 ? [`zero=${zero}`] : []),
    ...(sequence ? ['sequence=1'] : []),
    ...(first > 0 ? [`first=${first}`] : []),
  ].join(',');
}

/**
 * The grid that `formatMesh` has put into words.
 *
 * @throws TrainbookError for an axis that is not known, or a number that none can be.
 */
export function parseMesh(text: string): Grid {
  const found = new Map<string, number>();
  for (const part of text.split(',')) {
    const [, name = '', digits = ''] = /^([a-z]+)=(\d+)$/u.exec(part) ?? [];
    const number = Number(digits);
    const isAxis = gridAxes.some((axis) => axis === name) && number >= 1;
    const isChoice = (name === 'zero' && number <= 2) || (name === 'sequence' && number <= 1) || name === 'first';
    if (found.has(name) || digits === '' || !(isAxis || isChoice)) throw noMesh(text, part);
    found.set(name, number);
  }
  const axis = (name: GridAxis): number => found.get(name) ?? 1;
  return new Grid(
    { data: axis('data'), fsdp: axis('fsdp'), tensor: axis('tensor') },
    {
      zero: (found.get('zero') ?? 0) as 0 | 1 | 2,
      sequence: found.get('sequence') === 1,
      first: found.get('first') ?? 0,
    },
  );
}

function noMesh(text: string, part: string): TrainbookError {
  return new TrainbookError({
    what: 'mesh: this says nothing of how devices are arranged',
    received: part === text ? text : `${part} in ${text}`,
    expected: `one or more of ${gridAxes.map((axis) => `${axis}=N`).join(', ')} with N ≥ 1, each once; and zero=1, zero=2, sequence=1 or first=N`,
    fix: 'such as data=2,tensor=4; mesh({ data: 2, tensor: 4 }) writes it',
  });
}
