import type { Figure } from '../figure.js';
import { numericLine } from './numeric-line.js';

/**
 * The exponential moving average, debiased (as Adam's moments are): mₙ = β mₙ₋₁ + (1 − β) xₙ, shown as mₙ / (1 − βⁿ). Values that are no
 * numbers leave it as it is and are gaps. β = 1 − 1/steps: with `steps` = 1 nothing is smoothed.
 *
 * @param size steps that each value stands for, where the values are means of several
 *
 * @example
 * movingAverage([2, 4], 2); // [2, 3.333…]: m₁ = 1, m₂ = 2.5; divided by 0.5 and 0.75
 */
export function movingAverage(values: readonly number[], steps: number, size = 1): number[] {
  const beta = (1 - 1 / Math.max(1, steps)) ** size;
  let mean = 0;
  let rest = 1; // βⁿ
  return values.map((value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    mean = beta * mean + (1 - beta) * value;
    rest *= beta;
    return mean / (1 - rest);
  });
}

/** Means of this many parts of a long line are smoothed in its place. */
const PARTS = 600;

/** A line as means of equal numbers of neighbours, at most 600 of them; `size` is how many each is made of. */
export function partMeans(
  x: readonly number[],
  y: readonly number[],
): { readonly x: number[]; readonly y: number[]; readonly size: number } {
  const size = Math.ceil(x.length / PARTS);
  if (size <= 1) return { x: [...x], y: [...y], size: 1 };
  const count = Math.ceil(x.length / size);
  const mean = (values: readonly number[], part: number): number => {
    const finite = values.slice(part * size, (part + 1) * size).filter((value) => Number.isFinite(value));
    return finite.reduce((sum, value) => sum + value, 0) / finite.length; // NaN of none
  };
  const parts = Array.from({ length: count }, (_, part) => part);
  return { x: parts.map((part) => mean(x, part)), y: parts.map((part) => mean(y, part)), size };
}

/** Lines with fewer points are never smoothed. */
export const SMOOTH_FROM = 30;

/** Steps over which a line of so many points is averaged at first. */
export function firstSmoothing(points: number): number {
  return points < 100 ? 1 : Math.max(2, Math.round(points / 60));
}

/** A figure whose long lines are faint, each with its moving average over it. */
export function smoothedFigure(figure: Figure, steps: number): Figure {
  if (steps <= 1) return figure;
  const data = figure.data.flatMap((trace): Figure['data'] => {
    const line = numericLine(trace);
    if (line?.mode !== 'lines' || line.y.length < SMOOTH_FROM) return [trace];
    const { x, y, size } = partMeans(line.x, line.y);
    return [
      { ...trace, opacity: 0.3, showlegend: false, line: { ...line.line, width: 1 } } as Figure['data'][number],
      { ...trace, x, y: movingAverage(y, steps, size) },
    ];
  });
  return { ...figure, data };
}
