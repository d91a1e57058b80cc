import type { Samples } from '../document/document.js';
import { html, nothing } from '../markup.js';
import type { Html } from '../markup.js';

/** A text; where it begins with its prompt, that part stands out. */
function textHtml(prompt: string, text: string | undefined): Html {
  if (text === undefined) return html`<p class="soft">none</p>`;
  const begins = prompt !== '' && text.startsWith(prompt);
  const shown = begins ? html`<b>${prompt}</b>${text.slice(prompt.length)}` : html`${text}`;
  return html`<blockquote>${shown}</blockquote>`;
}

/** Texts side by side: the prompts of one model, or for each prompt the models in columns. */
export function samplesHtml({ id, columns, rows, title }: Samples): Html {
  if (columns.length < 2) {
    const one = rows.map(({ prompt, texts: [text] }) => {
      const begins = prompt !== '' && text?.startsWith(prompt) === true;
      return html`<figure class="sample">
        ${begins ? nothing : html`<figcaption>${prompt}</figcaption>`} ${textHtml(prompt, text)}
      </figure>`;
    });
    return html`<div class="samples" id="${id}">${one}</div>`;
  }
  return html`<div class="scroll" id="${id}" tabindex="0" role="region" aria-label="${title}">
    <table class="samples-table">
      <thead>
        <tr>
          <th scope="col">prompt</th>
          ${columns.map((name) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ prompt, texts }) =>
            html`<tr>
              <th scope="row">${prompt}</th>
              ${texts.map((text) => html`<td>${textHtml(prompt, text)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
