import { printable } from '../tokens/marked-text.js';
import type { MarkedText, Segment } from '../tokens/marked-text.js';
import { html } from './markup.js';
import type { Html } from './markup.js';

/**
 * The styles are in the elements, since a notebook keeps no style sheet. Text has the colour of the page, on grounds that let
 * it through: it can be read on light and dark pages alike. Where styles are taken away, `mark` and `code` still tell.
 */
const learnt = 'background:rgba(43,148,112,0.25);border-bottom:2px solid #2b9470;color:inherit';
const special = 'border:1px solid;border-radius:3px;padding:0 2px 2px;background:none;color:inherit';
const escape = 'opacity:0.65';
const block =
  'white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7;margin:4px 0;padding:0;background:none;color:inherit';

/** A marked text as HTML: what is learnt has a green ground, special tokens a frame; every text is escaped. */
export function markedHtml({ title, segments }: MarkedText): Html {
  const legend = html`${title} (<mark style="${learnt}">learnt</mark>, <code style="${special}">special token</code>)`;
  return html`<figure style="margin:0">
    <figcaption>${legend}</figcaption>
    <pre style="${block}">${segments.map(segmentHtml)}</pre>
  </figure>`;
}

function segmentHtml(segment: Segment): Html {
  const parts = printable(segment.text).map(({ text, escape: escaped, ends }) =>
    escaped ? html`<span style="${escape}">${text}</span>${ends ? '\n' : ''}` : html`${text}`,
  );
  const inner = segment.special ? html`<code style="${special}">${parts}</code>` : html`${parts}`;
  return segment.counted ? html`<mark style="${learnt}">${inner}</mark>` : inner;
}
