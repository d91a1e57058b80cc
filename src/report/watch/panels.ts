import { metricNames } from '../../experiment/metric-names.js';
import type { Figure } from '../../figure.js';
import { runningMean } from '../figures.js';
import { formatBytes, formatNumber } from '../format.js';
import { series, seriesColour } from '../palette.js';
import { byStage, namesCalled, percent, pointsOf } from './alerts.js';
import { percentile } from './rules.js';
import type { Snapshot, WatchedRun } from './snapshot.js';

/** A chart with its newest figures beside it, or why there is none. */
export interface Panel {
  readonly id: string;
  readonly title: string;
  /** The newest values, such as `p50 31 ms`: with the colours of their lines they are the legend too. */
  readonly values: readonly Newest[];
  /** What else the chart shows. */
  readonly note?: string;
  readonly figure: Figure | undefined;
  /** What writes the data of this panel, shown while there are none. */
  readonly missing: string;
}

interface Newest {
  readonly label: string;
  readonly value: string;
  readonly colour: string | undefined;
}

type Trace = Figure['data'][number];

/** Steps from which on the noise of single batches hides the curve. */
const smoothFrom = 100;
/** Requests that a percentile is taken over, and places at which it is drawn. */
const latencyWindow = 100;
const latencyPlaces = 160;

export function panelsOf(snapshot: Snapshot): Panel[] {
  const { watched } = snapshot;
  return [lossPanel(watched), latencyPanel(watched), accuracyPanel(watched), ratePanel(watched), memoryPanel(snapshot)];
}

