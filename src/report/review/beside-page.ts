import type { DroppedPair } from '../../data/audit/dropped-beside.js';
import type { TextPart } from '../../data/audit/compare-texts.js';
import type { Document } from '../../data/document.js';
import { partsHtml } from '../comparison-html.js';
import { pageColours } from '../html/style.js';
import { pageHead } from '../html/page-head.js';
import { html, nothing } from '../markup.js';
import type { Html } from '../markup.js';

const style = `
${pageColours}* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans); }
main, header { max-width: 84rem; margin: 0 auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 1.6rem 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.soft { color: var(--muted); font-size: .8125rem; margin: 0; overflow-wrap: anywhere; }
article { border-top: 1px solid var(--line); margin: 1.6rem 0; padding-top: 1rem; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.2rem; margin-top: .8rem; }
.pair.single { grid-template-columns: minmax(0, 1fr); }
@media (max-width: 46rem) { .pair { grid-template-columns: minmax(0, 1fr); } }
h3 { font-size: .875rem; margin: 0 0 .3rem; color: var(--muted); font-weight: 600; overflow-wrap: anywhere; }
.text { max-height: 26rem; overflow-y: auto; padding: .8rem 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
  font: 1rem/1.65 var(--serif); white-space: pre-wrap; overflow-wrap: anywhere; }
`;

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** Dropped documents beside kept ones, as one page that needs nothing beside it, and runs no script. */
export function besidePage(title: string, pairs: readonly DroppedPair[]): string {
  return html`<!doctype html>
    <html lang="en">
      ${pageHead(title, style, policy)}
      <body>
        <header>
          <h1>${title}</h1>
          <p class="soft">
            Where two are alike: struck through what only the kept one has, underlined what only the dropped one has.
          </p>
        </header>
        <main>${pairs.map(pairHtml)}</main>
      </body>
    </html> `.text;
}

function pairHtml({ dropped, why, step, kept, comparison }: DroppedPair): Html {
  const score = why.score === undefined ? '' : ` (${Number(why.score.toPrecision(4))})`;
  const parts = comparison?.parts ?? [];
  const side = (without: TextPart['kind'], text: string): readonly Html[] =>
    parts.length === 0 ? [html`${text}`] : partsHtml(parts.filter(({ kind }) => kind !== without));
  return html`<article>
    <h2>${step === undefined ? '' : `${step}: `}${why.drop}${score}</h2>
    <p class="soft">${why.evidence ?? ''}</p>
    <div class="pair${kept === undefined ? ' single' : ''}">
      <section>${headed('Dropped', dropped, side('removed', dropped.text))}</section>
      ${kept === undefined ? nothing : html`<section>${headed('Kept', kept, side('added', kept.text))}</section>`}
    </div>
  </article>`;
}

function headed(word: string, { id, source, title, language }: Document, text: readonly Html[]): Html {
  const about = [title, source, id.slice(0, 12)].filter((part) => part !== undefined).join(' · ');
  return html`<h3>${word}: ${about}</h3>
    <div class="text" lang="${language ?? ''}" tabindex="0" role="group" aria-label="${word}">${text}</div>`;
}
