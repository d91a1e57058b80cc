import type { Figure } from '../figure.js';
import { formatNumber } from './format.js';
import { lineChart, thin } from './line-chart.js';
import { html, jsonScript, nothing, trusted } from './markup.js';
import type { Html } from './markup.js';
import type { Ink } from './palette.js';
import { figureToSvg } from './svg.js';

/** The page's own colours: they change with the reader's light or dark mode. */
const pageInk: Ink = { text: 'var(--ink)', muted: 'var(--muted)', grid: 'var(--grid)' };

/** Points that a curve in a page needs at most: 4 for each of about 700 columns of pixels. */
const COLUMNS = 700;

const interactiveTypes: readonly unknown[] = [undefined, 'scatter', 'bar', 'pie'];

interface Line {
  readonly name?: unknown;
  readonly showlegend?: boolean;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

function asLine(trace: object): Line | undefined {
  const { x, y, mode } = trace as Readonly<Record<string, unknown>>;
  const numeric = (values: unknown): boolean =>
    Array.isArray(values) && values.every((value) => typeof value === 'number');
  return (mode === 'lines' || mode === 'lines+markers') && numeric(x) && numeric(y) ? (trace as Line) : undefined;
}

const pointsOf = ({ x, y }: Line): { x: number; y: number }[] =>
  x.map((at, index) => ({ x: at, y: y[index] ?? Number.NaN }));

/** The figure with long lines thinned to what a screen can show. */
function forScreen(figure: Figure): Figure {
  const data = figure.data.map((trace): Figure['data'][number] => {
    const line = asLine(trace);
    if (line === undefined) return trace;
    const points = thin(pointsOf(line), COLUMNS);
    return { ...trace, x: points.map(({ x }) => x), y: points.map(({ y }) => y) };
  });
  return { ...figure, data };
}

interface Bars {
  readonly name?: unknown;
  readonly x: readonly string[];
  readonly y: readonly number[];
}

/** Bars that are few and have names below them. */
function asBars(trace: object): Bars | undefined {
  const { type, x, y } = trace as Readonly<Record<string, unknown>>;
  if (type !== 'bar' || !Array.isArray(x) || !Array.isArray(y)) return undefined;
  if (x.length === 0 || x.length > MOST_BARS) return undefined;
  const isNamed = x.every((name) => typeof name === 'string') && y.every((value) => typeof value === 'number');
  return isNamed ? (trace as Bars) : undefined;
}

/** Bars of one name that are told in words. */
const MOST_BARS = 12;

/**
 * Where each named line begins and ends, and what each bar says, in words: what the picture tells to those who do not see it.
 */
export function describe(figure: Figure): string {
  const several = figure.data.length > 1;
  const bars = figure.data
    .flatMap((trace) => asBars(trace) ?? [])
    .map(({ name, x, y }) => {
      const told = x.map((group, index) => `${group} ${formatNumber(y[index] ?? Number.NaN)}`).join(', ');
      return typeof name === 'string' && several ? `${name}: ${told}` : told;
    });
  if (bars.length > 0) return bars.join('; ');
  const lines = figure.data
    .flatMap((trace) => asLine(trace) ?? [])
    .map((line) => {
      const points = pointsOf(line).filter(({ y }) => Number.isFinite(y));
      const [first, last] = [points[0], points.at(-1)];
      if (first === undefined || last === undefined) return '';
      const name = typeof line.name === 'string' && several ? `${line.name} ` : '';
      return first === last
        ? `${name}${formatNumber(first.y)}`
        : `${name}${formatNumber(first.y)} → ${formatNumber(last.y)}`;
    });
  return lines.filter((line) => line !== '').join(', ');
}

/**
 * A figure of a page: a still picture that needs no script, and the figure's values for the interactive chart that takes
 * its place.
 *
 * @param id unique in the page
 */
export async function figureHtml(figure: Figure, id: string): Promise<Html> {
  const interactive = figure.data.every((trace) => interactiveTypes.includes(trace.type));
  const themed = lineChart(figure, undefined, pageInk);
  const still =
    themed === undefined
      ? html`<img
          alt="${figure.title}"
          src="data:image/svg+xml;base64,${Buffer.from(await figureToSvg(figure)).toString('base64')}"
        />`
      : trusted(themed);
  const { data, layout } = forScreen(figure);
  return html`<figure class="chart" ${interactive ? html`data-figure="${id}"` : nothing}>
    <figcaption><b>${figure.title}</b> <span>${describe(figure)}</span></figcaption>
    <div class="still">${still}</div>
    ${
      interactive
        ? html`<div class="live" role="img" aria-label="${figure.title}. ${describe(figure)}" hidden></div>
            ${jsonScript(id, { data, layout })}`
        : nothing
    }
  </figure>`;
}
