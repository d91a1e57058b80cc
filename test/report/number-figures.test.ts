import { describe, expect, it } from 'vitest';
import { describe as inWords } from '../../src/report/describe-figure.js';
import { barFigure, lineFigure } from '../../src/report/number-figures.js';
import { figureToSvg, titledSvg } from '../../src/report/svg.js';

describe('lineFigure', () => {
  const sizes = {
    title: 'Sizes',
    x: 'size',
    y: 'bytes',
    lines: {
      a: [
        [512, 2],
        [1024, 3],
      ],
      b: [[1024, 1]],
    },
  } as const;

  it('draws its points', async () => {
    const figure = lineFigure(sizes);
    expect(figure.data).toMatchObject([
      { name: 'a', x: [512, 1024], y: [2, 3] },
      { name: 'b', x: [1024], y: [1] },
    ]);
    expect(inWords(figure)).toBe('a 2 → 3, b 1');
    const svg = await figureToSvg(figure);
    expect(svg.match(/<circle/g)).toHaveLength(3);
    for (const title of ['size', 'bytes']) expect(svg).toContain(`>${title}</text>`);
  });

  it('has few sizes as ticks of a logarithmic axis', () => {
    expect(lineFigure({ ...sizes, logX: true }).layout.xaxis).toMatchObject({
      type: 'log',
      tickvals: [512, 1024],
      ticktext: ['512', '1,024'],
    });
  });

  it('refuses what it cannot draw', () => {
    expect(() => lineFigure({ ...sizes, lines: {} })).toThrow('no points');
    expect(() => lineFigure({ ...sizes, logX: true, lines: { a: [[0, 1]] } })).toThrow('begins above 0');
  });
});

describe('barFigure', () => {
  const texts = {
    title: 'Texts',
    y: 'number',
    groups: ['English', 'Chinese'],
    bars: { bytes: [72, 48], tokens: [18, 15] },
  };

  it('draws a bar for each name and group', async () => {
    const figure = barFigure(texts);
    expect(figure.data).toMatchObject([
      { type: 'bar', name: 'bytes', x: ['English', 'Chinese'], y: [72, 48] },
      { type: 'bar', name: 'tokens', y: [18, 15] },
    ]);
    expect(inWords(figure)).toBe('bytes: English 72, Chinese 48; tokens: English 18, Chinese 15');
    expect((await figureToSvg(figure)).match(/class="point"/g)).toHaveLength(4);
  });

  it('refuses names without a number for each group', () => {
    expect(() => barFigure({ ...texts, bars: { bytes: [72] } })).toThrow('bytes: 1 numbers');
    expect(() => barFigure({ ...texts, bars: {} })).toThrow('0 names');
  });
});

describe('titledSvg', () => {
  it('sets a title above a picture, which keeps its size', () => {
    const inner =
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 340" width="720" height="340"><path d="M0 0"/></svg>';
    const svg = titledSvg(inner, 'Bytes & tokens');
    expect(svg).toMatch(/^<svg [^>]*width="720" height="366"/);
    expect(svg).toContain('>Bytes &amp; tokens</text>');
    expect(svg).toContain(
      '<svg y="26" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 340" width="720" height="340">',
    );
  });
});
