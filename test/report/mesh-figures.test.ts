import { describe, expect, it } from 'vitest';
import { mesh } from '../../src/engine/mesh/mesh.js';
import { sharded } from '../../src/engine/mesh/sharding.js';
import { communicationFigure, shardingFigure } from '../../src/report/mesh-figures.js';

describe('a sharding as a figure', () => {
  it('has a bar for each part, where it lies, with the devices that have it', () => {
    const { data, layout, title } = shardingFigure(
      [8, 6],
      sharded('tensor', 'fsdp'),
      mesh({ data: 2, fsdp: 2, tensor: 2 }),
    );
    expect(title).toBe('[8, 6] on cuda:data=2,fsdp=2,tensor=2');
    expect(data[0]).toMatchObject({
      x: [1.5, 1.5, 4.5, 4.5],
      base: [0, 4, 0, 4],
      y: [4, 4, 4, 4],
      width: [3, 3, 3, 3],
      text: ['0, 4', '1, 5', '2, 6', '3, 7'],
    });
    expect(layout.xaxis).toMatchObject({ tickvals: [0, 3, 6], range: [0, 6] });
  });

  it('is of matrices', () => {
    expect(() => shardingFigure([8], sharded('tensor'), mesh({ tensor: 2 }))).toThrow(
      /only matrices[^]*received: \[8\]/u,
    );
  });
});

describe('communication as a figure', () => {
  it('adds up the bytes of each kind on each mesh', () => {
    const one = { kind: 'all-reduce', shapes: [[250]], bytes: 1000 } as const;
    const { data } = communicationFigure({
      a: [one, one],
      b: [one, { kind: 'all-gather', shapes: [[750]], bytes: 3000 }],
    });
    expect(data).toMatchObject([
      { name: 'all-gather', x: ['a', 'b'], y: [0, 3] },
      { name: 'all-reduce', x: ['a', 'b'], y: [2, 1] },
    ]);
    expect(() => communicationFigure({})).toThrow('there is no mesh');
  });
});
