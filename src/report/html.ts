import { basename, dirname, join, resolve } from 'node:path';
import { writeAtomic } from '../files.js';
import { recordHtml } from './embedded-record.js';
import { figureHtml } from './figure-html.js';
import { trainingFigures } from './figures.js';
import { formatTime } from './format.js';
import { headlines } from './headline.js';
import { html, nothing, trusted } from './markup.js';
import type { Html } from './markup.js';
import { pageScript } from './page-script.js';
import { pageStyle } from './page-style.js';
import { series } from './palette.js';
import { compressedPlotly } from './plotly-library.js';
import { configHtml, environmentHtml, lineageHtml, reproduceHtml } from './provenance-html.js';
import { readRun } from './records.js';
import type { RunRecords, StageRecord } from './records.js';
import { factsHtml, tableHtml, textHtml } from './summary-html.js';

/** A part of the page with a heading and a place in the list of contents. */
interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

async function curves(run: RunRecords): Promise<readonly Section[]> {
  const stages = [...new Set(run.metrics.map(({ stage }) => stage))];
  const parts = await Promise.all(
    stages.map(async (stage, position) => {
      const rows = run.metrics.filter((row) => row.stage === stage);
      const figures = trainingFigures(rows, `metrics.jsonl of run ${run.spec.runId}`);
      const drawn = await Promise.all(figures.map((figure, index) => figureHtml(figure, `curve-${position}-${index}`)));
      const heading = stages.length > 1 ? html`<h3><code>${stage}</code></h3>` : nothing;
      return html`${heading}
        <div class="charts">${drawn}</div>`;
    }),
  );
  return parts.length === 0 ? [] : [{ id: 'training', title: 'Training', body: html`${parts}` }];
}

/** Texts of the first stage that has metrics and of those after it are the model's own; texts before it show the data. */
function isModels(run: RunRecords, stage: StageRecord): boolean {
  const first = run.spec.stages.findIndex((name) => run.metrics.some((row) => row.stage === name));
  return first >= 0 && run.spec.stages.indexOf(stage.stage) >= first;
}

function samples(run: RunRecords): readonly Section[] {
  const texts = run.stages.filter((stage) => isModels(run, stage)).flatMap(({ summary }) => summary.texts ?? []);
  if (texts.length === 0) return [];
  return [
    {
      id: 'samples',
      title: 'Samples',
      body: html`<p class="lead">Text that the model wrote.</p>
        ${texts.map(textHtml)}`,
    },
  ];
}

async function stageHtml(run: RunRecords, record: StageRecord): Promise<Html> {
  const { stage, summary } = record;
  const figures = await Promise.all(
    (summary.figures ?? []).map((figure, index) => figureHtml(figure, `stage-${stage}-${index}`)),
  );
  const texts = isModels(run, record) ? [] : (summary.texts ?? []);
  return html`<h3 id="stage-${stage}"><code>${stage}</code><span class="kind">${summary.title}</span></h3>
    ${factsHtml(summary.facts)}${figures}${(summary.tables ?? []).map(tableHtml)}${texts.map(textHtml)}`;
}

async function stages(run: RunRecords): Promise<readonly Section[]> {
  if (run.stages.length === 0) return [];
  const parts = await Promise.all(run.stages.map((stage) => stageHtml(run, stage)));
  const lead = html`<p class="lead">What each stage made, from the data to the results.</p>`;
  return [{ id: 'stages', title: 'Data and stages', body: html`${lead}${parts}` }];
}

function provenance(run: RunRecords): readonly Section[] {
  const environment = Object.keys(run.environment).length > 0;
  return [
    { id: 'configuration', title: 'Configuration', body: configHtml(run.spec.config) },
    ...(run.lineage === undefined ? [] : [{ id: 'lineage', title: 'Lineage', body: lineageHtml(run.lineage) }]),
    ...(environment ? [{ id: 'environment', title: 'Environment', body: environmentHtml(run.environment) }] : []),
    { id: 'reproduce', title: 'Reproduce this run', body: reproduceHtml(run.spec) },
  ];
}

const stateWords = { running: 'Running', done: 'Done', failed: 'Failed', interrupted: 'Interrupted' } as const;

function header(run: RunRecords): Html {
  const { spec, status } = run;
  const { error } = status;
  const failure = error === undefined ? '' : typeof error === 'string' ? error : JSON.stringify(error, undefined, 2);
  return html`<header>
    <p class="eyebrow"><b>trainbook</b> · report of a run</p>
    <h1>${spec.experiment}</h1>
    <p class="what">
      <span class="state ${status.state}">${stateWords[status.state]}</span>
      <span><time datetime="${spec.createdAt}">${formatTime(spec.createdAt)}</time></span>
      <span>seed <b>${spec.seed}</b></span>
      <span>run <b>${spec.runId}</b></span>
    </p>
    ${failure === '' ? nothing : html`<div class="failure" role="alert">${failure}</div>`}
    <dl class="headline">
      ${headlines(run).map(({ label, value, unit, note }) => {
        const below = [unit, note].filter((text) => text !== undefined).join(', ');
        return html`<div>
          <dt>${label}</dt>
          <dd>${value}${below === '' ? nothing : html`<span class="note">${below}</span>`}</dd>
        </div>`;
      })}
    </dl>
  </header>`;
}

/** No address is ever loaded: the browser itself is told to refuse. */
const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:";

/** The report of a run as one HTML text that needs nothing beside it. */
export async function reportHtml(run: RunRecords): Promise<string> {
  const sections = [...(await curves(run)), ...samples(run), ...(await stages(run)), ...provenance(run)];
  const plotly = html`<script type="text/plain" id="plotly" data-colours="${JSON.stringify(series)}">
    ${await compressedPlotly()}
  </script>`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="generator" content="trainbook" />
        <title>${run.spec.experiment} · ${run.spec.runId}</title>
        <style>
          ${trusted(pageStyle)}
        </style>
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <div class="layout">
          ${header(run)}
          <nav aria-label="Contents">
            <ol>
              ${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
            </ol>
          </nav>
          <main id="content">
            ${sections.map(
              ({ id, title, body }) =>
                html`<section id="${id}" aria-labelledby="${id}-title">
                  <h2 id="${id}-title">${title}</h2>
                  ${body}
                </section> `,
            )}
          </main>
          <footer>
            Written by trainbook from the records in
            <code>${basename(dirname(run.folder))}/${basename(run.folder)}</code>. The page is complete in itself: it
            loads nothing.
          </footer>
        </div>
        ${await recordHtml(run)} ${plotly}
        <script>
          ${trusted(pageScript)};
        </script>
      </body>
    </html> `;
  return page.text;
}

/**
 * Writes `report.html` into a run's folder, from its records alone, and gives its path. A run may have a report at any time:
 * while it runs, after it failed.
 *
 * @throws TrainbookError if the folder is no run, or a record cannot be read
 *
 * @example
 * await writeReport('runs/quickstart/2026-11-21-3f9c'); // 'runs/quickstart/2026-11-21-3f9c/report.html'
 */
export async function writeReport(runFolder: string): Promise<string> {
  const run = await readRun(resolve(runFolder));
  const path = join(runFolder, 'report.html');
  await writeAtomic(path, await reportHtml(run));
  return path;
}
