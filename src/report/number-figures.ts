import { TrainbookError } from '../error.js';
import type { Figure } from '../figure.js';
import { seriesColour } from './palette.js';

export interface LineFigureOptions {
  readonly title: string;
  /** What is measured along each axis, with its unit. */
  readonly x: string;
  readonly y: string;
  /** The points (x, y) of each line, by its name. */
  readonly lines: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  /** Whether equal ratios along x are equal distances: for sizes such as 512, 1,024, 2,048. */
  readonly logX?: boolean;
  /** Where the numbers come from. */
  readonly source?: string;
}

/** Different values of x up to which each is a tick. */
const FEW_TICKS = 8;

/**
 * A figure of lines from plain numbers.
 *
 * @throws TrainbookError if there is no line, or a logarithmic axis has a number that is not positive.
 * @example
 * await show(lineFigure({ title: 'Bytes per token', x: 'tokens in the vocabulary', y: 'bytes per token', logX: true,
 *   lines: { English: [[512, 2.1], [1024, 2.6]] } }));
 */
export function lineFigure({ title, x, y, lines, logX = false, source = 'lineFigure' }: LineFigureOptions): Figure {
  const named = Object.entries(lines);
  const places = [...new Set(named.flatMap(([, points]) => points.map(([at]) => at)))].sort((a, b) => a - b);
  if (places.length === 0)
    throw new TrainbookError({ what: 'lineFigure: there are no points', expected: 'lines: { name: [[x, y], …] }' });
  const [least = 0] = places;
  if (logX && !(least > 0)) {
    throw new TrainbookError({
      what: 'lineFigure: a logarithmic axis begins above 0',
      received: least,
      expected: 'positive x',
      fix: 'leave out logX',
    });
  }
  const ticks =
    logX && places.length <= FEW_TICKS
      ? { tickmode: 'array' as const, tickvals: places, ticktext: places.map((at) => at.toLocaleString('en')) }
      : {};
  return {
    title,
    source,
    data: named.map(([name, points], index) => ({
      type: 'scatter',
      mode: 'lines+markers',
      name,
      x: points.map(([at]) => at),
      y: points.map(([, value]) => value),
      line: { color: seriesColour(index), width: 2 },
      marker: { size: 6 },
    })),
    layout: {
      height: 340,
      xaxis: { title: { text: x }, zeroline: false, ...(logX ? { type: 'log' as const } : {}), ...ticks },
      yaxis: { title: { text: y }, zeroline: false, rangemode: 'tozero' },
      showlegend: named.length > 1,
      legend: { orientation: 'h', x: 0, y: 1.12 },
    },
  };
}

export interface BarFigureOptions {
  readonly title: string;
  /** What is measured, with its unit. */
  readonly y: string;
  /** The names below the bars. */
  readonly groups: readonly string[];
  /** One bar a group, for each name of the legend. */
  readonly bars: Readonly<Record<string, readonly number[]>>;
  /** Where the numbers come from. */
  readonly source?: string;
}

/**
 * A figure of bars from plain numbers: beside each other in groups.
 *
 * @throws TrainbookError if there are no bars, or not as many as groups.
 * @example
 * await show(barFigure({ title: 'The same sentence', y: 'number', groups: ['English', 'Chinese'],
 *   bars: { characters: [44, 12], tokens: [11, 30] } }));
 */
export function barFigure({ title, y, groups, bars, source = 'barFigure' }: BarFigureOptions): Figure {
  const named = Object.entries(bars);
  const wrong = named.find(([, values]) => values.length !== groups.length);
  if (named.length === 0 || groups.length === 0 || wrong !== undefined) {
    throw new TrainbookError({
      what: 'barFigure: each name needs one number a group',
      received: wrong === undefined ? `${named.length} names` : `${wrong[0]}: ${wrong[1].length} numbers`,
      expected: `${groups.length} numbers, for ${groups.join(', ')}`,
    });
  }
  return {
    title,
    source,
    data: named.map(([name, values], index) => ({
      type: 'bar',
      name,
      x: [...groups],
      y: [...values],
      marker: { color: seriesColour(index) },
    })),
    layout: {
      height: 340,
      barmode: 'group',
      bargap: 0.3,
      xaxis: { type: 'category', automargin: true },
      yaxis: { title: { text: y }, zeroline: false },
      showlegend: named.length > 1,
      legend: { orientation: 'h', x: 0, y: 1.12 },
    },
  };
}
