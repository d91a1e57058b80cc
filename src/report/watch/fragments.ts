import { formatBytes, formatNumber, formatSeconds } from '../format.js';
import { lineChart } from '../line-chart.js';
import { html, nothing, trusted } from '../markup.js';
import type { Html } from '../markup.js';
import type { Ink } from '../palette.js';
import { alertsOf } from './alerts.js';
import { panelsOf } from './panels.js';
import type { Panel } from './panels.js';
import type { Snapshot, WatchedRun } from './snapshot.js';

/** The page's own colours: they change with the reader's light or dark mode. */
const pageInk: Ink = { text: 'var(--ink)', muted: 'var(--muted)', grid: 'var(--grid)' };

/** Each chart is drawn twice, for a wide and a narrow place: text in a picture that shrinks cannot be read. */
const sizes = {
  loss: { wide: { width: 960, height: 320 }, narrow: { width: 350, height: 250 } },
  other: { wide: { width: 470, height: 260 }, narrow: { width: 350, height: 230 } },
};

/** The parts of the page that change, by the ids of their elements. */
export function fragmentsOf(snapshot: Snapshot): ReadonlyMap<string, string> {
  const panels = panelsOf(snapshot).map((panel): [string, Html] => [`panel-${panel.id}`, panelHtml(panel)]);
  const parts: readonly [string, Html][] = [
    ['summary', summaryHtml(snapshot)],
    ['alerts', alertsHtml(snapshot)],
    ...panels,
    ['workers', workersHtml(snapshot)],
  ];
  return new Map(parts.map(([id, { text }]) => [id, text]));
}

const stateWords = { running: 'running', done: 'done', failed: 'failed', interrupted: 'interrupted' } as const;

function summaryHtml({ watched, numRuns }: Snapshot): Html {
  const running = watched.filter(({ entry }) => entry.state === 'running').length;
  const title =
    running === 0 ? 'Nothing is running' : running === 1 ? '1 run is running' : `${running} runs are running`;
  const below =
    watched.length === 0
      ? html`<p>There are no runs yet: <code>npx trainbook run experiments/quickstart.ts</code> begins one.</p>`
      : html`${running === 0 ? html`<p class="lead">The newest of ${numRuns} runs is shown.</p>` : nothing}
          <ul class="runs">
            ${watched.map(runHtml)}
          </ul>`;
  return html`<h1>${title}</h1>
    ${below}`;
}

function runHtml({ entry, rows }: WatchedRun): Html {
  const { state, experiment, id, seed, seconds, stages, done, error } = entry;
  const stage = state === 'done' ? undefined : stages[done.length];
  const steps = rows.findLast((row) => row.stage === stage) ?? rows.at(-1);
  const facts = [
    ...(stage === undefined ? [] : [`stage ${stage}, ${done.length + 1} of ${stages.length}`]),
    ...(steps === undefined ? [] : [`step ${formatNumber(steps.step)}`]),
    ...(seconds === undefined ? [] : [formatSeconds(seconds)]),
    `seed ${seed}`,
  ];
  return html`<li>
    <span class="state ${state}">${stateWords[state]}</span> <b>${experiment}</b> <span class="id">${id}</span>
    <span class="facts-line">${facts.join(' · ')}</span>
    ${error === undefined ? nothing : html`<span class="failure">${error}</span>`}
  </li>`;
}

function alertsHtml({ watched, time }: Snapshot): Html {
  const alerts = watched.flatMap((run) => alertsOf(run, time));
  if (alerts.length === 0) {
    return html`<p class="calm">
      No alerts: no loss spike, no loss that is no number, nothing stalled, no accuracy below the last run.
    </p>`;
  }
  return html`<ul>
    ${alerts.map(
      ({ severity, kind, text, run, stage }) =>
        html`<li class="${severity}"><b>${kind}</b> ${text} <span class="where">${run} · ${stage}</span></li>`,
    )}
  </ul>`;
}

function panelHtml({ id, title, values, note, figure, missing }: Panel): Html {
  const size = id === 'loss' ? sizes.loss : sizes.other;
  const chart = (name: 'wide' | 'narrow'): Html => {
    const svg = figure === undefined ? undefined : lineChart(figure, size[name], pageInk);
    return svg === undefined ? nothing : html`<div class="${name}">${trusted(svg)}</div>`;
  };
  const shown = values.map(({ label, value, colour }) => {
    const mark =
      colour === undefined
        ? nothing
        : html`<svg class="mark" viewBox="0 0 14 4" aria-hidden="true">
            <path d="M1 2h12" stroke="${colour}" stroke-width="3" stroke-linecap="round" />
          </svg>`;
    return html`<span>${mark}<b>${value}</b> ${label}</span>`;
  });
  if (note !== undefined) shown.push(html`<span>${note}</span>`);
  return html`<div class="heading">
      <h2>${title}</h2>
      <p class="values">${shown}</p>
    </div>
    ${figure === undefined ? html`<p class="missing">${missing}</p>` : html`${chart('wide')}${chart('narrow')}`}`;
}

function workersHtml({ watched, members, ablations }: Snapshot): Html {
  const owners = watched.flatMap(({ entry, memory }) =>
    entry.state === 'running' && entry.owner !== undefined ? [{ entry, owner: entry.owner, memory }] : [],
  );
  const bytesText = (bytes: number | undefined): string => (bytes === undefined ? '—' : formatBytes(bytes));
  const rows = [
    ...owners.map(({ entry, owner, memory }) => [
      `${entry.experiment} ${entry.id}`,
      entry.stages[entry.done.length] ?? '',
      `${owner.pid} on ${owner.host}`,
      bytesText(memory.at(-1)?.bytes),
    ]),
    ...members.map(({ script, index, count, pid, bytes }) => [
      `member ${index} of ${count}`,
      script,
      String(pid),
      bytesText(bytes),
    ]),
  ];
  const cells = ablations.map(({ name, id, cells: all }) => {
    const number = (state: string): number => all.filter((cell) => cell.state === state).length;
    const states = (['done', 'running', 'failed', 'stopped'] as const).filter((state) => number(state) > 0);
    const current = all.filter(({ state }) => state === 'running');
    return html`<li>
      <b>${name}</b> <span class="id">${id}</span>
      <span class="facts-line"
        >${states.map((state) => `${number(state)} ${state}`).join(', ')} of ${all.length} cells</span
      >
      <progress max="${all.length}" value="${number('done') + number('failed') + number('stopped')}"></progress>
      ${current.map(({ arm, seed }) => html`<span class="facts-line">${arm}, seed ${seed}</span>`)}
    </li>`;
  });
  return html`<h2>Workers</h2>
    ${rows.length === 0 ? html`<p class="missing">No process runs an experiment here, and none was started by trainbook launch.</p>` : processTable(rows)}
    ${
      cells.length === 0
        ? nothing
        : html`<h3>Ablations</h3>
            <ul class="runs">
              ${cells}
            </ul>`
    }`;
}

function processTable(rows: readonly (readonly string[])[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">what</th>
          <th scope="col">at</th>
          <th scope="col">process</th>
          <th scope="col" class="number">memory</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([what = '', at = '', process = '', memory = '']) =>
            html`<tr>
              <th scope="row">${what}</th>
              <td>${at}</td>
              <td>${process}</td>
              <td class="number">${memory}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
