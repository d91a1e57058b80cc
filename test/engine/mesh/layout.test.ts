import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMesh, Grid, parseMesh } from '../../../src/engine/mesh/grid.js';
import { layoutOn } from '../../../src/engine/mesh/layout.js';
import { mesh, stageDevices } from '../../../src/engine/mesh/mesh.js';
import { sharded } from '../../../src/engine/mesh/sharding.js';
import type { AxisCut } from '../../../src/engine/mesh/sharding.js';
import { sizeOf } from '../../../src/engine/trace.js';

const grid = new Grid({ data: 2, fsdp: 2, tensor: 2 });

describe('a layout', () => {
  // Sizes and devices are those of JAX 0.10.2: NamedSharding(mesh, PartitionSpec(…)), its tile_assignment_dimensions and _devices.
  it.each([
    [sharded(), [8, 8], '{replicated}', [8, 8]],
    [sharded('data'), [8, 8], '{devices=[2,1,4]0,1,2,3,4,5,6,7 last_tile_dim_replicate}', [4, 8]],
    [sharded(null, 'tensor'), [8, 8], '{devices=[1,2,4]0,2,4,6,1,3,5,7 last_tile_dim_replicate}', [8, 4]],
    [sharded('fsdp', 'tensor'), [8, 8], '{devices=[2,2,2]0,4,1,5,2,6,3,7 last_tile_dim_replicate}', [4, 4]],
    [sharded('tensor', 'fsdp'), [8, 8], '{devices=[2,2,2]0,4,2,6,1,5,3,7 last_tile_dim_replicate}', [4, 4]],
    [sharded('batch', 'tensor'), [8, 8], '{devices=[4,2]0,1,2,3,4,5,6,7}', [2, 4]],
    [sharded(['tensor', 'data']), [8], '{devices=[4,2]0,2,4,6,1,3,5,7 last_tile_dim_replicate}', [2]],
  ])('of %o on two by two by two devices', (sharding, shape, text, part) => {
    const layout = layoutOn(grid, shape, sharding);
    expect(layout.text).toBe(text);
    expect(layout.part).toEqual(part);
  });

  it('leaves whole what cannot be divided, and cuts along an axis of the mesh once', () => {
    expect(layoutOn(grid, [7, 8], sharded('data', 'data')).part).toEqual([7, 4]);
    expect(layoutOn(grid, [8, 8], sharded('data', 'data')).part).toEqual([4, 8]);
    expect(layoutOn(grid, [6], sharded(['data', 'fsdp'])).part).toEqual([3]);
    expect(layoutOn(grid, [0, 4], sharded('data')).text).toBe('{replicated}');
    expect(layoutOn(grid, [], sharded('data')).part).toEqual([]);
  });

  it('cuts for ZeRO and sequences only where the mesh has them', () => {
    expect(layoutOn(grid, [8, 8], sharded('state', 'sequence')).text).toBe('{replicated}');
    const other = new Grid({ data: 2, tensor: 4 }, { zero: 1, sequence: true });
    expect(layoutOn(other, [8, 8], sharded('state', 'sequence')).part).toEqual([4, 2]);
  });

  it('gives parts that together are the whole', () => {
    const cuts: readonly AxisCut[] = [null, 'data', 'fsdp', 'tensor', 'batch', ['tensor', 'fsdp']];
    fc.assert(
      fc.property(
        fc.record({
          data: fc.integer({ min: 1, max: 3 }),
          fsdp: fc.integer({ min: 1, max: 2 }),
          tensor: fc.integer({ min: 1, max: 4 }),
        }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom(...cuts)), { maxLength: 4 }),
        (sizes, axes) => {
          const some = new Grid(sizes);
          const shape = axes.map(([size]) => size);
          const layout = layoutOn(some, shape, sharded(...axes.map(([, cut]) => cut)));
          const elements = Int32Array.from({ length: sizeOf(shape) }, (_, index) => index + 1);
          const whole = new Int32Array(elements.length);
          for (const device of layout.holders) {
            const part = layout.cut(elements, device) as Int32Array;
            expect(part.length).toBe(sizeOf(layout.part));
            expect(part[0]).toBe(elements[flat(layout.start(device), shape)]);
            if (layout.isWhole) whole.set(part);
            else layout.place(whole, device, part);
          }
          expect(whole).toEqual(elements);
          // Devices that hold the same part have the same numbers.
          for (let device = 0; device < some.size; device++) {
            const twin = layout.holders.find((holder) => layout.start(holder).join() === layout.start(device).join());
            expect(layout.cut(elements, device)).toEqual(layout.cut(elements, twin ?? -1));
          }
        },
      ),
    );
  });
});

const flat = (place: readonly number[], shape: readonly number[]): number =>
  place.reduce((index, at, axis) => index * (shape[axis] ?? 1) + at, 0);

describe('the name of a mesh', () => {
  it('says all of it, and is read again', () => {
    expect(mesh({ data: 2, tensor: 4 })).toBe('cuda:data=2,tensor=4');
    expect(mesh({ fsdp: 8, zero: 2, sequence: true, platform: 'cpu' })).toBe('cpu:fsdp=8,zero=2,sequence=1');
    expect(mesh({ platform: 'tpu' })).toBe('tpu:data=1');
    expect(stageDevices({ tensor: 2, pipeline: 2, first: 2, platform: 'cpu' })).toEqual([
      'cpu:tensor=2,first=2',
      'cpu:tensor=2,first=4',
    ]);
    expect(() => stageDevices({ pipeline: 0 })).toThrow(/number of stages[^]*received: 0/u);
    const read = parseMesh(formatMesh({ data: 2, tensor: 4 }, { zero: 1, sequence: true, first: 8 }));
    expect([read.size, read.along('data'), read.along('fsdp'), read.along('tensor')]).toEqual([8, 2, 1, 4]);
    expect(read.choices).toEqual({ zero: 1, sequence: true, first: 8 });
  });

  it.each([
    ['data=2,dat=2', /dat=2 in data=2,dat=2[^]*data=N, fsdp=N, tensor=N/u],
    ['data=2,data=2', /data=2 in data=2,data=2/u],
    ['data=0', /received: data=0/u],
    ['data=two', /received: data=two/u],
    ['zero=3', /received: zero=3/u],
  ])('%s is refused', (text, words) => {
    expect(() => parseMesh(text)).toThrow(words);
  });

  it('refuses numbers that count nothing', () => {
    expect(() => mesh({ data: 0 })).toThrow(/along data[^]*received: 0/u);
    expect(() => mesh({ tensor: 1.5 })).toThrow(/along tensor/u);
  });
});
