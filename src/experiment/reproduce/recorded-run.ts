import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson } from '../../files.js';
import type { Json } from '../../files.js';
import { laterFormat } from '../later-format.js';
import { readMetrics } from '../metrics.js';
import type { MetricsRow } from '../metrics.js';
import { readStatus } from '../run-record.js';
import { runSpecSchema } from '../run-spec.js';

// What of a run is needed to do it again and to compare: the same from a run's folder and from the element "record" of its
// report.html. {"format":1,"spec":{…},"state":"done","environment":{…},"code":{…},"stages":[{"stage":"base","artifact":"9f0c…",
// "files":{},"values":{"loss":3.21}}],"patch":"diff --git a/…"}

const json: z.ZodType<Json> = z.json();

const specSchema = runSpecSchema.extend({ seed: z.int() });

const codeSchema = z.looseObject({
  hash: z.string(),
  build: z.string(),
  files: z.record(z.string(), z.string()),
  packages: z.array(z.string()),
});

const lineageSchema = z.looseObject({
  format: z.literal(1),
  code: codeSchema.nullish(),
  stages: z.array(
    z.looseObject({
      stage: z.string(),
      artifact: z.string(),
      files: z.record(z.string(), z.string()).optional(),
      seconds: z.number(),
    }),
  ),
});

const stageSchema = z.object({
  stage: z.string(),
  artifact: z.string(),
  /** Hashes of the files that it read, by path from the project's folder. */
  files: z.record(z.string(), z.string()),
  seconds: z.number(),
  /** Its last metrics and the numbers of its summary; null for what JSON has no number for. */
  values: z.record(z.string(), z.number().nullable()),
});

export const recordedRunSchema = z.object({
  format: z.literal(1),
  spec: specSchema,
  state: z.enum(['running', 'done', 'failed', 'interrupted']),
  environment: z.record(z.string(), json),
  code: codeSchema.nullable(),
  stages: z.array(stageSchema),
  /** What the commit lacked, for `git apply`. */
  patch: z.string().nullable(),
});
export type RecordedRun = z.infer<typeof recordedRunSchema>;
export type RecordedStage = z.infer<typeof stageSchema>;

/** Refuses a record of a format that this version does not know, or that is none, in words that a user can act on. */
export function parseRecord<T>(schema: z.ZodType<T>, where: string, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const format: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'format') : undefined;
  if (typeof format === 'number' && format > 1) throw laterFormat(where, format);
  throw new TrainbookError({
    what: `${where} is no record that this version can read`,
    received: z.prettifyError(parsed.error),
    expected: 'a record of format 1',
    fix: 'run the experiment again, or read it with the version of trainbook that wrote it',
  });
}

/** What a machine's load decides; such numbers are no result. */
const ofTheMachine = /second|time\b|duration|speed|throughput|latency|memory|energy|joule|watt/iu;

const summarySchema = z.looseObject({
  summary: z.looseObject({ facts: z.record(z.string(), z.union([z.string(), z.number()])) }),
});

function valuesOf(
  rows: readonly MetricsRow[],
  facts: Readonly<Record<string, string | number>>,
): RecordedStage['values'] {
  const all = [...rows.flatMap(({ values }) => Object.entries(values)), ...Object.entries(facts)];
  const numbers = all.flatMap(([name, value]): [string, number | null][] =>
    typeof value !== 'number' || ofTheMachine.test(name) ? [] : [[name, Number.isFinite(value) ? value : null]],
  );
  return Object.fromEntries(numbers);
}

/**
 * Reads from a run's folder what it takes to do the run again and to compare the two.
 *
 * @throws TrainbookError if the folder is no run, or its record is of a format that this version does not know
 */
export async function readRecordedRun(folder: string): Promise<RecordedRun> {
  const read = async <T>(schema: z.ZodType<T>, name: string): Promise<T> =>
    parseRecord(schema, join(folder, name), await readJson(join(folder, name)));
  const spec = await read(specSchema, 'spec.json');
  // A run that failed in its first stage has no lineage.
  const optional = async <T>(schema: z.ZodType<T>, name: string, none: T): Promise<T> =>
    existsSync(join(folder, name)) ? read(schema, name) : none;
  const lineage = await optional(lineageSchema, 'lineage.json', { format: 1, stages: [] });
  const environment = await optional(z.record(z.string(), json), 'environment.json', {});
  const metrics = await readMetrics(folder);
  const stages = await Promise.all(
    lineage.stages.map(async ({ stage, artifact, files = {}, seconds }) => {
      const shown = summarySchema.safeParse(await readJson(join(folder, 'stages', `${stage}.json`)).catch(() => null));
      const rows = metrics.filter((row) => row.stage === stage);
      const values = valuesOf(rows, shown.success ? shown.data.summary.facts : {});
      return { stage, artifact, files, seconds, values };
    }),
  );
  return {
    format: 1,
    spec,
    state: (await readStatus(folder)).state,
    environment,
    code: lineage.code ?? null,
    stages,
    patch: await readFile(join(folder, 'changes.patch'), 'utf8').catch(() => null),
  };
}

const gitSchema = z.object({
  commit: z.string().regex(/^[0-9a-f]{40,64}$/u),
  branch: z.string().optional(),
  remote: z.string().optional(),
  project: z.string().optional(),
  changesLeftOut: z.array(z.string()).optional(),
});
export type RecordedGit = z.infer<typeof gitSchema>;

/** The commit that a run was computed from, and where the project lies in its repository; undefined without a repository. */
export function recordedGit({ environment }: RecordedRun): RecordedGit | undefined {
  const parsed = gitSchema.safeParse(environment['git']);
  return parsed.success ? parsed.data : undefined;
}
