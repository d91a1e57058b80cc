import { cellColour } from './heatmap-figure.js';
import { neutralInk } from './palette.js';
import { series } from './palette.js';

/** Shades of a heat map: cells of one shade are one path, so that a picture stays small. */
const SHADES = 16;

/** A cell's size in pixels, so that few cells are not huge and many not tiny. */
const sizeOf = (cells: number): number => Math.max(4, Math.min(16, Math.floor(384 / cells)));

const svg = (width: number, height: number, body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" shape-rendering="crispEdges">${body}</svg>`;

function largestOf(values: readonly number[]): number {
  return values.reduce((largest, value) => (Number.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest), 0);
}

/** A matrix as a small SVG picture: blue above zero, orange below, full at the largest of all; grey where a value is no number. */
export function heatPicture(rows: readonly (readonly number[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const side = Math.min(sizeOf(columns), sizeOf(rows.length));
  const largest = largestOf(rows.flat());
  const paths = new Map<string, string>();
  rows.forEach((row, y) => {
    row.forEach((value, x) => {
      const share = largest > 0 ? Math.round((value / largest) * SHADES) / SHADES : 0;
      const colour = Number.isFinite(value) ? cellColour(share) : neutralInk.grid;
      const cell = `M${x * side} ${y * side}h${side}v${side}h-${side}z`;
      paths.set(colour, (paths.get(colour) ?? '') + cell);
    });
  });
  const body = [...paths].map(([colour, path]) => `<path fill="${colour}" d="${path}"/>`).join('');
  return svg(columns * side, rows.length * side, body);
}

/** Height of a picture of bars, in pixels. */
const BARS_HEIGHT = 56;

/** A row of numbers as bars up and down from zero. */
export function barPicture(values: readonly number[]): string {
  const finite = values.filter((value) => Number.isFinite(value));
  const top = Math.max(0, ...finite);
  const bottom = Math.min(0, ...finite);
  const scale = top > bottom ? BARS_HEIGHT / (top - bottom) : 0;
  const zero = top * scale;
  const width = sizeOf(values.length);
  const bars = values.map((value, index) => {
    if (!Number.isFinite(value)) return '';
    const height = Math.abs(value) * scale;
    const y = value >= 0 ? zero - height : zero;
    return `M${index * width} ${y.toFixed(1)}h${width - 1}v${height.toFixed(1)}h-${width - 1}z`;
  });
  const line = `<path fill="${neutralInk.muted}" d="M0 ${zero.toFixed(1)}h${values.length * width}v1H0z"/>`;
  return svg(values.length * width, BARS_HEIGHT + 1, `<path fill="${series[0]}" d="${bars.join('')}"/>${line}`);
}
