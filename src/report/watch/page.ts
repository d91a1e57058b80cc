import { pagePolicy } from '../local-server.js';
import { pageHead } from '../html/page-head.js';
import { html, trusted } from '../markup.js';
import { pageStyle } from '../html/style.js';

/** What the live page has beside the style of reports: panels in a grid, alerts, charts for wide and narrow places. */
const watchStyle = `
.layout { display: block; max-width: 66rem; padding-top: 2rem; }
header { margin-bottom: 1.5rem; }
h1 { font-size: clamp(1.6rem, 4vw, 2.1rem); }
section { margin-top: 2.25rem; }
.runs { list-style: none; margin: 1rem 0 0; padding: 0; }
.runs li { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .7rem; padding: .45rem 0; border-top: 1px solid var(--line); font-size: .9375rem; }
.runs .state { font-size: .8125rem; min-width: 6.5rem; }
.state.running::before { background: var(--accent); }
.id { font-family: var(--mono); font-size: .8125rem; color: var(--muted); overflow-wrap: anywhere; }
.facts-line { color: var(--muted); font-size: .875rem; font-variant-numeric: tabular-nums; }
.runs .failure { flex-basis: 100%; margin: .4rem 0; }
progress { width: 100%; max-width: 22rem; height: .5rem; accent-color: var(--accent); flex-basis: 100%; }
#alerts ul { list-style: none; margin: 0; padding: 0; }
#alerts li { border-left: 3px solid var(--warn); background: var(--soft); padding: .6rem .9rem; margin: .4rem 0; font-size: .9375rem; }
#alerts li.bad { border-color: var(--bad); }
#alerts b { margin-right: .4rem; }
#alerts li.bad b { color: var(--bad); }
#alerts li.warn b { color: var(--warn); }
.where { color: var(--muted); font-size: .8125rem; overflow-wrap: anywhere; }
.calm, .missing { color: var(--muted); font-size: .9375rem; }
.panels { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 2.5rem; }
.panels > section:first-child { grid-column: 1 / -1; }
.heading { border-top: 1px solid var(--line); padding-top: .8rem; margin-bottom: .5rem; }
h2 { font-size: 1.0625rem; margin: 0; }
.values { display: flex; flex-wrap: wrap; gap: 0 1.2rem; margin: .15rem 0 0; max-width: none; font-size: .8125rem; color: var(--muted); font-variant-numeric: tabular-nums; }
.values b { color: var(--ink); font-size: 1.0625rem; font-weight: 650; }
.values svg.mark { display: inline; width: 14px; height: 4px; margin-right: .4rem; vertical-align: .22em; }
.values span { overflow-wrap: anywhere; }
.wide > svg, .narrow > svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
#workers h2 { border-top: 1px solid var(--line); padding-top: .8rem; }
#link { display: inline-flex; gap: .4rem; align-items: center; }
#link::before { content: ''; width: .5rem; height: .5rem; border-radius: 50%; background: var(--muted); }
#link.live::before { background: var(--good); }
#link.lost::before { background: var(--bad); }
@media (max-width: 46rem) {
  .panels { grid-template-columns: minmax(0, 1fr); }
  .panels > section { max-width: none; }
}
@media (max-width: 34rem) {
  .layout { padding-top: 1.25rem; }
  .wide { display: none; }
  .narrow { display: block; }
}
`;

/** Puts what has changed in its place. Written for the browser, hence as text. */
const watchScript = `
const link = document.getElementById('link');
const events = new EventSource('events');
events.onopen = () => { link.className = 'live'; link.textContent = 'live'; };
events.onerror = () => { link.className = 'lost'; link.textContent = 'not connected: trainbook watch has ended, or is out of reach'; };
events.onmessage = ({ data }) => {
  for (const [id, text] of Object.entries(JSON.parse(data))) {
    const place = document.getElementById(id);
    if (place) place.innerHTML = text;
  }
};
`;

/** As in a report no address is loaded, but for the page's own events; no script runs but the one above. */
export const watchPolicy = pagePolicy(watchScript);

/** The whole page as it is at one moment; its script then takes what changes. */
export function watchPage(fragments: ReadonlyMap<string, string>): string {
  const part = (id: string): ReturnType<typeof trusted> => trusted(fragments.get(id) ?? '');
  const panel = (id: string): ReturnType<typeof html> =>
    html`<section id="panel-${id}">${part(`panel-${id}`)}</section>`;
  return html`<!doctype html>
    <html lang="en">
      ${pageHead('trainbook watch', pageStyle + watchStyle)}
      <body>
        <div class="layout">
          <header>
            <p class="eyebrow"><b>trainbook</b> · watch · <span id="link" role="status">connecting</span></p>
            <div id="summary">${part('summary')}</div>
          </header>
          <main>
            <section id="alerts" aria-live="polite" aria-label="Alerts">${part('alerts')}</section>
            <div class="panels">${['loss', 'latency', 'accuracy', 'rate', 'memory'].map(panel)}</div>
            <section id="workers">${part('workers')}</section>
          </main>
          <footer>
            The page only reads records. It is served to this machine alone, and ends with trainbook watch.
          </footer>
        </div>
        ${trusted(`<script>${watchScript}</script>`)}
      </body>
    </html> `.text;
}
