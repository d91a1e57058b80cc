import type { OnEvent, RunEvent } from '../experiment/event.js';
import type { MetricsRow } from '../experiment/metrics.js';
import type { Figure, Summary } from '../figure.js';
import { figureBundle, lineBundle, liveBundle, summaryBundle } from './bundle.js';
import { openSlot } from './display.js';
import type { Slot } from './display.js';
import { lossFigure, metricFigure } from './figures.js';
import { formatNumber, formatSeconds } from './format.js';
import { pace } from './pace.js';

const isLoss = (name: string): boolean => /loss$/i.test(name);

/** Why a stage runs of which nothing is in the store. */
const FIRST = 'it never ran before';

/** What a cell shows of a stage that is brought up to date. */
export interface StageDisplay {
  readonly onEvent: OnEvent;
  /** Says that the user interrupted; the stage is finishing its step. */
  interrupting(): void;
  /** Writes what stays: the last state of the line and charts, and the stage's summary. */
  end(outcome: 'done' | 'interrupted' | 'failed', message?: string): Promise<void>;
}

/**
 * Shows a stage in the cell that runs: a line of progress, a chart for each metric of `live` (losses share one), and in the
 * end its summary with its figures.
 *
 * @param now milliseconds, for the pace of drawing
 */
export function stageDisplay(stage: string, live: readonly string[], now: () => number = Date.now): StageDisplay {
  const began = now();
  const line = openSlot();
  const rows: MetricsRow[] = [];
  const charts: { readonly slot: Slot; readonly figure: () => Figure }[] = [];
  const due = pace(now);
  const progressDue = pace(now);
  let interrupted = false;
  let summary: Summary | undefined;
  let cachedSeconds: number | undefined;
  let reason: string | undefined;
  let lastLine = '';

  const openCharts = (): void => {
    const names = live.filter((name) => !isLoss(name));
    const makers = [
      ...(live.some(isLoss) ? [() => lossFigure(rows, `stage ${stage}`)] : []),
      ...names.map((name) => () => metricFigure(rows, name, `stage ${stage}`)),
    ];
    for (const figure of makers) charts.push({ slot: openSlot(), figure });
  };
  const drawCharts = (): void => {
    if (charts.length === 0) openCharts();
    for (const { slot, figure } of charts) {
      const bundle = liveBundle(figure());
      if (bundle !== undefined) slot.update(bundle);
    }
  };
  const onProgress = (
    name: string,
    { task, done, total, note }: { task: string; done: number; total: number; note?: string },
  ): void => {
    const where = name === stage ? task : `${name}: ${task}`;
    lastLine = `${where} ${formatNumber(done)} of ${formatNumber(total)}${note === undefined ? '' : `, ${note}`}`;
    if (interrupted || (!progressDue() && done < total)) return;
    line.update(lineBundle(lastLine, total > 0 ? done / total : undefined));
  };

  const onEvent = (event: RunEvent): void => {
    if (event.type === 'progress') onProgress(event.stage, event.progress);
    else if (event.type === 'stage-start') {
      if (event.stage === stage) ({ reason } = event);
      line.update(lineBundle(`${event.stage} begins: ${event.reason}`));
    } else if (event.type === 'metrics' && event.stage === stage) {
      rows.push({ attempt: 1, stage, step: event.step, time: now(), values: event.values });
      if (live.length > 0 && due()) drawCharts();
    } else if ((event.type === 'stage-end' || event.type === 'cached') && event.stage === stage) {
      summary = event.summary;
      if (event.type === 'cached') cachedSeconds = event.seconds;
    } else if (event.type === 'message') openSlot().end(lineBundle(event.text));
  };

  return {
    onEvent,
    interrupting() {
      interrupted = true;
      line.update(lineBundle(`${stage}: interrupted; finishing the step and saving …`));
    },
    async end(outcome, message) {
      const took = formatSeconds((now() - began) / 1000);
      const ending = {
        done:
          cachedSeconds === undefined
            ? `${stage}: done in ${took}${reason === undefined || reason === FIRST ? '' : ` (run again: ${reason})`}`
            : `${stage}: found in the store (it took ${formatSeconds(cachedSeconds)} when it ran)`,
        interrupted: `${stage}: interrupted${lastLine === '' ? '' : ` at ${lastLine}`}; run the cell again to go on from there`,
        failed: `${stage}: failed${message === undefined ? '' : `: ${message}`}`,
      }[outcome];
      line.end(lineBundle(ending));
      for (const { slot, figure } of rows.length > 0 ? charts : []) slot.end(await figureBundle(figure()));
      if (outcome !== 'done' || summary === undefined) return;
      openSlot().end(summaryBundle(summary));
      for (const figure of summary.figures ?? []) openSlot().end(await figureBundle(figure));
    },
  };
}
