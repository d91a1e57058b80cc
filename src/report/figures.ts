import type { MetricsRow } from '../experiment/metrics.js';
import type { Figure } from '../figure.js';
import { words } from './format.js';
import { seriesColour } from './palette.js';

/** Steps from which on the noise of single batches hides the curve, so that a running mean is drawn over it. */
const SMOOTH_FROM = 100;

/** How known metrics are called on an axis, with units. */
const axisTitles: Readonly<Record<string, string>> = {
  loss: 'loss (nats per token)',
  heldOutLoss: 'loss (nats per token)',
  learningRate: 'learning rate',
  tokensPerSecond: 'tokens per second',
  gradientNorm: 'gradient norm',
};

/** How a metric is called on an axis. */
export const axisTitle = (name: string): string => axisTitles[name] ?? words(name);

const lineNames: Readonly<Record<string, string>> = { loss: 'train', heldOutLoss: 'held out' };

function points(rows: readonly MetricsRow[], name: string): { x: number[]; y: number[] } {
  const having = rows.filter(({ values }) => values[name] !== undefined);
  return { x: having.map(({ step }) => step), y: having.map(({ values }) => values[name] ?? Number.NaN) };
}

/**
 * The mean of the `window` values around each place (of fewer at the ends): centred, so that it does not lag behind where
 * the curve is steep. Values that are no numbers are left out.
 */
export function runningMean(values: readonly number[], window: number): number[] {
  const half = Math.floor(window / 2);
  let sum = 0;
  let count = 0;
  const add = (value: number | undefined, sign: 1 | -1): void => {
    if (value === undefined || !Number.isFinite(value)) return;
    sum += sign * value;
    count += sign;
  };
  for (const value of values.slice(0, half)) add(value, 1);
  return values.map((_, index) => {
    add(values[index + half], 1);
    if (index > half) add(values[index - half - 1], -1);
    return count === 0 ? Number.NaN : sum / count;
  });
}

function figure(title: string, source: string, data: Figure['data'], yTitle: string, fromZero = false): Figure {
  return {
    title,
    source,
    data,
    layout: {
      height: 340,
      margin: { l: 64, r: 16, t: 16, b: 48 },
      xaxis: { title: { text: 'step' }, zeroline: false },
      yaxis: { title: { text: yTitle }, zeroline: false, ...(fromZero ? { rangemode: 'tozero' as const } : {}) },
      showlegend: data.length > 1,
      legend: { orientation: 'h', x: 0, y: 1.12 },
      hovermode: 'x unified',
    },
  };
}

/**
 * Every loss of a stage in one figure: the training loss (with a running mean once it is long, unless the reader smooths it), held out
 * beside it.
 */
export function lossFigure(
  rows: readonly MetricsRow[],
  source: string,
  { title = 'Loss', mean = true }: { readonly title?: string; readonly mean?: boolean } = {},
): Figure {
  const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))].filter((name) => /loss$/i.test(name));
  names.sort((a, b) => Number(b === 'loss') - Number(a === 'loss'));
  const data = names.flatMap((name, index): Figure['data'] => {
    const { x, y } = points(rows, name);
    const label = lineNames[name] ?? words(name);
    const color = seriesColour(index);
    if (name !== 'loss' || y.length < SMOOTH_FROM || !mean) {
      // A few measurements stand as dots, so that a single one is seen too.
      const mode = y.length <= 30 && name !== 'loss' ? 'lines+markers' : 'lines';
      return [{ type: 'scatter', mode, name: label, x, y, line: { color, width: 2 }, marker: { size: 6 } }];
    }
    const window = 2 * Math.max(2, Math.round(y.length / 80)) + 1;
    return [
      {
        type: 'scatter',
        mode: 'lines',
        name: label,
        x,
        y,
        line: { color, width: 1 },
        opacity: 0.35,
        showlegend: false,
      },
      {
        type: 'scatter',
        mode: 'lines',
        name: `${label} (mean of ${window} steps)`,
        x,
        y: runningMean(y, window),
        line: { color, width: 2 },
      },
    ];
  });
  return figure(title, source, data, axisTitle(names[0] ?? 'loss'));
}

/** One metric over the steps. */
export function metricFigure(rows: readonly MetricsRow[], name: string, source: string): Figure {
  const { x, y } = points(rows, name);
  const title = words(name);
  const line = {
    type: 'scatter',
    mode: 'lines',
    name: title,
    x,
    y,
    line: { color: seriesColour(0), width: 2 },
  } as const;
  const fromZero = name === 'tokensPerSecond' || name === 'learningRate';
  return figure(title.charAt(0).toUpperCase() + title.slice(1), source, [line], axisTitle(name), fromZero);
}

/** Metrics of one name for several groups, such as `gradientNorm/layers.0`, as lines of one figure. */
function groupedFigure(rows: readonly MetricsRow[], name: string, names: readonly string[], source: string): Figure {
  const title = words(name);
  const data = names.map((full, index): Figure['data'][number] => {
    const line = { color: seriesColour(index), width: 2 };
    return { type: 'scatter', mode: 'lines', name: full.slice(name.length + 1), ...points(rows, full), line };
  });
  const titled = `${title.charAt(0).toUpperCase()}${title.slice(1)} by group`;
  return figure(titled, source, data, axisTitle(name));
}

/**
 * The figures of one stage's metrics: losses together first, then each other metric as they first appear, those of several groups
 * (`name/group`) together. What was said but once in many rows, such as the energy of a training, is no curve.
 */
export function trainingFigures(
  rows: readonly MetricsRow[],
  source: string,
  options: { readonly mean?: boolean } = {},
): readonly Figure[] {
  const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const losses = names.some((name) => /loss$/i.test(name)) ? [lossFigure(rows, source, options)] : [];
  const others = names.filter((name) => !/loss$/i.test(name) && (rows.length < 3 || points(rows, name).x.length > 1));
  const drawn = new Set(others.map((name) => (name.includes('/') ? name.slice(0, name.indexOf('/') + 1) : name)));
  const figures = [...drawn].map((name) =>
    name.endsWith('/')
      ? groupedFigure(
          rows,
          name.slice(0, -1),
          others.filter((full) => full.startsWith(name)),
          source,
        )
      : metricFigure(rows, name, source),
  );
  return [...losses, ...figures];
}
