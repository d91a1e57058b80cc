import type { Block, Section } from '../document/document.js';
import { html, nothing } from '../markup.js';
import type { Html } from '../markup.js';
import { drawingHtml, figureHtml } from './figure.js';
import { samplesHtml } from './samples.js';
import { factsHtml, tableHtml } from './table.js';

/** What each kind of block is in a page. */
const writers: { readonly [K in Block['kind']]: (block: Extract<Block, { kind: K }>) => Html | Promise<Html> } = {
  text: ({ text }) => html`<p>${text}</p>`,
  heading: ({ text, note }) =>
    html`<h3><code>${text}</code>${note === undefined ? nothing : html`<span class="kind">${note}</span>`}</h3>`,
  warning: ({ text }) => html`<p class="warning" role="note"><b>Mind:</b> ${text}</p>`,
  code: ({ text, label }) =>
    label === undefined
      ? html`<pre tabindex="0">${text}</pre>`
      : html`<details>
          <summary>${label}</summary>
          <pre tabindex="0">${text}</pre>
        </details>`,
  facts: factsHtml,
  table: tableHtml,
  figure: figureHtml,
  drawing: drawingHtml,
  samples: samplesHtml,
};

async function blockHtml(block: Block): Promise<Html> {
  // The writer of a kind takes blocks of that kind, which the compiler does not follow through the lookup.
  const write = writers[block.kind] as (block: Block) => Html | Promise<Html>;
  return write(block);
}

/** Buttons by which a reader picks out lines in all figures of a section, one for each name. */
function chooser(blocks: readonly Block[]): Html {
  const names = blocks.flatMap((block) =>
    block.kind === 'figure' && block.choose === true
      ? block.figure.data.flatMap((trace) => ('name' in trace && trace.name !== undefined ? [trace.name] : []))
      : [],
  );
  if (names.length === 0) return nothing;
  return html`<div class="chooser needs-script" role="group" aria-label="Lines to pick out">
    ${[...new Set(names)].map(
      (name) => html`<button type="button" aria-pressed="false" data-choose="${name}">${name}</button>`,
    )}
  </div>`;
}

/** The slider and switches of curves; they do nothing without scripts, and are hidden then. */
function controls(steps: number): Html {
  return html`<form class="controls needs-script" aria-label="How curves are drawn">
    <label
      >Smoothing <input type="range" name="smoothing" min="0" max="100" value="${sliderOf(steps)}" />
      <output name="steps"></output
    ></label>
    <label><input type="checkbox" name="x" /> log x</label>
    <label><input type="checkbox" name="y" /> log y</label>
  </form>`;
}

/** Places of the slider, 0 to 100, for 1 to 1,000 steps. */
export const sliderOf = (steps: number): number => Math.round((100 * Math.log10(Math.max(1, steps))) / 3);

/** A section with its heading. Figures that follow one another stand in columns. */
export async function sectionHtml({ id, title, blocks }: Section): Promise<Html> {
  const smoothed = blocks.flatMap((block) => (block.kind === 'figure' ? (block.smoothing ?? []) : []));
  const parts: Html[] = [];
  for (let at = 0; at < blocks.length;) {
    const run = blocks.slice(at).findIndex((block) => block.kind !== 'figure');
    const count = run < 0 ? blocks.length - at : run;
    const group = blocks.slice(at, at + Math.max(1, count));
    const written = await Promise.all(group.map((block) => blockHtml(block)));
    parts.push(count > 1 ? html`<div class="charts">${written}</div>` : html`${written}`);
    at += group.length;
  }
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${smoothed.length === 0 ? nothing : controls(Math.max(...smoothed))} ${chooser(blocks)} ${parts}
  </section> `;
}
