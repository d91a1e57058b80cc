import type { Figure } from '../figure.js';
import { escapeXml, lineChart } from './line-chart.js';
import type { ChartSize } from './line-chart.js';
import { neutralInk } from './palette.js';
import type { Ink } from './palette.js';
import { plotlySvg } from './plotly-svg.js';

/**
 * A figure as SVG text, without a browser: lines directly, everything else by Plotly.
 *
 * @param ink must be plain colours, not CSS variables, for figures that Plotly draws
 *
 * @example
 * await writeAtomic('ledger.svg', await figureToSvg(corpus.ledger.sankey()));
 */
export async function figureToSvg(figure: Figure, size?: ChartSize, ink: Ink = neutralInk): Promise<string> {
  const direct = lineChart(figure, size, ink);
  return direct ?? plotlySvg(figure, size ?? { width: 720, height: figure.layout.height ?? 340 }, ink);
}

/** Room for a title above a picture, in pixels. */
const TITLE_HEIGHT = 26;

/** An SVG picture with a title above it, for places that say nothing else of a figure. */
export function titledSvg(svg: string, title: string, ink: Ink = neutralInk): string {
  const width = sizeOf(svg, 'width');
  const height = sizeOf(svg, 'height') + TITLE_HEIGHT;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ` +
    `aria-label="${escapeXml(title)}"><text x="8" y="17" fill="${ink.text}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" ` +
    `font-size="14" font-weight="600">${escapeXml(title)}</text>${svg.replace('<svg', `<svg y="${TITLE_HEIGHT}"`)}</svg>`
  );
}

/** A size that the outermost element of a picture has, in pixels. */
function sizeOf(svg: string, name: 'width' | 'height'): number {
  return Number(new RegExp(`^<svg[^>]*? ${name}="([\\d.]+)"`).exec(svg)?.[1] ?? Number.NaN);
}
