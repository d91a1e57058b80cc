import type { Figure } from '../figure.js';
import { lineChart } from './line-chart.js';
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
