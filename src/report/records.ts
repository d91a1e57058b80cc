import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { readMetrics } from '../experiment/metrics.js';
import type { MetricsRow } from '../experiment/metrics.js';
import { readStatus } from '../experiment/run-record.js';
import { runSpecSchema } from '../experiment/run-spec.js';
import type { Figure, Summary } from '../figure.js';
import { readJson } from '../files.js';
import type { Json } from '../files.js';

const json: z.ZodType<Json> = z.json();

const specSchema = runSpecSchema.extend({ defaults: z.record(z.string(), json).optional() });

const statusSchema = z.looseObject({
  state: z.enum(['running', 'done', 'failed', 'interrupted']),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  error: z.unknown().optional(),
  peakMemoryBytes: z.number().optional(),
});

const lineageSchema = z.looseObject({
  format: z.literal(1),
  stages: z.array(
    z.looseObject({
      stage: z.string(),
      artifact: z.string(),
      kind: z.string(),
      parents: z.array(z.string()),
      code: z.string(),
      numericClass: z.string(),
      cached: z.boolean(),
      seconds: z.number(),
      /** Hashes of the files that it read, by path. */
      files: z.record(z.string(), z.string()).optional().catch(undefined),
      /** The config paths that it read. */
      config: z.array(z.string()).optional().catch(undefined),
    }),
  ),
});

const tableSchema = z.object({
  title: z.string(),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.union([z.string(), z.number()]))),
});

const figureSchema = z
  .object({
    title: z.string(),
    source: z.string(),
    data: z.array(z.record(z.string(), z.unknown())),
    layout: z.record(z.string(), z.unknown()),
  })
  .transform((figure) => figure as unknown as Figure);

const summarySchema = z.object({
  title: z.string(),
  facts: z.record(z.string(), z.union([z.string(), z.number()])),
  tables: z.array(tableSchema).optional(),
  figures: z.array(figureSchema).optional(),
  texts: z.array(z.object({ title: z.string(), text: z.string() })).optional(),
});

const stageSchema = z.looseObject({
  stage: z.string(),
  seconds: z.number(),
  cached: z.boolean(),
  summary: summarySchema,
});

export type Spec = z.infer<typeof specSchema>;
export type Status = z.infer<typeof statusSchema>;
export type Lineage = z.infer<typeof lineageSchema>;

/** One finished stage of a run, as its record tells it. */
export interface StageRecord {
  readonly stage: string;
  readonly seconds: number;
  readonly cached: boolean;
  readonly summary: Summary;
}

/** All that a run's folder tells of it. */
export interface RunRecords {
  readonly folder: string;
  readonly spec: Spec;
  readonly status: Status;
  /** One row for each step of each stage: where a step was done twice, that of the last attempt. */
  readonly metrics: readonly MetricsRow[];
  /** The stages that are done, in the order of the experiment. */
  readonly stages: readonly StageRecord[];
  readonly lineage: Lineage | undefined;
  readonly environment: Readonly<Record<string, Json>>;
  /** The file with what was changed in the code since its commit, where the run kept it. */
  readonly patch: string | undefined;
}

async function parse<T>(schema: z.ZodType<T>, path: string): Promise<T> {
  const parsed = schema.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  throw new TrainbookError({
    what: `${path} is not a run record that this version can read`,
    received: z.prettifyError(parsed.error),
    expected: 'a record of format 1',
    fix: 'run the experiment again, or read it with the version of trainbook that wrote it',
  });
}

/** The names in a folder; none if there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((): string[] => []);
}

async function optional<T>(schema: z.ZodType<T>, folder: string, name: string): Promise<T | undefined> {
  const names = await namesIn(folder);
  return names.includes(name) ? parse(schema, join(folder, name)) : undefined;
}

/**
 * Reads a run's folder for a command. Only `spec.json` and `status.json` must be there: a run that failed early has a report too.
 *
 * @throws TrainbookError if the folder is no run, or a record cannot be read
 */
export async function readRun(folder: string, command = 'report'): Promise<RunRecords> {
  const names = await namesIn(folder);
  if (!names.includes('spec.json')) {
    throw new TrainbookError({
      what: `${command}: there is no run in this folder`,
      received: folder,
      expected: 'the folder of a run, such as runs/quickstart/2026-11-21-143502-3f9c',
      fix: 'npx trainbook run makes one, and prints where its report is',
    });
  }
  const spec = await parse(specSchema, join(folder, 'spec.json'));
  const done = new Set(await namesIn(join(folder, 'stages')));
  const stages = spec.stages.filter((stage) => done.has(`${stage}.json`));
  const status = await parse(statusSchema, join(folder, 'status.json'));
  return {
    folder,
    spec,
    // A run whose process is dead says it is running still: the reader of statuses knows better.
    status: { ...status, state: (await readStatus(folder)).state },
    metrics: await readMetrics(folder),
    stages: await Promise.all(stages.map((stage) => parse(stageSchema, join(folder, 'stages', `${stage}.json`)))),
    lineage: await optional(lineageSchema, folder, 'lineage.json'),
    environment: (await optional(z.record(z.string(), json), folder, 'environment.json')) ?? {},
    patch: names.find((name) => /\.(patch|diff)(\.gz)?$/.test(name)),
  };
}
