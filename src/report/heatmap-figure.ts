import { TrainbookError } from '../error.js';
import type { Figure } from '../figure.js';
import { formatNumber } from './format.js';

export interface HeatmapFigureOptions {
  readonly title: string;
  /** The names of the columns, from left to right, and of the rows, from the top. */
  readonly x: readonly string[];
  readonly y: readonly string[];
  /** The numbers, row by row; what is not finite has a grey cell. */
  readonly values: readonly (readonly number[])[];
  /** What the columns and the rows are. */
  readonly xTitle?: string;
  readonly yTitle?: string;
  /** Where the numbers come from. */
  readonly source?: string;
}

/**
 * A figure of a matrix: each cell coloured by its number, blue above zero and orange below, full at the largest of all; up to twelve
 * columns have the numbers in the cells too. Equal names may stand in several places.
 *
 * @throws TrainbookError if there are not as many numbers as columns and rows.
 * @example
 * await show(heatmapFigure({ title: 'Attention', x: ['the', 'cat'], y: ['the', 'cat'], values: [[1, 0], [0.3, 0.7]] }));
 */
export function heatmapFigure({
  title,
  x,
  y,
  values,
  xTitle,
  yTitle,
  source = 'heatmapFigure',
}: HeatmapFigureOptions): Figure {
  const wrong = values.findIndex((row) => row.length !== x.length);
  if (x.length === 0 || y.length === 0 || values.length !== y.length || wrong >= 0) {
    throw new TrainbookError({
      what: 'heatmapFigure: the matrix does not fit its names',
      received: wrong < 0 ? `${values.length} rows` : `${values[wrong]?.length ?? 0} numbers in row ${wrong}`,
      expected: `${y.length} rows of ${x.length} numbers, at least one`,
    });
  }
  const cells = values.flatMap((row, at) => row.map((value, column) => ({ at, column, value })));
  const largest = Math.max(...cells.map(({ value }) => (Number.isFinite(value) ? Math.abs(value) : 0)));
  const shares = cells.map(({ value }) => (largest > 0 && Number.isFinite(value) ? value / largest : 0));
  const colours = cells.map(({ value }, index) => (Number.isFinite(value) ? cellColour(shares[index] ?? 0) : unknown));
  // In one line: beside rows with long names there is no room for a title.
  const heading = [yTitle && `rows: ${yTitle}`, xTitle && `columns: ${xTitle}`].filter(Boolean).join(' · ');
  const ticks = (names: readonly string[]): object => ({
    tickmode: 'array',
    tickvals: names.map((_, index) => index),
    ticktext: [...names],
    showgrid: false,
    zeroline: false,
  });
  // Plotly's basic bundle has no heat maps: a cell is a bar of height and width 1 that begins at its row.
  return {
    title,
    source,
    data: [
      {
        type: 'bar',
        x: cells.map(({ column }) => column),
        y: cells.map(() => 1),
        base: cells.map(({ at }) => at - 0.5),
        width: 1,
        marker: { color: colours, line: { width: 1, color: 'rgba(255,255,255,0.6)' } },
        hoverinfo: 'text',
        hovertext: cells.map(({ at, column, value }) => `${y[at] ?? ''} · ${x[column] ?? ''}: ${formatNumber(value)}`),
      },
      // Numbers are points with a text: bars place theirs by its measured size, which pictures without a browser do not have.
      ...(x.length > FEW_COLUMNS
        ? []
        : [
            {
              type: 'scatter' as const,
              mode: 'text' as const,
              x: cells.map(({ column }) => column),
              y: cells.map(({ at }) => at),
              text: cells.map(({ value }) => cellText(value)),
              textposition: 'middle center' as const,
              textfont: { size: 11, color: shares.map((share) => (Math.abs(share) > 0.55 ? '#ffffff' : '#23272e')) },
              hoverinfo: 'skip' as const,
              cliponaxis: false,
            },
          ]),
    ],
    layout: {
      height: 96 + Math.max(20, Math.min(34, 640 / y.length)) * y.length,
      margin: { l: marginOf(y), r: 16, t: heading === '' ? 32 : 56, b: 16 },
      bargap: 0,
      barmode: 'overlay',
      xaxis: { ...ticks(x), side: 'top', title: { text: heading, font: { size: 12 } }, range: [-0.5, x.length - 0.5] },
      yaxis: { ...ticks(y), range: [y.length - 0.5, -0.5] },
      showlegend: false,
    },
  };
}

/** Room beside the rows, in pixels: a letter is about 7 wide. */
const marginOf = (names: readonly string[]): number =>
  Math.min(200, 16 + 7 * Math.max(...names.map(({ length }) => length)));

/** Columns up to which the numbers fit into the cells. */
const FEW_COLUMNS = 12;

/** Of cells without a number. */
const unknown = '#d3d7dd';

/** From nearly white at 0 to blue at 1 and orange at −1; opaque, so that cells look alike on a light and a dark page. */
export function cellColour(share: number): string {
  const none = [243, 245, 248] as const;
  const full = share < 0 ? ([176, 74, 20] as const) : ([28, 86, 168] as const);
  const mixed = none.map((from, channel) => Math.round(from + Math.abs(share) * ((full[channel] ?? 0) - from)));
  return `rgb(${mixed.join(', ')})`;
}

function cellText(value: number): string {
  if (Number.isNaN(value)) return '';
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  return (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2)).replace('-', '−');
}
