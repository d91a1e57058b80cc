import { formatBytes, formatNumber, formatSeconds } from './format.js';
import type { RunRecords } from './records.js';

/** One large number at the top of a report. */
export interface Headline {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly note?: string;
}

/** The last fact of the run whose label matches, with the stage that tells it. */
function fact(
  run: RunRecords,
  pattern: RegExp,
): { readonly value: string | number; readonly stage: string } | undefined {
  const found = run.stages.flatMap(({ stage, summary }) =>
    Object.entries(summary.facts)
      .filter(([label]) => pattern.test(label))
      .map(([, value]) => ({ value, stage })),
  );
  return found.at(-1);
}

const text = (value: string | number): string => (typeof value === 'number' ? formatNumber(value) : value);

function lastMetric(run: RunRecords, name: string): { readonly value: number; readonly step: number } | undefined {
  const row = run.metrics.filter(({ values }) => values[name] !== undefined).at(-1);
  return row === undefined ? undefined : { value: row.values[name] ?? Number.NaN, step: row.step };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** Seconds from the start to the end of the run; of the stages, while it has no end. */
export function runSeconds(run: RunRecords): number {
  const { startedAt, endedAt } = run.status;
  if (endedAt === undefined) return run.stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
}

/** Bytes of memory at the highest, as the environment record or the status tells it. */
function peakMemory(run: RunRecords): number | undefined {
  const places: Readonly<Record<string, unknown>>[] = [run.status, run.environment];
  return places.map((place) => place.peakMemoryBytes).find((bytes): bytes is number => typeof bytes === 'number');
}

/** The figures that a reader looks for first; those that the run does not have are left out. */
export function headlines(run: RunRecords): readonly Headline[] {
  const bits = fact(run, /bits ?per ?byte/i);
  const evaluated = fact(run, /\b(nats|loss)\b/i);
  const heldOut = lastMetric(run, 'heldOutLoss');
  const train = lastMetric(run, 'loss');
  const speeds = run.metrics.flatMap(({ values }) => values.tokensPerSecond ?? []);
  const parameters = fact(run, /^(number of )?parameters$/i);
  const memory = peakMemory(run);
  const cached = run.stages.filter((stage) => stage.cached).length;
  const shown: readonly (Headline | false)[] = [
    bits !== undefined && { label: 'Held-out bits per byte', value: text(bits.value) },
    evaluated !== undefined
      ? { label: 'Held-out loss', value: text(evaluated.value), unit: 'nats/token' }
      : heldOut !== undefined && {
          label: 'Held-out loss',
          value: text(heldOut.value),
          unit: 'nats/token',
          note: `at step ${formatNumber(heldOut.step)}`,
        },
    train !== undefined && {
      label: 'Training loss',
      value: text(train.value),
      unit: 'nats/token',
      note: `at step ${formatNumber(train.step)}`,
    },
    speeds.length > 0 && {
      label: 'Speed',
      value: formatNumber(Math.round(median(speeds))),
      unit: 'tokens/s',
      note: 'median of the steps',
    },
    parameters !== undefined && { label: 'Parameters', value: text(parameters.value) },
    {
      label: 'Time',
      value: formatSeconds(runSeconds(run)),
      ...(cached > 0 ? { note: `${cached} of ${run.stages.length} stages from the store` } : {}),
    },
    memory !== undefined && { label: 'Peak memory', value: formatBytes(memory) },
  ];
  return shown.flatMap((headline) => headline || []);
}
