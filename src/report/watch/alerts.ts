import { isCalled, metricNames } from '../../experiment/metric-names.js';
import type { MetricsRow } from '../../experiment/metrics.js';
import { formatNumber, formatSeconds } from '../format.js';
import { belowLast, firstNotFinite, lossSpikes, stalledFor } from './rules.js';
import type { Alert, Point } from './rules.js';
import type { WatchedRun } from './snapshot.js';

/** A spike that is longer ago than so many rows, and over, is no news. */
const spikeRows = 500;

/** The values of a metric in rows of one stage. */
export function pointsOf(rows: readonly MetricsRow[], name: string): Point[] {
  return rows.flatMap(({ step, values }): Point[] => {
    const value = values[name];
    return value === undefined ? [] : [{ step, value }];
  });
}

/** The stages of rows, in the order they began, each with its rows. */
export function byStage(rows: readonly MetricsRow[]): ReadonlyMap<string, readonly MetricsRow[]> {
  const stages = new Map<string, MetricsRow[]>();
  for (const row of rows) {
    const some = stages.get(row.stage);
    if (some === undefined) stages.set(row.stage, [row]);
    else some.push(row);
  }
  return stages;
}

/** The names of metrics in rows that are called `known`, with or without a group. */
export function namesCalled(rows: readonly MetricsRow[], known: string): string[] {
  return [...new Set(rows.flatMap(({ values }) => Object.keys(values)))].filter((name) => isCalled(name, known));
}

/** What the rules say of one run. */
export function alertsOf({ entry, rows, earlier }: WatchedRun, now: number): Alert[] {
  const alerts: Alert[] = [];
  const isRunning = entry.state === 'running';
  const done = new Set(entry.done.map(({ stage }) => stage));
  for (const [stage, some] of byStage(rows)) {
    const about = { run: entry.name, stage } as const;
    const loss = pointsOf(some, metricNames.loss);
    const broken = firstNotFinite(loss);
    if (broken !== undefined) {
      const value = Number.isNaN(broken.value) ? 'not a number' : 'infinite';
      const text = `the loss is ${value} from step ${formatNumber(broken.step)} on`;
      alerts.push({ ...about, kind: 'not a number', severity: 'bad', text });
    }
    const spike = lossSpikes(loss.slice(-spikeRows)).at(-1);
    if (spike !== undefined) {
      const size = `${formatNumber(spike.value)} at step ${formatNumber(spike.step)}, where about ${formatNumber(spike.median)} was usual`;
      const end =
        spike.backAt === undefined ? '; it has not come back' : `; back at step ${formatNumber(spike.backAt)}`;
      const severity = spike.backAt === undefined ? 'bad' : 'warn';
      alerts.push({ ...about, kind: 'loss spike', severity, text: `loss ${size}${end}` });
    }
    // A stage that is done is silent, and so is a later one that writes no metrics.
    const silent =
      isRunning && !done.has(stage)
        ? stalledFor(
            some.map(({ time }) => time),
            now,
          )
        : undefined;
    if (silent !== undefined) {
      const text = `nothing for ${formatSeconds(silent / 1000)}, since step ${formatNumber(some.at(-1)?.step ?? 0)}`;
      alerts.push({ ...about, kind: 'stalled', severity: 'bad', text });
    }
    for (const name of namesCalled(some, metricNames.accuracy)) {
      const before = earlier?.rows.filter((row) => row.stage === stage) ?? [];
      const lower = belowLast(pointsOf(some, name), pointsOf(before, name));
      if (lower === undefined) continue;
      const text = `${name} ${percent(lower.now.value)} at step ${formatNumber(lower.now.step)}; run ${earlier?.id ?? ''} had ${percent(lower.then.value)}`;
      alerts.push({ ...about, kind: 'accuracy below the last run', severity: 'warn', text });
    }
  }
  return alerts;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
