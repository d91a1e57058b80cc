import { describe, expect, it } from 'vitest';
import { expertColour, expertLoadFigure, expertTokensFigure } from '../../src/report/routing-figures.js';

const routing = {
  number: 4,
  layers: [
    { layer: 1, experts: [[0, 2], [3, 0], [0, 1]], loads: [2, 2 / 3, 2 / 3, 2 / 3] }, // prettier-ignore
    { layer: 2, experts: [[1, 2], [1, 2], [1, 2]], loads: [0, 2, 2, 0] }, // prettier-ignore
  ],
};

describe('figures of routing', () => {
  it('a row for each layer, a column for each expert, with the loads', () => {
    const { data, layout } = expertLoadFigure(routing);
    expect((layout.yaxis as { ticktext: string[] }).ticktext).toEqual(['layer 1', 'layer 2']);
    expect((layout.xaxis as { ticktext: string[] }).ticktext).toEqual(['0', '1', '2', '3']);
    expect((data[1] as { text: string[] }).text).toEqual([
      '2.00',
      '0.67',
      '0.67',
      '0.67',
      '0.00',
      '2.00',
      '2.00',
      '0.00',
    ]);
  });

  it('tokens have the colour of their first expert', () => {
    const { data, layout } = expertTokensFigure(routing, ['To', ' be', '\n']);
    const [cells] = data as { marker: { color: string[] }; hovertext: string[] }[];
    const colours = [0, 3, 0, 1, 1, 1].map((expert) => expertColour(expert, 4));
    expect(cells?.marker.color).toEqual(colours);
    expect(new Set([0, 1, 2, 3].map((expert) => expertColour(expert, 4))).size).toBe(4);
    expect(cells?.hovertext[1]).toBe('·be · layer 1: experts 3, 0');
    expect((layout.xaxis as { ticktext: string[] }).ticktext).toEqual(['To', '·be', '⏎']);
    expect(() => expertTokensFigure(routing, ['To'])).toThrow('one piece of text for each token');
  });
});
