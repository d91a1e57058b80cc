import { formatBytes, formatNumber, formatSeconds } from '../format.js';
import { median } from '../median.js';
import type { RunRecords } from '../records.js';
import type { Headline } from './document.js';

/** The last fact of the run whose label matches, with the stage that tells it. */
function fact(
  run: RunRecords,
  pattern: RegExp,
): { readonly value: string | number; readonly stage: string } | undefined {
  const found = run.stages.flatMap(({ stage, summary }) =>
    Object.entries(summary.facts)
      .filter(([label]) => pattern.test(label) && !isInterval(label))
      .map(([, value]) => ({ value, stage })),
  );
  return found.at(-1);
}

/** The interval that a stage tells beside a fact, such as `bits per byte, 95% interval`. */
function interval(run: RunRecords, of: RegExp): string | undefined {
  const found = run.stages.flatMap(({ summary }) =>
    Object.entries(summary.facts).filter(([label]) => of.test(label) && isInterval(label)),
  );
  const [label, value] = found.at(-1) ?? [];
  if (label === undefined || value === undefined) return undefined;
  return `${/95 ?%/.test(label) ? '95% ' : ''}interval ${text(value)}`;
}

const isInterval = (label: string): boolean => /interval|±|standard error/i.test(label);

const text = (value: string | number): string => (typeof value === 'number' ? formatNumber(value) : value);

function lastMetric(run: RunRecords, name: string): { readonly value: number; readonly step: number } | undefined {
  const row = run.metrics.filter(({ values }) => values[name] !== undefined).at(-1);
  return row === undefined ? undefined : { value: row.values[name] ?? Number.NaN, step: row.step };
}

/** Seconds from the start to the end of the run; of the stages, while it has no end. */
export function runSeconds(run: RunRecords): number {
  const { startedAt, endedAt } = run.status;
  if (endedAt === undefined) return run.stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
}

/** Bytes of memory at the highest, as the environment record or the status tells it. */
export function peakMemory(run: RunRecords): number | undefined {
  const places: Readonly<Record<string, unknown>>[] = [run.status, run.environment];
  return places.map((place) => place.peakMemoryBytes).find((bytes): bytes is number => typeof bytes === 'number');
}

const noted = (note: string | undefined): { note?: string } => (note === undefined ? {} : { note });

/** The figures that a reader looks for first; those that the run does not have are left out. */
export function headlines(run: RunRecords): readonly Headline[] {
  const bits = fact(run, /bits ?per ?byte/i);
  const evaluated = fact(run, /\b(nats|loss)\b/i);
  const heldOut = lastMetric(run, 'heldOutLoss');
  const train = lastMetric(run, 'loss');
  const speeds = run.metrics.flatMap(({ values }) => values.tokensPerSecond ?? []);
  const parameters = fact(run, /^(number of )?parameters$/i);
  const accuracy = fact(run, /\baccuracy\b/i);
  const memory = peakMemory(run);
  const cached = run.stages.filter((stage) => stage.cached).length;
  const shown: readonly (Headline | false)[] = [
    bits !== undefined && {
      label: 'Held-out bits per byte',
      value: text(bits.value),
      ...noted(interval(run, /bits ?per ?byte/i)),
    },
    evaluated !== undefined
      ? {
          label: 'Held-out loss',
          value: text(evaluated.value),
          unit: 'nats/token',
          ...noted(interval(run, /\b(nats|loss)\b/i)),
        }
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
    accuracy !== undefined && {
      label: 'Accuracy',
      value: text(accuracy.value),
      ...noted(interval(run, /accuracy/i)),
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
