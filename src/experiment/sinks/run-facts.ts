import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import type { Summary } from '../../figure.js';
import { hash, readJson } from '../../files.js';
import type { Membership } from '../ablations/membership.js';
import { readStatus } from '../run-record.js';
import type { Status } from '../run-record.js';
import { runSpecSchema } from '../run-spec.js';

const specSchema = runSpecSchema.extend({ numericClass: z.string() });
const lineageSchema = z.looseObject({
  stages: z.array(
    z.looseObject({ stage: z.string(), artifact: z.string(), kind: z.string(), parents: z.array(z.string()) }),
  ),
});
const environmentSchema = z.looseObject({
  packages: z.record(z.string(), z.string()).optional(),
  git: z.looseObject({ commit: z.string(), dirty: z.boolean().optional() }).nullish(),
});
const stageSchema = z.looseObject({ summary: z.looseObject({ title: z.string() }) });

/** What sinks tell of a run, read from its folder. */
export interface RunFacts {
  readonly folder: string;
  /** The folder of all runs. */
  readonly runsFolder: string;
  /** `quickstart/2026-11-21-143502-3f9c`. */
  readonly path: string;
  /** Tells this run from any other, also from one with the same id on another machine. */
  readonly identity: string;
  readonly spec: z.infer<typeof specSchema>;
  readonly status: Status;
  readonly lineage: z.infer<typeof lineageSchema>['stages'];
  readonly environment: z.infer<typeof environmentSchema>;
  /** What finished stages show of themselves, by the stage's name. */
  readonly summaries: Readonly<Record<string, Summary>>;
  /** The ablation that it is a cell of, where that is known. */
  readonly membership: Membership | undefined;
}

/** @throws TrainbookError if the folder is no run, or of another format */
export async function readRunFacts(folder: string, membership: Membership | undefined): Promise<RunFacts> {
  const spec = specSchema.safeParse(await readJson(join(folder, 'spec.json')).catch(() => undefined));
  if (!spec.success) {
    throw new TrainbookError({
      what: 'there is no run in this folder that could be sent',
      received: folder,
      expected: 'the folder of a run, such as runs/quickstart/2026-11-21-143502-3f9c, with a spec.json of format 1',
    });
  }
  const { experiment, runId, createdAt, stages } = spec.data;
  const optional = async <T>(schema: z.ZodType<T>, name: string): Promise<T | undefined> =>
    schema.safeParse(await readJson(join(folder, name)).catch(() => undefined)).data;
  const summaries: Record<string, Summary> = {};
  const done = new Set(await readdir(join(folder, 'stages')).catch((): string[] => []));
  for (const stage of stages.filter((name) => done.has(`${name}.json`))) {
    const found = await optional(stageSchema, join('stages', `${stage}.json`));
    if (found !== undefined) summaries[stage] = found.summary as unknown as Summary; // written by the run's record alone
  }
  return {
    folder,
    runsFolder: dirname(dirname(folder)),
    path: `${basename(dirname(folder))}/${basename(folder)}`,
    identity: hash(JSON.stringify([experiment, runId, createdAt])),
    spec: spec.data,
    status: await readStatus(folder),
    lineage: (await optional(lineageSchema, 'lineage.json'))?.stages ?? [],
    environment: (await optional(environmentSchema, 'environment.json')) ?? {},
    summaries,
    membership,
  };
}
