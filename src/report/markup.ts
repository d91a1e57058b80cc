import { escapeXml } from './line-chart.js';

/** HTML that is safe to put in a page. Only `html` and `trusted` make it. */
export class Html {
  constructor(readonly text: string) {}
}

type Part = Html | string | number | readonly Html[];

/**
 * HTML text in which every value is escaped, save those that are `Html` already.
 *
 * @example
 * html`<p>${'<script>'}</p>`.text; // '<p>&lt;script&gt;</p>'
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const show = (part: Part): string => {
    if (part instanceof Html) return part.text;
    return typeof part === 'object' ? part.map(({ text }) => text).join('') : escapeXml(String(part));
  };
  return new Html(strings.reduce((text, string, index) => text + show(parts[index - 1] ?? '') + string));
}

/** Marks text of our own making (styles, scripts, SVG drawn here) as HTML. Never text that comes from data. */
export function trusted(text: string): Html {
  return new Html(text);
}

export const nothing = new Html('');

/** JSON inside a script element: `<` is written so that no text of the data can end the element. */
export function jsonScript(id: string, value: unknown): Html {
  const json = JSON.stringify(value).replace(/</g, '\\u003c');
  return html`<script type="application/json" id="${id}">
    ${new Html(json)}
  </script>`;
}
