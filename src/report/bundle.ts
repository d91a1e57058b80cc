import type { TextComparison } from '../data/audit/compare-texts.js';
import type { Figure, Summary, Table } from '../figure.js';
import { terminalText } from '../tokens/marked-text.js';
import type { MarkedText } from '../tokens/marked-text.js';
import { piecesText } from '../tokens/token-pieces.js';
import type { TokenPieces } from '../tokens/token-pieces.js';
import { comparisonHtml, comparisonText } from './comparison-html.js';
import { inNotebook } from './display.js';
import type { MimeBundle } from './display.js';
import { describe } from './describe-figure.js';
import type { Drawing } from './drawing.js';
import { formatNumber, formatValue, words } from './format.js';
import { lineChart } from './line-chart.js';
import { markedHtml } from './marked-html.js';
import { html, nothing } from './markup.js';
import type { Html } from './markup.js';
import { neutralInk, series } from './palette.js';
import { piecesHtml } from './pieces-html.js';
import { figureToSvg, titledSvg } from './svg.js';

/** Rows of a table that a notebook shows; the report has them all. */
const ROWS = 20;

/** Room for the title above an interactive figure, in pixels. */
const TITLE_MARGIN = 40;

const asText = (title: string, lines: readonly string[]): string =>
  [title, ...lines.map((line) => `  ${line}`)].join('\n');

/** A figure while it changes: a picture that is quickly drawn. Figures that are no line charts have none. */
export function liveBundle(figure: Figure): MimeBundle | undefined {
  const svg = lineChart(figure);
  if (svg === undefined) return undefined;
  return { 'text/plain': asText(figure.title, [describe(figure)]), 'image/svg+xml': titledSvg(svg, figure.title) };
}

/**
 * A figure that stays: interactive where Plotly's renderer is installed; the picture beside it is for all who have none,
 * such as GitHub and nbconvert.
 */
export async function figureBundle(figure: Figure): Promise<MimeBundle> {
  const axis = { gridcolor: neutralInk.grid, linecolor: neutralInk.muted };
  const layout = {
    ...figure.layout,
    title: { text: figure.title, font: { size: 14 }, y: 1, yref: 'container', yanchor: 'top', pad: { t: 12 } },
    margin: { l: 64, r: 16, b: 48, ...figure.layout.margin, t: TITLE_MARGIN + (figure.layout.margin?.t ?? 16) },
    height: TITLE_MARGIN + (figure.layout.height ?? 340),
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    colorway: [...series],
    font: { color: neutralInk.text, size: 12 },
    xaxis: { ...figure.layout.xaxis, ...axis },
    yaxis: { ...figure.layout.yaxis, ...axis },
  };
  return {
    'text/plain': asText(
      figure.title,
      [describe(figure)].filter((line) => line !== ''),
    ),
    'image/svg+xml': titledSvg(await figureToSvg(figure), figure.title),
    'application/vnd.plotly.v1+json': { data: figure.data, layout },
  };
}

/** A picture of ours, that needs no renderer. */
/** A line of text, with a bar where it is known how much there is to do. */
export function lineBundle(text: string, share?: number): MimeBundle {
  const bar =
    share === undefined
      ? html``
      : html`<progress value="${share.toFixed(4)}" max="1" style="vertical-align:middle;width:12em"></progress> `;
  return { 'text/plain': text, 'text/html': html`<div>${bar}${text}</div>`.text };
}

export function drawingBundle(drawing: Drawing): MimeBundle {
  return {
    'text/plain': asText(drawing.title, [drawing.description]),
    'image/svg+xml': titledSvg(drawing.draw(neutralInk), drawing.title),
  };
}

/** A marked text; printed on a terminal that has colours, it has them (see no-color.org). */
export function markedBundle(marked: MarkedText): MimeBundle {
  const colour = !inNotebook() && process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === '';
  return { 'text/plain': terminalText(marked, colour), 'text/html': markedHtml(marked).text };
}

/** Two texts compared. */
export function comparisonBundle(comparison: TextComparison): MimeBundle {
  return { 'text/plain': comparisonText(comparison), 'text/html': comparisonHtml(comparison).text };
}

/** Tokens piece by piece. */
export function piecesBundle(pieces: TokenPieces): MimeBundle {
  return { 'text/plain': piecesText(pieces), 'text/html': piecesHtml(pieces).text };
}

function tableHtml(table: Table, numRows = table.rows.length): Html {
  const rows = table.rows.slice(0, ROWS);
  const more = numRows - rows.length;
  const cell = (value: string | number): Html =>
    typeof value === 'number'
      ? html`<td style="text-align:right">${formatNumber(value)}</td>`
      : html`<td style="text-align:left;white-space:pre-wrap">${value}</td>`;
  const heading = (name: string, column: number): Html => {
    const side = rows.every((row) => typeof row[column] === 'number') ? 'right' : 'left';
    return html`<th scope="col" style="text-align:${side}">${name}</th>`;
  };
  return html`<table>
      <caption style="text-align:left;font-weight:600;white-space:nowrap">
        ${table.title}
      </caption>
      <thead>
        <tr>
          ${table.columns.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
    ${more > 0 ? html`<p>… and ${formatNumber(more)} more rows</p>` : nothing}`;
}

function tableText(table: Table, numRows = table.rows.length): string {
  const cells = [table.columns, ...table.rows.slice(0, ROWS).map((row) => row.map(formatValue))];
  const widths = table.columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const numeric = table.columns.map((_, column) => table.rows.every((row) => typeof row[column] === 'number'));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ');
  const more = numRows > ROWS ? [`… and ${formatNumber(numRows - ROWS)} more rows`] : [];
  return asText(table.title, [...cells.map((row) => line(row).trimEnd()), ...more]);
}

/**
 * A table, the first rows of a long one.
 *
 * @param numRows where the table has not all of them
 */
export function tableBundle(table: Table, numRows = table.rows.length): MimeBundle {
  return { 'text/plain': tableText(table, numRows), 'text/html': tableHtml(table, numRows).text };
}

/** A summary without its figures, which are bundles of their own. */
export function summaryBundle(summary: Summary): MimeBundle {
  const facts = Object.entries(summary.facts);
  const { tables = [], texts = [] } = summary;
  const factRow = ([label, value]: readonly [string, string | number]): Html =>
    html`<tr>
      <th scope="row" style="text-align:left;font-weight:400">${words(label)}</th>
      <td style="text-align:right;font-weight:600">${formatValue(value)}</td>
    </tr>`;
  const quote = ({ title, text }: { readonly title: string; readonly text: string }): Html => {
    const prompt = title !== '' && text.startsWith(title);
    const body = prompt ? html`<b>${title}</b>${text.slice(title.length)}` : html`${text}`;
    return html`${prompt ? nothing : html`<p style="margin-bottom:0">${title}</p>`}
      <blockquote style="white-space:pre-wrap;margin:.75em 0">${body}</blockquote>`;
  };
  const page = html`<div>
    <h4>${summary.title}</h4>
    ${
      facts.length === 0
        ? nothing
        : html`<table>
            <tbody>
              ${facts.map(factRow)}
            </tbody>
          </table>`
    }
    ${tables.map((table) => tableHtml(table))}${texts.map(quote)}
  </div>`;
  const plain = [
    asText(
      summary.title,
      facts.map(([label, value]) => `${words(label)}: ${formatValue(value)}`),
    ),
    ...tables.map((table) => tableText(table)),
    ...texts.map(({ title, text }) => asText(title, text.split('\n'))),
  ];
  return { 'text/plain': plain.join('\n'), 'text/html': page.text };
}
