import { stripVTControlCharacters } from 'node:util';
import { html, jsonScript, nothing, trusted } from '../markup.js';
import type { Html } from '../markup.js';
import { dataText, type CellOutput } from '../notebook-file.js';

const plotlyMime = 'application/vnd.plotly.v1+json';

/** A picture as an element; of SVG as text, of others as base64. */
function imageHtml(output: CellOutput): Html | undefined {
  const alt = dataText(output, 'text/plain') ?? '';
  const svg = dataText(output, 'image/svg+xml');
  if (svg !== undefined) {
    return html`<img alt="${alt}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}" />`;
  }
  for (const mime of ['image/png', 'image/jpeg']) {
    const data = dataText(output, mime);
    if (data !== undefined) return html`<img alt="${alt}" src="data:${mime};base64,${data.replace(/\s/g, '')}" />`;
  }
  return undefined;
}

const textHtml = (text: string): Html =>
  text.trim() === '' ? nothing : html`<pre class="text">${text.replace(/\n$/, '')}</pre>`;

/**
 * What a cell gave, as HTML. A figure has its still picture, which needs no script, and beside it the values of the interactive chart that
 * takes its place.
 *
 * @param id unique in the page
 */
export function outputHtml(output: CellOutput, id: string): Html {
  if (output.output_type === 'stream') return textHtml(stripVTControlCharacters(output.text ?? ''));
  if (output.traceback !== undefined) {
    return html`<pre class="failed">${stripVTControlCharacters(output.traceback.join('\n'))}</pre>`;
  }
  const picture = imageHtml(output);
  const plotly = output.data?.[plotlyMime];
  if (plotly !== undefined && picture !== undefined) {
    const { layout } = plotly as { readonly layout?: { readonly height?: number } };
    return html`<figure class="chart" data-figure="${id}">
      <div class="still">${picture}</div>
      <div class="live" style="height:${layout?.height ?? 380}px" hidden></div>
      ${jsonScript(id, plotly)}
    </figure>`;
  }
  // The chapter's own library has written it; its styles stand in the elements.
  const own = dataText(output, 'text/html');
  if (own !== undefined) return html`<div class="shown">${trusted(own)}</div>`;
  if (picture !== undefined) return html`<figure class="chart"><div class="still">${picture}</div></figure>`;
  return textHtml(dataText(output, 'text/plain') ?? '');
}

/** All that a cell gave; texts that were written one after another are one. */
export function outputsHtml(outputs: readonly CellOutput[], id: string): Html {
  const joined = outputs.reduce<CellOutput[]>((list, output) => {
    const before = list.at(-1);
    if (before?.output_type !== 'stream' || output.output_type !== 'stream') return [...list, output];
    return [...list.slice(0, -1), { ...before, text: `${before.text ?? ''}${output.text ?? ''}` }];
  }, []);
  const shown = joined.map((output, index) => outputHtml(output, `${id}-${index}`)).filter(({ text }) => text !== '');
  return shown.length === 0 ? nothing : html`<div class="outputs">${shown}</div>`;
}
