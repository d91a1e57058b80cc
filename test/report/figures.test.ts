import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MetricsRow } from '../../src/experiment/metrics.js';
import type { Figure } from '../../src/figure.js';
import { lossFigure, runningMean, trainingFigures } from '../../src/report/figures.js';

import { lineChart, thin } from '../../src/report/line-chart.js';
import { figureToSvg } from '../../src/report/svg.js';
import { linearTicks } from '../../src/report/ticks.js';

const rows = (count: number, values: (step: number) => Record<string, number>): MetricsRow[] =>
  Array.from({ length: count }, (_, index) => ({
    attempt: 1,
    stage: 'base',
    step: index + 1,
    time: 0,
    values: values(index + 1),
  }));

const attributes = (svg: string, element: string, name: string): string[] =>
  [...svg.matchAll(new RegExp(`<${element}[^>]*? ${name}="([^"]*)"`, 'g'))].map((match) => match[1] ?? '');

describe('figures of training', () => {
  it('puts the losses together, the held-out one only where it was measured', () => {
    const figure = lossFigure(
      rows(4, (step) => ({ loss: step, ...(step % 2 === 0 ? { heldOutLoss: step + 1 } : {}) })),
      'test',
    );
    expect(figure.data).toMatchObject([
      { name: 'train', x: [1, 2, 3, 4], y: [1, 2, 3, 4] },
      { name: 'held out', x: [2, 4], y: [3, 5], mode: 'lines+markers' },
    ]);
    expect(attributes(lineChart(figure) ?? '', 'circle', 'r')).toEqual(['3', '3']);
    expect(figure.layout.yaxis?.title).toEqual({ text: 'loss (nats per token)' });
  });

  it('draws a running mean over a long training loss', () => {
    const figure = lossFigure(
      rows(200, (step) => ({ loss: step % 2 })),
      'test',
    );
    expect(figure.data.map((trace) => trace.name)).toEqual(['train', 'train (mean of 7 steps)']);
  });

  it('draws metrics of several groups together, and nothing of what was said but once', () => {
    const figures = trainingFigures(
      rows(4, (step) => ({
        'gradientNorm/layers.0': step,
        'gradientNorm/norm': 2 * step,
        ...(step % 2 === 0 ? { 'updateRatio/norm': 1 } : {}),
        ...(step === 4 ? { energyJoules: 9 } : {}),
      })),
      'test',
    );
    expect(figures.map(({ title }) => title)).toEqual(['Gradient norm by group', 'Update ratio by group']);
    expect(figures[0]?.data).toMatchObject([
      { name: 'layers.0', y: [1, 2, 3, 4] },
      { name: 'norm', y: [2, 4, 6, 8] },
    ]);
  });

  it('gives each other metric a figure of its own, named in words', () => {
    const figures = trainingFigures(
      rows(2, (step) => ({ tokensPerSecond: 10, loss: step, gradient_norm: 1 })),
      'test',
    );
    expect(figures.map(({ title }) => title)).toEqual(['Loss', 'Tokens per second', 'Gradient norm']);
  });
});

describe('runningMean', () => {
  it('is the mean of the values around each place', () => {
    expect(runningMean([1, 2, 6, 3, 5], 3)).toEqual([1.5, 3, 11 / 3, 14 / 3, 4]);
  });
  it('leaves out what is no number', () => {
    expect(runningMean([1, Number.NaN, 3], 3)).toEqual([1, 2, 3]);
  });
});

describe('linearTicks', () => {
  it.each([
    [0.3, 4.2, ['0', '1', '2', '3', '4', '5']],
    [0, 0.001, ['0', '0.0002', '0.0004', '0.0006', '0.0008', '0.0010']],
    [4900, 5200, ['4900', '5000', '5100', '5200']],
    [0, 4e-5, ['0', '1e−5', '2e−5', '3e−5', '4e−5']],
    [0, 52000, ['0', '20k', '40k', '60k']],
    [-0.5, 0.5, ['−0.6', '−0.4', '−0.2', '0', '0.2', '0.4', '0.6']],
    [2, 2, ['2.0', '2.5']],
  ])('from %d to %d', (low, high, labels) => {
    expect(linearTicks(low, high, 5).at.map(({ label }) => label)).toEqual(labels);
  });

  it('covers every range in a few increasing steps with labels that differ', () => {
    const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(finite, fc.double({ min: 1e-6, max: 1e9, noNaN: true }), (low, spread) => {
        fc.pre(spread > Math.abs(low) * 1e-6);
        const { at, ...ends } = linearTicks(low, low + spread, 5);
        const slack = spread * 1e-6;
        expect(ends.low).toBeLessThanOrEqual(low + slack);
        expect(ends.high).toBeGreaterThanOrEqual(low + spread - slack);
        expect(at.length).toBeGreaterThanOrEqual(2);
        expect(at.length).toBeLessThanOrEqual(8);
      }),
    );
  });
});

describe('thin', () => {
  it('keeps the ends, the least and the greatest, in order', () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 500 });
    fc.assert(
      fc.property(values, (ys) => {
        const points = ys.map((y, x) => ({ x, y }));
        const kept = thin(points, 10);
        expect(kept.length).toBeLessThanOrEqual(40);
        expect(kept[0]).toBe(points[0]);
        expect(kept.at(-1)).toBe(points.at(-1));
        expect(Math.min(...kept.map(({ y }) => y))).toBe(Math.min(...ys));
        expect(Math.max(...kept.map(({ y }) => y))).toBe(Math.max(...ys));
        expect(kept.every(({ x }, index) => index === 0 || x > (kept[index - 1]?.x ?? Number.NaN))).toBe(true);
      }),
    );
  });
});

describe('figures as SVG', () => {
  const line = (y: readonly (number | null)[], name = 'a < b & "c"'): Figure => ({
    title: 'A <title>',
    source: 'test',
    data: [{ type: 'scatter', mode: 'lines', x: y.map((_, index) => index), y: [...y], name }],
    layout: { xaxis: { title: { text: 'step' } }, yaxis: { title: { text: 'loss' } } },
  });

  it('draws a line from corner to corner of its axes', () => {
    const svg = lineChart(line([0, 5]), { width: 400, height: 200 }) ?? '';
    // One-digit labels: the frame begins at 34 + 6.6, ends 14 before the right edge, from 12 to 200 − 46.
    expect(attributes(svg, 'path', 'd')).toContain('M40.6 154L386 12');
    expect(svg).toContain('aria-label="A &lt;title&gt;"');
    expect(svg).toContain('>step</text>');
  });

  it('passes over what is no number, and draws one point as a dot', () => {
    expect(lineChart(line([1, null, Number.NaN, 3]))).toMatch(/d="M[\d.]+ [\d.]+L[\d.]+ [\d.]+" fill="none"/);
    expect(attributes(lineChart(line([4])) ?? '', 'circle', 'r')).toEqual(['3']);
    expect(lineChart(line([]))).toContain('<svg');
  });

  it('leaves other figures to Plotly, without a browser', async () => {
    const bars: Figure = {
      title: 'Bars',
      source: 'test',
      data: [{ type: 'bar', x: ['甲', 'b'], y: [1, 3] }],
      layout: {},
    };
    expect(lineChart(bars)).toBeUndefined();
    const [svg, again] = await Promise.all([figureToSvg(bars), figureToSvg(bars)]);
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain('>甲</text>');
    expect([...svg.matchAll(/class="point"/g)]).toHaveLength(2);
    expect(again.length).toBe(svg.length);
    expect(bars.data).toEqual([{ type: 'bar', x: ['甲', 'b'], y: [1, 3] }]);
  });
});
