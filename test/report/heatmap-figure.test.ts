import { describe, expect, it } from 'vitest';
import { heatmapFigure } from '../../src/report/heatmap-figure.js';
import { figureToSvg } from '../../src/report/svg.js';

const attention = {
  title: 'Attention',
  x: ['the', 'cat', 'the'],
  y: ['the', 'cat'],
  values: [
    [1, -0.5, 0],
    [0.25, 0.75, -Infinity],
  ],
};

describe('heatmapFigure', () => {
  it('has a cell for each number, at its column and row', () => {
    const { data, layout } = heatmapFigure({ ...attention, yTitle: 'looks', xTitle: 'looked at' });
    const x = [0, 1, 2, 0, 1, 2];
    expect(data).toMatchObject([
      { type: 'bar', x, y: [1, 1, 1, 1, 1, 1], base: [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5] },
      { mode: 'text', x, y: [0, 0, 0, 1, 1, 1], text: ['1.00', '−0.50', '0.00', '0.25', '0.75', '−∞'] },
    ]);
    expect(layout.xaxis?.title).toMatchObject({ text: 'rows: looks · columns: looked at' });
  });

  it('colours a cell by its share of the largest number', () => {
    const colours = (values: number[][]): string[] =>
      (heatmapFigure({ ...attention, values }).data[0] as { marker: { color: string[] } }).marker.color;
    const of = colours(attention.values);
    expect(of[0]).toBe('rgb(28, 86, 168)'); // full at the largest
    expect(of[2]).toBe('rgb(243, 245, 248)'); // none at zero
    expect(of[5]).toBe('#d3d7dd'); // grey without a number
    expect(new Set(of).size).toBe(6);
    const tenfold = attention.values.map((row) => row.map((value) => 10 * value));
    expect(colours(tenfold)).toEqual(of);
  });

  it('draws equal names in their own places, the first row at the top', async () => {
    const svg = await figureToSvg(heatmapFigure(attention));
    expect(svg.match(/class="point"/g)).toHaveLength(6);
    expect(svg.match(/>the<\/text>/g)).toHaveLength(3);
    const heights = [...svg.matchAll(/class="ytick"><text[^>]*?transform="translate\(0,([\d.]+)\)"[^>]*>(\w+)</g)];
    expect(heights.map(([, , name]) => name)).toEqual(['the', 'cat']);
    expect(Number(heights[0]?.[1])).toBeLessThan(Number(heights[1]?.[1]));
  });

  it('leaves the numbers out where there are many columns', () => {
    const x = Array.from({ length: 30 }, (_, index) => String(index));
    expect(heatmapFigure({ title: 'Wide', x, y: ['row'], values: [x.map(Number)] }).data).toHaveLength(1);
  });

  it('refuses a matrix that does not fit its names', () => {
    expect(() => heatmapFigure({ ...attention, values: [[1, 2, 3]] })).toThrow('1 rows');
    expect(() => heatmapFigure({ ...attention, values: [[1, 2, 3], [1]] })).toThrow('1 numbers in row 1');
    expect(() => heatmapFigure({ ...attention, x: [], y: [], values: [] })).toThrow('0 rows of 0');
  });
});
