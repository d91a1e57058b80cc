import { formatBytes, formatNumber, formatSeconds, formatValue } from '../report/format.js';
import type { Forecast, ForecastRow } from '../train/forecast/forecast.js';
import type { TrainingMemory } from '../train/forecast/training-memory.js';

/** A forecast as tables in words. */
export function forecastText(found: Forecast, assumptions: Readonly<Record<string, string | number>>): string {
  const { numParameters, flops, bytes, checkpointSeconds, rows } = found;
  return [
    `model: ${numParameters.toLocaleString('en')} weights`,
    '',
    ...memoryLines(found.memory),
    ...fittedLines(found),
    '',
    ...table([
      ['FLOPs', exponential(flops.step), 'a step of one worker'],
      ['', exponential(flops.total), 'in all'],
      ['bytes moved', formatBytes(bytes.gradients), 'of gradients'],
      [
        '',
        formatBytes(bytes.reduced),
        `sent by each of ${rows.at(-1)?.workers.toLocaleString('en') ?? 0} workers a step`,
      ],
      ['', formatBytes(bytes.checkpoint), `a checkpoint, ${formatSeconds(checkpointSeconds)}`],
    ]),
    '',
    ...table([
      ['workers', 'step', 'sum of gradients', 'tokens/s', 'efficiency', 'steps', 'time'],
      ...rows.map(scalingCells),
    ]),
    ...(rows.some(({ cost }) => cost !== undefined) ? ['', ...table([costHeads, ...rows.flatMap(costCells)])] : []),
    '',
    'supposed:',
    ...supposed(assumptions),
  ].join('\n');
}

/** Each assumption with its value. */
function supposed(assumptions: Readonly<Record<string, string | number>>): string[] {
  const width = Math.max(...Object.keys(assumptions).map(({ length }) => length));
  return Object.entries(assumptions).map(([name, value]) => `  ${name.padEnd(width)}  ${formatValue(value)}`);
}

function memoryLines({ parts, total, moment }: TrainingMemory): string[] {
  const largest = Object.entries(parts)
    .filter(([, bytes]) => bytes > 0)
    .sort(([, a], [, b]) => b - a);
  return [
    `memory of a process at its fullest, ${moment}:`,
    ...table([
      ...largest.map(([part, bytes]) => [`  ${part}`, formatBytes(bytes)]),
      ['  together', formatBytes(total)],
    ]),
  ];
}

function fittedLines({ fitted }: Forecast): string[] {
  if (fitted === undefined) return [];
  if (fitted.changes.length === 0) return ['fits as it is'];
  return [`fits with ${fitted.changes.join(', ')}; a step takes ${formatNumber(fitted.slowdown)} times as long`];
}

function scalingCells(row: ForecastRow): string[] {
  return [
    row.workers.toLocaleString('en'),
    formatSeconds(row.stepSeconds),
    formatSeconds(row.reduceSeconds),
    formatNumber(Math.round(row.tokensPerSecond)),
    `${(100 * row.efficiency).toFixed(1)}%`,
    row.steps.toLocaleString('en'),
    formatTime(row.seconds),
  ];
}

const costHeads = ['workers', 'kept: time', 'cost', 'spot: checkpoint after', 'time', 'lost', 'cost'];

function costCells({ cost }: ForecastRow): string[][] {
  if (cost === undefined) return [];
  const { workers, kept, spot } = cost;
  return [
    [
      workers.toLocaleString('en'),
      formatTime(kept.seconds),
      money(kept.cost),
      formatTime(spot.interval),
      formatTime(spot.seconds),
      `${((100 * (spot.lost + spot.checkpointing)) / spot.seconds).toFixed(1)}%`,
      money(spot.cost),
    ],
  ];
}

export const exponential = (value: number): string => value.toExponential(3).replace('e+', 'e');

const money = (value: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** Seconds, or days where there are many. */
export function formatTime(seconds: number): string {
  return seconds < 2 * 86_400
    ? formatSeconds(seconds)
    : `${formatNumber(Number((seconds / 86_400).toPrecision(4)))} days`;
}

/** Rows with their columns below each other; the first column to the left, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, cell.length)),
    [],
  );
  const isWords = (column: number): boolean => rows.every((row) => !/^[\d−∞]/.test(row[column] ?? ''));
  return rows.map((row) =>
    row
      .map((cell, column) => (isWords(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
