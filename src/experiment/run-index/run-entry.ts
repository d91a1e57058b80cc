import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../files.js';
import type { Json } from '../../files.js';
import { readStatus } from '../run-record.js';
import type { Status } from '../run-record.js';
import { runSpecSchema } from '../run-spec.js';
import { digestRun } from './run-cache.js';
import type { RunDigest, StageFacts } from './run-cache.js';

const specSchema = runSpecSchema.extend({ numericClass: z.string().default('') });

/** A run in a list: what tells it apart from others, and what came of it. */
export interface RunEntry {
  /** Its folder below `runs/`: `quickstart/2026-11-21-143502-3f9c`. */
  readonly name: string;
  readonly experiment: string;
  readonly id: string;
  readonly folder: string;
  readonly file: string | undefined;
  readonly state: Status['state'];
  readonly error: string | undefined;
  readonly seed: number;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** From the last start to the end, or to now while it runs; undefined where a kill left no end. */
  readonly seconds: number | undefined;
  readonly config: Readonly<Record<string, Json>>;
  readonly stages: readonly string[];
  readonly code: string;
  readonly numericClass: string;
  readonly peakMemoryBytes: number | undefined;
  readonly owner: Status['owner'];
  /** The stages that are done, in the order of the experiment. */
  readonly done: readonly StageFacts[];
  readonly metrics: RunDigest['metrics'];
}

/** Runs, newest first, and folders that look like runs and cannot be read. */
export interface RunList {
  readonly runs: readonly RunEntry[];
  readonly unreadable: readonly { readonly folder: string; readonly reason: string }[];
}

/** Folders in `runs/` that are no experiments. */
const notExperiments: ReadonlySet<string> = new Set(['store', 'ablations']);

/** Where a list remembers what a run's large files come down to. */
export const cachePathOf = (runsFolder: string, experiment: string, id: string): string =>
  join(runsFolder, 'store', 'cache', 'runs', experiment, `${id}.json`);

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

/** The names of all runs, by experiment and id: `quickstart/2026-11-21-143502-3f9c`. */
export async function runNames(runsFolder: string, experiment?: string): Promise<string[]> {
  const experiments = (await foldersIn(runsFolder)).filter(
    (name) => !notExperiments.has(name) && (experiment === undefined || name === experiment),
  );
  const names = await Promise.all(
    experiments.map(async (name) => (await foldersIn(join(runsFolder, name))).map((id) => `${name}/${id}`)),
  );
  return names.flat().sort();
}

/** Runs that are read at the same time: each may hold the text of its metrics. */
const atOnce = 16;

/** All runs below a folder, or those of one experiment. */
export async function listRuns(runsFolder: string, experiment?: string): Promise<RunList> {
  const names = await runNames(runsFolder, experiment);
  const found: Awaited<ReturnType<typeof entryOf>>[] = [];
  for (let start = 0; start < names.length; start += atOnce) {
    const some = names.slice(start, start + atOnce);
    found.push(...(await Promise.all(some.map((name) => entryOf(runsFolder, name)))));
  }
  const runs = found.flatMap((entry) => (typeof entry === 'object' && 'id' in entry ? [entry] : []));
  return {
    runs: runs.sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0)),
    unreadable: found.flatMap((entry) => (typeof entry === 'object' && 'reason' in entry ? [entry] : [])),
  };
}

/** One run; undefined for a folder without a record of any kind. */
export async function entryOf(
  runsFolder: string,
  name: string,
): Promise<RunEntry | RunList['unreadable'][number] | undefined> {
  const folder = join(runsFolder, name);
  const [experiment = '', id = ''] = name.split('/');
  const written = await readdir(folder).catch((): string[] => []);
  if (!written.includes('spec.json')) {
    return written.includes('status.json') ? { folder, reason: 'spec.json is missing' } : undefined;
  }
  const parsed = specSchema.safeParse(await readJson(join(folder, 'spec.json')).catch(() => undefined));
  if (!parsed.success) return { folder, reason: `spec.json: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}` };
  const [status, digest] = await Promise.all([
    readStatus(folder).catch((): Status | undefined => undefined),
    digestRun(folder, cachePathOf(runsFolder, experiment, id)),
  ]);
  const { data: spec } = parsed;
  return {
    name,
    experiment,
    id,
    folder,
    file: spec.file,
    // Killed before it wrote its first status.
    state: status?.state ?? 'interrupted',
    error: status?.error,
    seed: spec.seed,
    createdAt: spec.createdAt,
    seconds: secondsOf(status),
    config: spec.config,
    stages: spec.stages,
    code: spec.code,
    numericClass: spec.numericClass,
    peakMemoryBytes: status?.peakMemoryBytes,
    owner: status?.owner,
    done: spec.stages.flatMap((stage) => digest.stages.find((each) => each.stage === stage) ?? []),
    metrics: digest.metrics,
  };
}

function secondsOf(status: Status | undefined): number | undefined {
  if (status === undefined || (status.endedAt === undefined && status.state !== 'running')) return undefined;
  const end = status.endedAt === undefined ? Date.now() : Date.parse(status.endedAt);
  return Math.max(0, (end - Date.parse(status.startedAt)) / 1000);
}