interface Line {
  readonly run: WatchedRun;
  readonly stage: string;
  readonly metric: string;
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Every series of a known metric: one for each run, stage and group that has it. */
function linesOf(watched: readonly WatchedRun[], known: string): Line[] {
  const lines = watched.flatMap((run) =>
    [...byStage(run.rows)].flatMap(([stage, rows]) =>
      namesCalled(rows, known).map((metric) => ({ run, stage, metric, points: pointsOf(rows, metric) })),
    ),
  );
  const several = {
    runs: new Set(lines.map(({ run }) => run.entry.name)).size > 1,
    stages: new Set(lines.map(({ stage }) => stage)).size > 1,
    metrics: new Set(lines.map(({ metric }) => metric)).size > 1,
  };
  return lines.slice(0, series.length).map(({ run, stage, metric, points }) => ({
    ...{ run, stage, metric },
    label:
      [
        ...(several.runs ? [shortName(run, watched)] : []),
        ...(several.stages || !several.runs ? [stage] : []),
        ...(several.metrics ? [metric] : []),
      ].join(' · ') || stage,
    x: points.map(({ step }) => step),
    y: points.map(({ value }) => value),
  }));
}

/** As short as it is unmistakable: the experiment, or with it the end of the id. */
function shortName({ entry }: WatchedRun, watched: readonly WatchedRun[]): string {
  const end = entry.id.split('-').at(-1) ?? entry.id;
  const isAlone = watched.filter((other) => other.entry.experiment === entry.experiment).length === 1;
  return isAlone ? entry.experiment : `${entry.experiment} ${end}`;
}

function figure(title: string, data: Trace[], xTitle: string, yTitle: string, fromZero = false): Figure | undefined {
  if (data.length === 0) return undefined;
  const yaxis = { title: { text: yTitle }, ...(fromZero ? { rangemode: 'tozero' as const } : {}) };
  return { title, source: 'trainbook watch', data, layout: { xaxis: { title: { text: xTitle } }, yaxis } };
}

function trace(x: readonly number[], y: readonly number[], color: string, more: object = {}): Trace {
  return { type: 'scatter', mode: 'lines', x: [...x], y: [...y], line: { color, width: 2 }, ...more };
}

/** The newest value of each line; a line that is alone is called `alone`. */
function newest(lines: readonly Line[], alone: string, value: (line: Line) => string): Newest[] {
  return lines.map((line, index) => ({
    label: lines.length > 1 ? line.label : alone,
    value: value(line),
    colour: seriesColour(index),
  }));
}

const lastOf = (values: readonly number[]): number => values.at(-1) ?? Number.NaN;

function lossPanel(watched: readonly WatchedRun[]): Panel {
  const lines = linesOf(watched, metricNames.loss).filter(({ metric }) => metric === metricNames.loss);
  const data = lines.flatMap(({ x, y }, index): Trace[] => {
    const colour = seriesColour(index);
    if (y.length < smoothFrom) return [trace(x, y, colour)];
    const window = 2 * Math.max(2, Math.round(y.length / 80)) + 1;
    const raw = trace(x, y, colour, { opacity: 0.35, line: { color: colour, width: 1 } });
    return [raw, trace(x, runningMean(y, window), colour)];
  });
  return {
    id: 'loss',
    title: 'Training loss',
    values: newest(lines, 'last step', ({ y }) => formatNumber(lastOf(y))),
    figure: figure('Training loss', data, 'step', 'loss (nats per token)'),
    missing:
      'No stage has written a loss yet. A training with metrics writes one at each step: pretrain(…, { metrics }), or train(…, { on: reportTo(name, metrics, progress) }).',
  };
}

function latencyPanel(watched: readonly WatchedRun[]): Panel {
  const lines = linesOf(watched, metricNames.latencySeconds).slice(0, 3);
  const isAlone = lines.length === 1;
  const values: Newest[] = [];
  const data = lines.flatMap(({ label, x, y }, index): Trace[] => {
    const places = placesOf(y.length);
    const over = (share: number): number[] =>
      places.map((place) => 1000 * percentile(y.slice(Math.max(0, place + 1 - latencyWindow), place + 1), share));
    const at = places.map((place) => x[place] ?? place);
    const [half, most] = [over(0.5), over(0.95)];
    const name = (share: string): string => (isAlone ? share : `${label} ${share}`);
    const [first, second] = [2 * index, 2 * index + 1].map(seriesColour);
    values.push({ label: name('p50'), value: milliseconds(lastOf(half)), colour: first });
    values.push({ label: name('p95'), value: milliseconds(lastOf(most)), colour: second });
    return [trace(at, half, first ?? ''), trace(at, most, second ?? '')];
  });
  return {
    id: 'latency',
    title: 'Inference latency',
    values,
    figure: figure('Inference latency', data, `request (over the last ${latencyWindow})`, 'ms', true),
    missing: `No stage has written ${metricNames.latencySeconds} yet. A stage that generates or serves writes one row a request: metrics(request, { ${metricNames.latencySeconds}: seconds }); sample(…, { metrics }) does.`,
  };
}

/** Indices at which a percentile is drawn: evenly, and the last. */
function placesOf(length: number): number[] {
  const count = Math.min(length, latencyPlaces);
  return Array.from({ length: count }, (_, index) => Math.round(((index + 1) * length) / count) - 1);
}

const milliseconds = (value: number): string => `${formatNumber(Number(value.toPrecision(3)))} ms`;

function accuracyPanel(watched: readonly WatchedRun[]): Panel {
  const lines = linesOf(watched, metricNames.accuracy);
  const data = lines.flatMap(({ run, stage, metric, x, y }, index): Trace[] => {
    const colour = seriesColour(index);
    const inPercent = y.map((value) => 100 * value);
    const own = trace(x, inPercent, colour, { mode: y.length > 40 ? 'lines' : 'lines+markers' });
    const before = (run.earlier?.rows ?? []).filter((row) => row.stage === stage);
    const earlier = pointsOf(before, metric);
    if (earlier.length === 0) return [own];
    const dashed = { line: { color: colour, width: 1.5, dash: 'dash' }, opacity: 0.7 };
    const steps = earlier.map(({ step }) => step);
    return [
      trace(
        steps,
        earlier.map(({ value }) => 100 * value),
        colour,
        dashed,
      ),
      own,
    ];
  });
  return {
    id: 'accuracy',
    title: 'Fine-tune accuracy',
    values: newest(lines, 'last evaluation', ({ y }) => percent(lastOf(y))),
    ...(data.length > lines.length ? { note: 'dashed: the last run of the same experiment' } : {}),
    figure: figure('Fine-tune accuracy', data, 'step', 'accuracy (%)'),
    missing: `No stage has written ${metricNames.accuracy} yet. A fine-tuning writes it where its evaluation gives it: train(…, { evaluate: (model) => ({ ${metricNames.accuracy}: share }) }).`,
  };
}

function ratePanel(watched: readonly WatchedRun[]): Panel {
  const lines = linesOf(watched, metricNames.tokensPerSecond);
  const data = lines.map(({ x, y }, index) => trace(x, y, seriesColour(index)));
  return {
    id: 'rate',
    title: 'Tokens per second',
    values: newest(lines, 'median of 20 steps', ({ y }) => formatNumber(Math.round(percentile(y.slice(-20), 0.5)))),
    figure: figure('Tokens per second', data, 'step', 'tokens/s', true),
    missing: `No stage has written ${metricNames.tokensPerSecond} yet: a training with metrics does, from its second step on.`,
  };
}

function memoryPanel({ watched, time }: Snapshot): Panel {
  const sampled = watched.filter(({ memory }) => memory.length > 0);
  const ended = watched.flatMap(({ entry }) =>
    entry.state !== 'running' && entry.peakMemoryBytes !== undefined ? [entry] : [],
  );
  const since = Math.min(...sampled.map(({ memory }) => memory[0]?.time ?? time));
  const [unit, milliseconds] = time - since < 180_000 ? ['seconds', 1000] : ['minutes', 60_000];
  const data = sampled.map(({ memory }, index) =>
    trace(
      memory.map((sample) => (sample.time - time) / milliseconds),
      memory.map(({ bytes }) => bytes / 2 ** 20),
      seriesColour(index),
    ),
  );
  return {
    id: 'memory',
    title: 'Memory',
    values: [
      ...sampled.map((run, index) => ({
        label: shortName(run, watched),
        value: formatBytes(lastOf(run.memory.map(({ bytes }) => bytes))),
        colour: seriesColour(index),
      })),
      ...ended.slice(0, 3).map(({ experiment, peakMemoryBytes = 0 }) => ({
        label: `${experiment}, highest`,
        value: formatBytes(peakMemoryBytes),
        colour: undefined,
      })),
    ],
    figure: figure('Memory', data, `${unit} to now`, 'MiB', true),
    missing:
      ended.length > 0
        ? 'The run has ended: its record tells how much its process held at most.'
        : 'No process runs on this machine. While one does, its resident memory is drawn from when this page began to watch.',
  };
}
