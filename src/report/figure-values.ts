import type { Figure } from '../figure.js';
import { thin } from './line-chart.js';
import { numericLine } from './numeric-line.js';
import { partMeans } from './smoothing.js';

/** Columns of pixels that a curve in a page has at most: it needs 4 points in each. */
const COLUMNS = 500;

/** Digits that a page keeps of a number: more than a picture can show. */
const rounded = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(6)) : null);

/** A figure's values as a page holds them. */
export interface FigureValues {
  readonly data: readonly object[];
  readonly layout: object;
  /** For each trace that can be smoothed, means of equal parts of it and how many steps each is of. */
  readonly means: readonly ({
    readonly x: readonly (number | null)[];
    readonly y: readonly (number | null)[];
    readonly size: number;
  } | null)[];
  /** Traces of which only what a screen can show is kept, and how many points they had. */
  readonly thinned: readonly { readonly trace: number; readonly points: number }[];
}

/** The figure with long lines thinned to what a screen can show, and with means to smooth in their place. */
export function figureValues(figure: Figure, smooth: boolean): FigureValues {
  const thinned: { trace: number; points: number }[] = [];
  const means: FigureValues['means'][number][] = [];
  const data = figure.data.map((trace, index): object => {
    const line = numericLine(trace);
    if (line === undefined || line.fill !== undefined) {
      means.push(null);
      return line === undefined ? trace : { ...trace, x: line.x.map(rounded), y: line.y.map(rounded) };
    }
    const all = line.x.map((x, place) => ({ x, y: line.y[place] ?? Number.NaN }));
    const points = thin(all, COLUMNS);
    if (points.length < all.length) thinned.push({ trace: index, points: all.length });
    const parts = smooth && line.mode === 'lines' ? partMeans(line.x, line.y) : undefined;
    // Where nothing was left out the line itself is what is smoothed.
    const own = parts === undefined || parts.size === 1;
    means.push(own ? null : { x: parts.x.map(rounded), y: parts.y.map(rounded), size: parts.size });
    return { ...trace, x: points.map(({ x }) => rounded(x)), y: points.map(({ y }) => rounded(y)) };
  });
  return { data, layout: figure.layout, means, thinned };
}

/** The figure with only as many points as a screen can show. */
export function thinnedFigure(figure: Figure): Figure {
  return { ...figure, data: figureValues(figure, false).data };
}
