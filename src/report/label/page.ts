import { pageColours } from '../html/style.js';
import { pagePolicy } from '../local-server.js';
import { languageChoice, pageHead } from '../html/page-head.js';
import { html, jsonScript, trusted } from '../markup.js';
import type { Html } from '../markup.js';
import { labelScript } from './script.js';
import { labelWords } from './words.js';

/** The answers have the page; the ranking and the buttons stay below, in reach of a thumb. */
const style = `
${pageColours}* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { margin: 0; min-height: 100%; }
body { min-height: 100vh; min-height: 100dvh; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans); display: flex; flex-direction: column; }
header, main, .inner { width: 100%; max-width: 96rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: .7rem; }
main { flex: 1 1 auto; padding-bottom: 1.5rem; }
.turn > .text { max-width: 62rem; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .6rem; }
header .row { font-size: .8125rem; color: var(--muted); gap: .3rem 1rem; }
#count { font-variant-numeric: tabular-nums; }
.grow { flex: 1 1 auto; }
progress { width: 100%; height: .35rem; accent-color: var(--accent); margin: .45rem 0 0; display: block; }
h1 { font-size: 1.0625rem; line-height: 1.4; margin: 1.1rem 0 .6rem; font-weight: 650; overflow-wrap: anywhere; }
#prompt { margin-top: .9rem; display: grid; gap: .6rem; }
.turn { padding: .7rem 1rem; border-left: 3px solid var(--accent); background: var(--soft); border-radius: 0 8px 8px 0; }
.turn.system, .turn.assistant { border-color: var(--line); }
.role { display: block; font-size: .75rem; font-weight: 600; color: var(--muted); margin-bottom: .1rem; }
#dimensions { list-style: none; margin: 0 0 .7rem; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem; font-size: .875rem; }
#dimensions li { border: 1px solid var(--line); border-radius: 999px; padding: .1rem .75rem; color: var(--muted); overflow-wrap: anywhere; }
#dimensions li[aria-current] { background: var(--accent); border-color: var(--accent); color: var(--page); font-weight: 600; }
.said { margin-left: .5rem; color: var(--good); font-weight: 600; }
#answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .9rem; align-items: start; }
.answer { min-width: 0; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; cursor: pointer; }
.answer.ranked { border-color: var(--accent); }
.answer.best { box-shadow: inset 0 0 0 1px var(--accent); }
.answer .text { padding: .2rem 1rem .9rem; }
.head { display: flex; align-items: center; gap: .6rem; width: 100%; border: 0; background: none; padding: .7rem 1rem .3rem; text-align: left; border-radius: 10px; }
.letter { font: 650 .9375rem/1.6rem var(--sans); min-width: 1.6rem; height: 1.6rem; text-align: center; border-radius: 6px; background: var(--soft); color: var(--ink); border: 1px solid var(--line); }
.ranked .letter { background: var(--accent); border-color: var(--accent); color: var(--page); }
.rank { font-size: .8125rem; font-weight: 600; color: var(--accent); }
.text { font: 1.0313rem/1.7 var(--serif); overflow-wrap: anywhere; }
.text > :first-child { margin-top: 0; } .text > :last-child { margin-bottom: 0; }
.text p { margin: .55em 0; white-space: pre-wrap; }
.text .heading { font-weight: 700; }
.text.raw { white-space: pre-wrap; font: .875rem/1.65 var(--mono); }
.text ul, .text ol { margin: .55em 0; padding-left: 1.6em; }
.text li > p { margin: .15em 0; }
.text blockquote { margin: .55em 0; padding-left: .9em; border-left: 3px solid var(--line); color: var(--muted); }
.text code { font: .875em var(--mono); background: var(--soft); border-radius: 4px; padding: .1em .3em; }
.text pre { font: .8125rem/1.55 var(--mono); background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: .65rem .8rem; overflow-x: auto; margin: .6em 0; cursor: text; }
.text pre code { font: inherit; background: none; padding: 0; }
.text pre[data-language]::before { content: attr(data-language); display: block; font: .6875rem var(--sans); color: var(--muted); margin-bottom: .3rem; }
.text hr { border: 0; border-top: 1px solid var(--line); }
.scroll { overflow-x: auto; }
.text table { border-collapse: collapse; font-size: .9em; }
.text th, .text td { border: 1px solid var(--line); padding: .2rem .6rem; text-align: left; }
footer { position: sticky; bottom: 0; background: var(--surface); border-top: 1px solid var(--line); padding: .6rem 0 max(.6rem, env(safe-area-inset-bottom)); }
#ranking { min-height: 2.3rem; flex: 1 1 12rem; display: flex; flex-wrap: wrap; align-items: center; gap: .3rem; font-size: 1.0625rem; }
.chip { font-weight: 650; min-width: 1.9rem; text-align: center; padding: .12rem .45rem; border-radius: 6px; background: var(--accent); color: var(--page); }
.chip.open { background: none; color: var(--muted); box-shadow: inset 0 0 0 1px var(--line); font-weight: 400; }
.sign { color: var(--muted); font-weight: 600; }
.empty { color: var(--muted); font-size: .875rem; }
button, select, input { font: inherit; color: var(--ink); background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: .35rem .7rem; }
button, select { cursor: pointer; }
input { min-width: 0; flex: 1 1 12rem; }
#save { font-weight: 650; padding: .55rem 1.4rem; background: var(--accent); border-color: var(--accent); color: var(--page); }
button:hover:enabled { border-color: var(--accent); }
button:disabled { opacity: .4; cursor: default; }
button[aria-pressed="true"] { background: var(--soft); border-color: var(--accent); color: var(--accent); }
kbd { font: .75rem var(--mono); border: 1px solid currentColor; border-radius: 3px; padding: 0 .25rem; opacity: .65; margin-left: .3rem; }
kbd.letter { opacity: 1; margin: 0; padding: 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.small { margin-top: .5rem; } .small button, .small select, .small input { font-size: .8125rem; }
#why { font-weight: 600; font-size: .875rem; margin: 0 0 .5rem; outline: none; }
.keys { color: var(--muted); font-size: .75rem; margin: .45rem 0 0; }
#trouble { color: var(--bad); font-weight: 600; margin: 0 0 .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
#done { color: var(--good); font-weight: 600; margin: 2rem 0; }
@media (hover: none), (max-width: 40rem) { .keys, kbd:not(.letter) { display: none; } }
@media (max-width: 40rem) { header, main, .inner { padding: 0 .9rem; } header { padding-top: .6rem; } .answer .text { padding: .2rem .8rem .8rem; } .head { padding: .6rem .8rem .2rem; } .small button, #judging button { flex: 1 1 auto; } #ranking { flex-basis: 100%; } #judging button { padding: .55rem .5rem; } h1 { margin-top: .9rem; } }
`;

