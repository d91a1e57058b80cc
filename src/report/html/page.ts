import type { Document } from '../document/document.js';
import { formatTime } from '../format.js';
import { html, nothing, trusted } from '../markup.js';
import type { Html } from '../markup.js';
import { series } from '../palette.js';
import { compressedPlotly } from '../plotly-library.js';
import { sectionHtml } from './block.js';
import { pageScript } from './script.js';
import { pageStyle } from './style.js';

const stateWords = { running: 'Running', done: 'Done', failed: 'Failed', interrupted: 'Interrupted' } as const;

function header({ kind, title, state, createdAt, about, error, headlines }: Document): Html {
  return html`<header>
    <p class="eyebrow"><b>trainbook</b> · report of ${kind === 'run' ? 'a run' : 'an ablation'}</p>
    <h1>${title}</h1>
    <p class="what">
      <span class="state ${state}">${stateWords[state]}</span>
      <span><time datetime="${createdAt}">${formatTime(createdAt)}</time></span>
      ${about.map(([label, value]) => html`<span>${label} <b>${value}</b></span>`)}
    </p>
    ${error === undefined || error === '' ? nothing : html`<div class="failure" role="alert">${error}</div>`}
    <dl class="headline">
      ${headlines.map(({ label, value, unit, note }) => {
        const below = [unit, note].filter((part) => part !== undefined).join(', ');
        return html`<div>
          <dt>${label}</dt>
          <dd>${value}${below === '' ? nothing : html`<span class="note">${below}</span>`}</dd>
        </div>`;
      })}
    </dl>
  </header>`;
}

/** No address is ever loaded: the browser itself is told to refuse. */
const policy =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'";

/**
 * A report as one HTML text that needs nothing beside it.
 *
 * @param record what programs read of the page
 */
export async function pageHtml(document: Document, record: Html = nothing): Promise<string> {
  const { sections, title, id, path, origin } = document;
  const written: Html[] = [];
  for (const section of sections) written.push(await sectionHtml(section));
  const plotly = html`<script type="text/plain" id="plotly" data-colours="${JSON.stringify(series)}">
    ${await compressedPlotly()}
  </script>`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="generator" content="trainbook" />
        <meta name="trainbook-${document.kind}" content="${path}" />
        <title>${title} · ${id}</title>
        <style>
          ${trusted(pageStyle)}
        </style>
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <div class="layout">
          ${header(document)}
          <nav aria-label="Contents">
            <ol>
              ${sections.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`)}
            </ol>
          </nav>
          <main id="content" tabindex="-1">${written}</main>
          <footer>
            Written by trainbook from the records in <code>${path}</code> (config <code>${origin.config}</code>, data
            <code>${origin.data}</code>). The page is complete in itself: it loads nothing.
          </footer>
        </div>
        ${record} ${plotly}
        <script>
          ${trusted(pageScript)};
        </script>
      </body>
    </html> `;
  return page.text;
}
