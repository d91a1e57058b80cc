import type { Summary, Table } from '../figure.js';
import { formatNumber, formatValue, words } from './format.js';
import { html, nothing } from './markup.js';
import type { Html } from './markup.js';

/** Facts as a list of terms: the label small, its value under it. */
export function factsHtml(facts: Summary['facts']): Html {
  const entries = Object.entries(facts);
  if (entries.length === 0) return nothing;
  return html`<dl class="facts">
    ${entries.map(
      ([label, value]) =>
        html`<div>
          <dt>${words(label)}</dt>
          <dd>${formatValue(value)}</dd>
        </div>`,
    )}
  </dl>`;
}

/** A table; columns in which every cell is a number stand at the right edge. */
export function tableHtml(table: Table): Html {
  const numeric = table.columns.map((_, column) => table.rows.every((row) => typeof row[column] === 'number'));
  const align = (column: number): Html => (numeric[column] === true ? html` class="number"` : nothing);
  const cell = (value: string | number, column: number): Html => {
    const shown = typeof value === 'number' ? formatNumber(value) : value;
    return column === 0 && numeric[0] !== true
      ? html`<th scope="row">${shown}</th>`
      : html`<td${align(column)}>${shown}</td>`;
  };
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${table.title}">
    <table>
      <caption>
        ${table.title}
      </caption>
      <thead>
        <tr>
          ${table.columns.map((name, column) => html`<th scope="col" ${align(column)}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${table.rows.map(
          (row) =>
            html`<tr>
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A text, such as a sample; where it begins with its title (the prompt), that part stands out. */
export function textHtml({ title, text }: { readonly title: string; readonly text: string }): Html {
  const prompt = title !== '' && text.startsWith(title);
  const shown = prompt ? html`<b>${title}</b>${text.slice(title.length)}` : html`${text}`;
  return html`<figure class="sample">
    ${prompt ? nothing : html`<figcaption>${title}</figcaption>`}
    <blockquote>${shown}</blockquote>
  </figure>`;
}
