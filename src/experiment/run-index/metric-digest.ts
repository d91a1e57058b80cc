import { z } from 'zod';
import { lastAttempts } from '../metrics.js';
import type { MetricsRow } from '../metrics.js';

/** A value and its step; JSON writes NaN as null. */
const pointSchema = z.object({
  step: z.number(),
  value: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
});

const metricSchema = z.object({
  name: z.string(),
  /** Rows that have it. */
  count: z.number(),
  /** At the highest step that has it. */
  last: pointSchema,
  /** Of the finite values, at the first step that reached it; undefined if there is none. */
  min: pointSchema.optional(),
  max: pointSchema.optional(),
});

const stageSchema = z.object({
  stage: z.string(),
  metrics: z.array(metricSchema),
  /** The row of the highest step, which a later row may belong to. */
  end: z.object({ step: z.number(), attempt: z.number(), time: z.number(), names: z.array(z.string()) }),
});
export const metricsDigestSchema = z.array(stageSchema).readonly();

/** What is left of one metric when its rows are forgotten. */
export type MetricDigest = z.infer<typeof metricSchema>;
/** The metrics of each stage in the order they began. */
export type MetricsDigest = readonly z.infer<typeof stageSchema>[];
type StageDigest = MetricsDigest[number];

interface Building {
  readonly stage: string;
  readonly metrics: Map<string, MetricDigest>;
  end: StageDigest['end'];
}

function add({ metrics }: Building, name: string, step: number, value: number): void {
  const before = metrics.get(name);
  const point = { step, value };
  const isFinite = Number.isFinite(value);
  if (before === undefined) {
    metrics.set(name, { name, count: 1, last: point, ...(isFinite ? { min: point, max: point } : {}) });
    return;
  }
  before.count++;
  before.last = point;
  if (!isFinite) return;
  if (before.min === undefined || value < before.min.value) before.min = point;
  if (before.max === undefined || value > before.max.value) before.max = point;
}

/** Takes a row after all others of its stage. */
function append(building: Building, { step, attempt, time, values }: MetricsRow): void {
  const names = Object.keys(values);
  for (const name of names) add(building, name, step, values[name] ?? Number.NaN);
  building.end = { step, attempt, time, names };
}

/** The digest of all rows of a file, in the order of writing, by the rule of the last attempt. */
export function digestRows(rows: readonly MetricsRow[]): MetricsDigest {
  const stages = new Map<string, Building>();
  for (const row of lastAttempts(rows)) append(openStage(stages, row), row);
  return close(stages);
}

/**
 * The digest of a file that has grown by rows; equal to `digestRows` of all. Undefined where a row belongs to a step that
 * others may have had before: then all rows must be read again.
 */
export function extendDigest(digest: MetricsDigest, rows: readonly MetricsRow[]): MetricsDigest | undefined {
  const stages = new Map(
    digest.map(({ stage, metrics, end }): [string, Building] => [
      stage,
      { stage, end, metrics: new Map(metrics.map((metric) => [metric.name, { ...metric }])) },
    ]),
  );
  for (const row of rows) {
    const known = stages.get(row.stage);
    if (known === undefined || row.step > known.end.step) {
      append(openStage(stages, row), row);
      continue;
    }
    const { end } = known;
    const names = Object.keys(row.values);
    const joins = row.step === end.step && row.attempt === end.attempt;
    if (!joins || names.some((name) => end.names.includes(name))) return undefined;
    for (const name of names) add(known, name, row.step, row.values[name] ?? Number.NaN);
    known.end = { ...end, time: row.time, names: [...end.names, ...names] };
  }
  return close(stages);
}

function openStage(stages: Map<string, Building>, { stage, step, attempt, time }: MetricsRow): Building {
  const known = stages.get(stage);
  if (known !== undefined) return known;
  const opened: Building = { stage, metrics: new Map(), end: { step, attempt, time, names: [] } };
  stages.set(stage, opened);
  return opened;
}

function close(stages: ReadonlyMap<string, Building>): MetricsDigest {
  return [...stages.values()].map(({ stage, metrics, end }) => ({ stage, metrics: [...metrics.values()], end }));
}