/** No address is loaded but the page's own, and no script runs but its own. */
export const labelPolicy = pagePolicy(labelScript);

const { en } = labelWords;

const word = (name: Exclude<keyof typeof en, 'reasons'>): Html => html`<span data-word="${name}">${en[name]}</span>`;

const button = (id: string, name: Exclude<keyof typeof en, 'reasons'>, key: string, shown = key): Html =>
  html`<button type="button" id="${id}" aria-keyshortcuts="${key}">
    ${word(name)}<kbd aria-hidden="true">${shown}</kbd>
  </button>`;

const reasons = en.reasons.map(
  (reason, at) =>
    html`<button type="button" aria-keyshortcuts="${at + 1}">
      <span data-reason="${at}">${reason}</span><kbd aria-hidden="true">${at + 1}</kbd>
    </button>`,
);

/** The page; its script asks for the samples one by one. */
export function labelPage(): string {
  return html`<!doctype html>
    <html lang="en">
      ${pageHead('trainbook label', style)}
      <body>
        <header>
          <div class="row">
            <span id="count" role="status"></span>
            <span id="who" class="grow"></span>
            ${languageChoice(word('language'))}
          </div>
          <progress id="progress" value="0" max="1" aria-labelledby="count"></progress>
        </header>
        <main>
          <div id="prompt"></div>
          <h1 id="question" aria-live="polite">${en.title}</h1>
          <ul id="dimensions" hidden></ul>
          <div id="answers"></div>
          <p id="done" hidden>${word('done')}</p>
        </main>
        <footer>
          <div class="inner">
            <p id="trouble" role="alert" hidden></p>
            <div id="acts">
              <div class="row" id="judging" hidden>
                <div id="ranking" role="status"></div>
                ${button('tie', 'tie', '=')} ${button('equal', 'equal', '0')}
                ${button('erase', 'erase', 'Backspace', '⌫')} ${button('save', 'save', 'Enter', '⏎')}
              </div>
              <div class="row small">
                ${button('skip', 'skip', 'S')} ${button('undo', 'undo', 'Z')} ${button('raw', 'raw', 'M')}
              </div>
              <p class="keys" id="keys">${word('keys')}</p>
            </div>
            <div id="skipping" hidden>
              <p id="why" tabindex="-1">${word('why')}</p>
              <div class="row">${reasons}</div>
              <div class="row small">
                <input id="other" maxlength="500" aria-label="${en.other}" placeholder="${en.other}" />
                <button type="button" id="send">${word('skip')}</button>
                <button type="button" id="cancel">${word('cancel')}<kbd aria-hidden="true">Esc</kbd></button>
              </div>
            </div>
          </div>
        </footer>
        ${jsonScript('words', labelWords)} ${trusted(`<script>${labelScript}</script>`)}
      </body>
    </html> `.text;
}
