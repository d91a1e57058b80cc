import { pagePolicy } from '../local-server.js';
import { languageChoice, pageHead } from '../html/page-head.js';
import { html, jsonScript, trusted } from '../markup.js';
import type { Html } from '../markup.js';
import { pageColours } from '../html/style.js';
import { reviewScript } from './script.js';
import { reviewWords } from './words.js';

/** The text has the middle of the page and scrolls by itself; the buttons stay in reach of a thumb. */
const style = `
${pageColours}* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; }
body { background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans); display: flex; flex-direction: column; }
header, main, footer { width: 100%; max-width: 54rem; margin: 0 auto; padding: 0 1.1rem; }
header { padding-top: .9rem; }
h1 { font-size: 1.125rem; line-height: 1.35; margin: 0 0 .35rem; font-weight: 650; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem 1rem; font-size: .8125rem; color: var(--muted); }
.row b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
.grow { flex: 1 1 8rem; }
progress { width: 100%; height: .4rem; accent-color: var(--accent); margin: .5rem 0; display: block; }
main { flex: 1 1 auto; min-height: 0; display: flex; flex-direction: column; padding-bottom: .6rem; }
#text { flex: 1 1 auto; min-height: 6rem; overflow-y: auto; position: relative; margin: .4rem 0 0; padding: .9rem 1rem; background: var(--surface); border: 1px solid var(--line);
  border-radius: 8px; font: 1.0625rem/1.7 var(--serif); white-space: pre-wrap; overflow-wrap: anywhere; }
mark { background: rgba(224, 150, 30, .32); color: inherit; border-bottom: 2px solid var(--warn); padding: 0 1px; }
#note { margin: .35rem 0 0; font-size: .875rem; color: var(--warn); overflow-wrap: anywhere; }
.hint { margin: .1rem 0 .2rem; }
footer { padding-bottom: max(.8rem, env(safe-area-inset-bottom)); }
.answers { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; }
button, select { font: inherit; color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: .35rem .7rem; cursor: pointer; }
.answers button { padding: .7rem .5rem; font-weight: 600; }
button:hover:enabled { border-color: var(--accent); }
button:disabled { opacity: .45; cursor: default; }
button[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--page); }
kbd { font: .75rem var(--mono); border: 1px solid currentColor; border-radius: 3px; padding: 0 .25rem; opacity: .65; margin-left: .3rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.small { margin-top: .5rem; }
.small button, .small select { font-size: .8125rem; }
#trouble { color: var(--bad); font-weight: 600; margin: .4rem 0; overflow-wrap: anywhere; }
#done { color: var(--good); font-weight: 600; margin: .4rem 0; }
@media (hover: none) { .keys, kbd { display: none; } }
`;

/** No address is loaded but the page's own, and no script runs but its own. */
export const reviewPolicy = pagePolicy(reviewScript);

const word = (name: keyof (typeof reviewWords)['en']): Html =>
  html`<span data-word="${name}">${reviewWords.en[name]}</span>`;

const answer = (judgement: 'yes' | 'no' | 'unsure', key: string): Html =>
  html`<button type="button" data-judgement="${judgement}" aria-pressed="false" aria-keyshortcuts="${key}">
    ${word(judgement)}<kbd aria-hidden="true">${key}</kbd>
  </button>`;

/** The page; its script asks for the documents one by one. */
export function reviewPage(rule: string): string {
  return html`<!doctype html>
    <html lang="en">
      ${pageHead(`${rule} · trainbook data review`, style)}
      <body>
        <header>
          <h1 data-word="question">${reviewWords.en.question.replace('{rule}', rule)}</h1>
          <p class="row hint">${word('hint')}</p>
          <progress id="progress" value="0" max="1" aria-labelledby="count"></progress>
          <div class="row">
            <span id="count" class="grow" role="status"></span>
            <span>${word('precision')} <b id="precision">—</b></span>
            <span>${word('recall')} <b id="recall">—</b></span>
          </div>
        </header>
        <main>
          <p id="done" hidden>${word('done')}</p>
          <div class="row"><b id="number"></b><span id="about" class="grow"></span></div>
          <p id="note" hidden></p>
          <div id="text" tabindex="0" aria-labelledby="number about"></div>
        </main>
        <footer>
          <p id="trouble" role="alert" hidden></p>
          <div class="answers">${answer('yes', 'Y')}${answer('no', 'N')}${answer('unsure', 'U')}</div>
          <div class="row small">
            <button type="button" id="undo" aria-keyshortcuts="Z">
              ${word('undo')}<kbd aria-hidden="true">Z</kbd>
            </button>
            <button type="button" id="back">${word('back')}</button>
            <button type="button" id="next">${word('next')}</button>
            <span class="grow keys">${word('keys')}</span>
            ${languageChoice(word('language'))}
          </div>
        </footer>
        ${jsonScript('words', reviewWords)} ${trusted(`<script>${reviewScript}</script>`)}
      </body>
    </html> `.text;
}
