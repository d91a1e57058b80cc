import { printable } from '../tokens/marked-text.js';
import type { TokenPiece, TokenPieces } from '../tokens/token-pieces.js';
import { html } from './markup.js';
import type { Html } from './markup.js';

/** The grounds of neighbouring tokens: three of the palette's colours, let through so that text can be read on any page. */
const grounds = ['rgba(63,127,214,0.28)', 'rgba(208,101,42,0.28)', 'rgba(43,148,112,0.28)'] as const;

const styles = {
  text: '',
  bytes: 'font-size:80%;opacity:0.8;outline:1px dotted;outline-offset:-1px;',
  special: 'font-weight:600;outline:1px solid;outline-offset:-1px;',
} as const;
const block =
  'white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.9;margin:4px 0;padding:0;background:none;color:inherit';

/**
 * Tokens as HTML, each on a ground of its own; bytes that are no whole characters have a dotted frame, special tokens a solid
 * one. A token's id is what the mouse is told. Styles are in the elements, since a notebook keeps no style sheet.
 */
export function piecesHtml({ title, pieces }: TokenPieces): Html {
  return html`<figure style="margin:0">
    <figcaption>${title}</figcaption>
    <pre style="${block}">${pieces.map(pieceHtml)}</pre>
  </figure>`;
}

function pieceHtml({ id, text, kind }: TokenPiece, index: number): Html {
  const ground = `background:${grounds[index % grounds.length] ?? grounds[0]};color:inherit;border-radius:3px;padding:2px 1px;`;
  const parts = printable(text);
  const shown = parts.map((part) => part.text).join('');
  const lines = parts.some(({ ends }) => ends) ? '\n' : '';
  return html`<span style="${ground}${styles[kind]}" title="${id}">${shown}</span>${lines}`;
}
