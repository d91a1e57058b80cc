import { partsOf } from '../engine/mesh/mesh.js';
import type { MeshName } from '../engine/mesh/mesh.js';
import type { Sharding } from '../engine/mesh/sharding.js';
import type { Collective } from '../engine/pjrt/collectives.js';
import { TrainbookError } from '../error.js';
import type { Figure } from '../figure.js';
import { seriesColour } from './palette.js';

/**
 * A matrix as a mesh cuts it: each part with the devices that have it.
 *
 * @throws TrainbookError for a tensor that is no matrix, or what is no name of a mesh.
 * @example
 * await show(shardingFigure([256, 1024], sharded('fsdp', 'tensor'), mesh({ fsdp: 2, tensor: 4 })));
 */
export function shardingFigure(shape: readonly number[], sharding: Sharding, name: MeshName): Figure {
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined || shape.length !== 2) {
    throw new TrainbookError({
      what: 'shardingFigure: only matrices are drawn',
      received: `[${shape.join(', ')}]`,
      expected: '[rows, columns]',
      fix: 'partsOf lists the parts of any tensor',
    });
  }
  const parts = partsOf(shape, sharding, name);
  const named = parts.map(({ devices }) => devices.join(', '));
  const edges = (axis: number): object => ({
    tickmode: 'array',
    tickvals: [...new Set(parts.map(({ start }) => start[axis] ?? 0)), shape[axis]],
    showgrid: false,
    zeroline: false,
  });
  return {
    title: `[${rows}, ${columns}] on ${name}`,
    source: 'shardingFigure',
    data: [
      {
        // A part is a bar that begins at its first row.
        type: 'bar',
        x: parts.map(({ start, shape: part }) => (start[1] ?? 0) + (part[1] ?? 0) / 2),
        y: parts.map(({ shape: part }) => part[0] ?? 0),
        base: parts.map(({ start }) => start[0] ?? 0),
        width: parts.map(({ shape: part }) => part[1] ?? 0),
        text: named,
        textposition: 'inside',
        insidetextanchor: 'middle',
        insidetextfont: { color: '#ffffff' },
        textangle: 0,
        marker: {
          color: parts.map(({ devices }) => seriesColour(devices[0] ?? 0)),
          line: { width: 2, color: 'rgba(128,136,148,0.9)' },
        },
        hoverinfo: 'text',
        hovertext: parts.map(
          ({ start, shape: part }, index) =>
            `devices ${named[index] ?? ''}: rows ${start[0] ?? 0} to ${(start[0] ?? 0) + (part[0] ?? 0) - 1}, columns ${start[1] ?? 0} to ${(start[1] ?? 0) + (part[1] ?? 0) - 1}`,
        ),
      },
    ],
    layout: {
      height: 260,
      margin: { l: 64, r: 16, t: 16, b: 48 },
      bargap: 0,
      barmode: 'overlay',
      xaxis: { ...edges(1), title: { text: 'columns' }, range: [0, columns] },
      yaxis: { ...edges(0), title: { text: 'rows' }, range: [rows, 0] },
      showlegend: false,
    },
  };
}

/**
 * Bytes that each device gets from others in one call, by what is done with them, for several meshes.
 *
 * @param meshes What crosses each, by its name: `compiled.communication(…)`, `training.communication(…)`.
 * @throws TrainbookError without a mesh.
 * @example
 * await show(communicationFigure({ 'data=8': await training.communication(batch) }));
 */
export function communicationFigure(meshes: Readonly<Record<string, readonly Collective[]>>): Figure {
  const names = Object.keys(meshes);
  if (names.length === 0)
    throw new TrainbookError({ what: 'communicationFigure: there is no mesh', expected: '{ name: collectives, … }' });
  const kinds = [...new Set(Object.values(meshes).flatMap((moved) => moved.map(({ kind }) => kind)))].sort();
  const kilobytes = (moved: readonly Collective[], wanted: Collective['kind']): number =>
    moved.filter(({ kind }) => kind === wanted).reduce((sum, { bytes }) => sum + bytes, 0) / 1000;
  return {
    title: 'What each device gets from others in one step',
    source: 'communicationFigure',
    data: kinds.map((kind, index) => ({
      type: 'bar',
      name: kind,
      x: names,
      y: Object.values(meshes).map((moved) => kilobytes(moved, kind)),
      marker: { color: seriesColour(index) },
    })),
    layout: {
      height: 340,
      margin: { l: 72, r: 16, t: 16, b: 64 },
      barmode: 'stack',
      xaxis: { type: 'category', automargin: true },
      yaxis: { title: { text: 'kB' }, zeroline: false },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.12 },
    },
  };
}
