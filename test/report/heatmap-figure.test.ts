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
    const [cells] = heatmapFigure(attention).data;
    expect(cells).toMatchObject({
      x: [0, 1, 2, 0, 1, 2],
      base: [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5],
      text: ['1.00', '−0.50', '0.00', '0.25', '0.75', '−∞'],
    });
  });

  it('colours a cell by its share of the largest number', () => {
    const colours = (values: number[][]): unknown =>
      heatmapFigure({ ...attention, values }).data.map(
        (cells) => (cells as { marker: { color: unknown } }).marker.color,
      );
    const [of] = colours(attention.values) as string[][];
    expect(of?.[0]).toBe('rgb(28, 86, 168)'); // full at the largest
    expect(of?.[2]).toBe('rgb(243, 245, 248)'); // none at zero
    expect(of?.[5]).toBe('#d3d7dd'); // grey without a number
    expect(new Set(of).size).toBe(6);
    const tenfold = attention.values.map((row) => row.map((value) => 10 * value));
    expect(colours(tenfold)).toEqual([of]);
  });

  it('draws equal names in their own places, the first row at the top', async () => {
    const svg = await figureToSvg(heatmapFigure(attention));
    expect(svg.match(/class="point"/g)).toHaveLength(6);
    expect(svg.match(/>the<\/text>/g)).toHaveLength(3);
    const heights = [...svg.matchAll(/class="ytick"><text[^>]* y="([\d.]+)"[^>]*>(\w+)</g)].map(([, , name]) => name);
    expect(heights).toEqual(['the', 'cat']);
  });

  it('leaves the numbers out where there are many columns', () => {
    const x = Array.from({ length: 30 }, (_, index) => String(index));
    const [cells] = heatmapFigure({ title: 'Wide', x, y: ['row'], values: [x.map(Number)] }).data;
    expect(cells).not.toHaveProperty('text');
  });

  it('refuses a matrix that does not fit its names', () => {
    expect(() => heatmapFigure({ ...attention, values: [[1, 2, 3]] })).toThrow('1 rows');
    expect(() => heatmapFigure({ ...attention, values: [[1, 2, 3], [1]] })).toThrow('1 numbers in row 1');
    expect(() => heatmapFigure({ ...attention, x: [], y: [], values: [] })).toThrow('0 rows of 0');
  });
});
