import type { Facts, TableBlock } from '../document/document.js';
import { formatNumber, formatValue, words } from '../format.js';
import { numericColumns } from '../numeric-columns.js';
import { html, nothing } from '../markup.js';
import type { Html } from '../markup.js';

/** Facts as terms: tiles with the label small and the value under it, or a long list of pairs. */
export function factsHtml({ facts, shape }: Pick<Facts, 'facts' | 'shape'>): Html {
  const entries = Object.entries(facts);
  if (entries.length === 0) return nothing;
  return html`<dl class="${shape === 'tiles' ? 'facts' : 'pairs'}">
    ${entries.map(
      ([label, value]) =>
        html`<div>
          <dt>${shape === 'paths' ? html`<code>${label}</code>` : words(label)}</dt>
          <dd>${formatValue(value)}</dd>
        </div>`,
    )}
  </dl>`;
}

/** A table; columns in which every cell is a number stand at the right edge. */
export function tableHtml({ id, table, codes = [], marked }: TableBlock): Html {
  const numeric = numericColumns(table);
  const look = (column: number): Html => {
    const name = table.columns[column] ?? '';
    if (numeric[column] === true) return html` class="number"`;
    return codes.includes(name) ? html` class="hash"` : nothing;
  };
  const cell = (value: string | number, column: number): Html => {
    const shown = typeof value === 'number' ? formatNumber(value) : value;
    return column === 0 && numeric[0] !== true
      ? html`<th scope="row" ${look(column)}>${shown}</th>`
      : html`<td${look(column)}>${shown}</td>`;
  };
  return html`<div class="scroll" id="${id}" tabindex="0" role="region" aria-label="${table.title}">
    <table>
      <caption>
        <span>${table.title}</span>
      </caption>
      <thead>
        <tr>
          ${table.columns.map((name, column) => html`<th scope="col" ${numeric[column] === true ? look(column) : nothing}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${table.rows.map(
          (row, index) =>
            html`<tr${index === marked ? html` class="marked"` : nothing}>
              ${row.map(cell)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
