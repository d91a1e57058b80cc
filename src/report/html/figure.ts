import { describe } from '../describe-figure.js';
import type { DrawingBlock, FigureBlock, Origin } from '../document/document.js';
import { figureValues } from '../figure-values.js';
import { formatNumber } from '../format.js';
import { lineChart } from '../line-chart.js';
import { html, jsonScript, nothing, trusted } from '../markup.js';
import type { Html } from '../markup.js';
import type { Ink } from '../palette.js';
import { smoothedFigure } from '../smoothing.js';
import { figureToSvg } from '../svg.js';

/** The page's own colours: they change with the reader's light or dark mode. */
const pageInk: Ink = { text: 'var(--ink)', muted: 'var(--muted)', grid: 'var(--grid)' };

/** The kinds of traces that Plotly's basic bundle draws. */
const interactiveTypes: readonly unknown[] = [undefined, 'scatter', 'bar', 'pie'];

/** What the picture came from, and its numbers to take along. */
function source(id: string, origin: Origin, note: string, csv: boolean): Html {
  const button = (form: string): Html =>
    html`<button type="button" data-download="${form}" data-of="${id}">${form.toUpperCase()}</button>`;
  return html`<p class="source">
    ${note === '' ? nothing : html`<span>${note}</span>`}
    <span>run <code>${origin.run}</code></span> <span>config <code>${origin.config}</code></span>
    <span>data <code>${origin.data}</code></span>
    <span class="downloads needs-script">${csv ? button('csv') : nothing} ${button('json')}</span>
  </p>`;
}

/**
 * A figure of a page: a still picture that needs no script, and the figure's values for the interactive chart that takes
 * its place.
 */
export async function figureHtml(block: FigureBlock): Promise<Html> {
  const { id, figure, origin, smoothing, choose = false } = block;
  const interactive = figure.data.every((trace) => interactiveTypes.includes(trace.type));
  const shown = smoothedFigure(figure, smoothing ?? 1);
  const themed = lineChart(shown, undefined, pageInk);
  const still =
    themed === undefined
      ? html`<img
          alt="${figure.title}. ${describe(figure)}"
          src="data:image/svg+xml;base64,${Buffer.from(await figureToSvg(shown)).toString('base64')}"
        />`
      : trusted(themed);
  const values = figureValues(figure, smoothing !== undefined);
  const [first] = values.thinned;
  const note = first === undefined ? '' : `thinned from ${formatNumber(first.points)} points`;
  // Labels among the marks, as in a Sankey figure, run into one another where the figure is narrow: it is then panned.
  const lettered = figure.data.some((trace) => 'mode' in trace && trace.mode === 'text');
  const csv = values.data.some((trace) => 'x' in trace && 'y' in trace && !('text' in trace));
  return html`<figure
    class="chart${choose ? ' wide' : ''}${lettered ? ' lettered' : ''}"
    id="${id}"
    ${interactive ? html`data-figure="${id}-values"` : nothing}
  >
    <figcaption><b>${figure.title}</b> <span>${describe(figure)}</span></figcaption>
    <div class="still">${still}</div>
    <div class="pan">
      <div
        class="live"
        ${choose ? html`data-chooses="lines"` : nothing}
        role="img"
        aria-label="${figure.title}. ${describe(figure)}"
        hidden
      ></div>
    </div>
    ${source(`${id}-values`, origin, note, csv)}
    ${jsonScript(`${id}-values`, {
      title: figure.title,
      source: figure.source,
      origin,
      ...(smoothing === undefined ? {} : { smoothing }),
      ...values,
    })}
  </figure>`;
}

/** A picture of ours, with its numbers. */
export function drawingHtml({ id, drawing, origin }: DrawingBlock): Html {
  return html`<figure class="chart drawing" id="${id}">
    <figcaption><b>${drawing.title}</b></figcaption>
    <div class="still" tabindex="0" role="region" aria-label="${drawing.title}">${trusted(drawing.draw(pageInk))}</div>
    ${source(`${id}-values`, origin, '', true)}
    ${jsonScript(`${id}-values`, {
      title: drawing.title,
      origin,
      columns: drawing.values.columns,
      rows: drawing.values.rows,
    })}
  </figure>`;
}
