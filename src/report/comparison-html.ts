import { shortened } from '../data/audit/compare-texts.js';
import type { TextComparison, TextPart } from '../data/audit/compare-texts.js';
import { html } from './markup.js';
import type { Html } from './markup.js';

/** In the elements, since a notebook keeps no style sheet; on grounds that let the colour of the page through. */
const removed = 'background:rgba(196,80,111,0.25);text-decoration:line-through;color:inherit';
const added = 'background:rgba(43,148,112,0.25);text-decoration:underline;color:inherit';
const block =
  'white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6;margin:4px 0;padding:0;background:none;color:inherit';

/** Characters that are shown around a difference in a notebook. */
const AROUND = 160;

/** What differs between two texts, in one: what is only in the first struck through, what is only in the second underlined. */
export function comparisonHtml(comparison: TextComparison): Html {
  const share = `${(100 * comparison.same).toFixed(1)}% the same`;
  return html`<figure style="margin:0">
    <figcaption>
      ${comparison.title}: ${share} (<del style="${removed}">only in the first</del>,
      <ins style="${added}">only in the second</ins>)
    </figcaption>
    <pre style="${block}">${partsHtml(shortened(comparison.parts, AROUND))}</pre>
  </figure>`;
}

export function partsHtml(parts: readonly TextPart[]): readonly Html[] {
  return parts.map(({ kind, text }) => {
    if (kind === 'same') return html`${text}`;
    return kind === 'removed' ? html`<del style="${removed}">${text}</del>` : html`<ins style="${added}">${text}</ins>`;
  });
}

/** The same for a terminal: `[-only in the first-]`, `{+only in the second+}`, as `git diff --word-diff` writes it. */
export function comparisonText(comparison: TextComparison): string {
  const parts = shortened(comparison.parts, AROUND).map(({ kind, text }) => {
    if (kind === 'same') return text;
    return kind === 'removed' ? `[-${text}-]` : `{+${text}+}`;
  });
  return `${comparison.title}: ${(100 * comparison.same).toFixed(1)}% the same\n${parts.join('')}`;
}
