import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../files.js';
import { runNames } from '../run-index/run-entry.js';
import { isTemporaryLive } from '../store.js';
import { folderBytes } from './folder-bytes.js';
import type { References } from './references.js';
import { readTraceLines, stagesWithTraces } from './stored-traces.js';
import type { TraceLine } from './stored-traces.js';

/** Something in a store, or left beside a record, that nobody needs. */
export interface Garbage {
  readonly kind: 'artifact' | 'execution' | 'checkpoint' | 'leftover';
  readonly path: string;
  readonly bytes: number;
  /** The stage that made it, where that is known. */
  readonly stage: string;
}

/** All that could go, and traces by stage that would. */
export interface Found {
  readonly garbage: readonly Garbage[];
  readonly traces: readonly { readonly stage: string; readonly count: number; readonly bytes: number }[];
}

/** While a process lives, what was used so lately may be about to be written down as used. */
const graceMilliseconds = 10 * 60_000;

/** The time from which on a use protects. */
export const protectedSince = ({ began, isLive }: References): number => (isLive ? began - graceMilliseconds : began);

/** When an artifact was last made, found or looked for, in ms since 1970; undefined if it is gone. */
export async function lastUse(artifact: string): Promise<number | undefined> {
  const found = await stat(join(artifact, 'artifact.json')).catch(() => stat(artifact).catch(() => undefined));
  return found?.mtimeMs;
}

/**
 * Whether a trace is still wanted: its artifact is there and named by a run's lineage, or the run that made it can go on, or
 * the artifact was used lately; a line of an unknown format is.
 */
export async function isWanted(store: string, { trace, isTorn }: TraceLine, references: References): Promise<boolean> {
  if (isTorn) return false;
  if (trace === undefined) return true;
  const used = await lastUse(join(store, trace.artifact));
  if (used === undefined) return false;
  if (references.experiments.has(trace.artifact) || used >= protectedSince(references)) return true;
  const state = await references.stateOf(trace.run);
  return state !== undefined && state !== 'done';
}

const artifactName = /^[0-9a-f]{32}$/u;
const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch((): string[] => []);

/** Looks for everything that nobody needs; changes nothing. */
export async function findGarbage(runsFolder: string, references: References): Promise<Found> {
  const store = join(runsFolder, 'store');
  const wanted = { artifacts: new Set(references.beingRead), executions: new Set<string>() };
  const unknown: string[] = [];
  const traces: Found['traces'][number][] = [];
  for (const stage of await stagesWithTraces(store)) {
    const lines = await readTraceLines(store, stage);
    const dropped: TraceLine[] = [];
    for (const line of lines) {
      if (!(await isWanted(store, line, references))) dropped.push(line);
      else if (line.trace === undefined) unknown.push(line.text);
      else {
        wanted.artifacts.add(line.trace.artifact);
        wanted.executions.add(line.trace.id);
      }
    }
    const bytes = dropped.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0);
    if (dropped.length > 0) traces.push({ stage, count: dropped.length, bytes });
  }
  const isNamed = (name: string): boolean => unknown.some((text) => text.includes(name)); // by a trace of another version
  const garbage = await Promise.all([
    findArtifacts(store, references, (name) => wanted.artifacts.has(name) || isNamed(name)),
    findExecutions(store, references, (id) => wanted.executions.has(id) || isNamed(id)),
    findCheckpoints(store, references),
    findLeftovers(runsFolder, references),
  ]);
  return { garbage: garbage.flat(), traces };
}

async function findArtifacts(
  store: string,
  references: References,
  isKept: (name: string) => boolean,
): Promise<Garbage[]> {
  const found: Garbage[] = [];
  for (const name of await namesIn(store)) {
    if (!artifactName.test(name) || references.experiments.has(name) || isKept(name)) continue;
    const path = join(store, name);
    const used = await lastUse(path);
    if (used === undefined || used >= protectedSince(references)) continue;
    const about = (await readJson(join(path, 'artifact.json')).catch(() => undefined)) as
      { stage?: unknown } | undefined;
    const stage = typeof about?.stage === 'string' ? about.stage : 'damaged';
    found.push({ kind: 'artifact', path, bytes: await folderBytes(path), stage });
  }
  return found;
}

async function findExecutions(
  store: string,
  references: References,
  isKept: (id: string) => boolean,
): Promise<Garbage[]> {
  const found: Garbage[] = [];
  for (const id of await namesIn(join(store, 'executions'))) {
    const path = join(store, 'executions', id);
    if (isKept(id) || !(await isOlder(path, protectedSince(references)))) continue;
    found.push({ kind: 'execution', path, bytes: await folderBytes(path), stage: '' });
  }
  return found;
}

const noteSchema = z.looseObject({ run: z.string() });

/** A checkpoint is wanted as long as the run that wrote it can go on; without a note nobody can go on from it. */
async function findCheckpoints(store: string, references: References): Promise<Garbage[]> {
  const found: Garbage[] = [];
  for (const stage of await namesIn(join(store, 'checkpoints'))) {
    if (references.liveStages.has(stage)) continue;
    const parent = join(store, 'checkpoints', stage);
    const identities = new Set((await namesIn(parent)).map((name) => name.replace(/\.json.*$/u, '')));
    for (const identity of identities) {
      const path = join(parent, identity);
      const note = noteSchema.safeParse(await readJson(`${path}.json`).catch(() => undefined)).data;
      const state = note === undefined ? undefined : await references.stateOf(note.run.replaceAll('\\', '/'));
      if (state !== undefined && state !== 'done') continue;
      for (const each of [path, `${path}.json`]) {
        if (await isOlder(each, protectedSince(references))) {
          found.push({ kind: 'checkpoint', path: each, bytes: await folderBytes(each), stage });
        }
      }
    }
  }
  return found;
}

/** What `replaceAtomic` leaves beside a file when it is killed. */
const halfWritten = /\.[0-9a-f]{12}\.tmp$/u;

/** What killed processes left: half-written artifacts and files, claims; what a list remembers of runs that are gone. */
async function findLeftovers(runsFolder: string, references: References): Promise<Garbage[]> {
  const store = join(runsFolder, 'store');
  const paths = [...references.deadClaims];
  for (const name of await namesIn(join(store, 'tmp'))) {
    const path = join(store, 'tmp', name);
    const { mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {};
    if (!isTemporaryLive(name, mtimeMs)) paths.push(path);
  }
  const runs = await runNames(runsFolder);
  const folders = [
    ...['traces', 'cache', 'executions', 'checkpoints', 'locks'].map((name) => join(store, name)),
    ...runs.map((run) => join(runsFolder, run)),
  ];
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      const isOurs =
        halfWritten.test(entry.name) || (basename(entry.parentPath) === 'claims' && entry.name.endsWith('.tmp'));
      if (entry.isFile() && isOurs && (await isOlder(path, references.began - graceMilliseconds))) paths.push(path);
    }
  }
  const known = new Set(runs);
  const caches = join(store, 'cache', 'runs');
  for (const experiment of await namesIn(caches)) {
    for (const name of await namesIn(join(caches, experiment))) {
      if (name.endsWith('.json') && !known.has(`${experiment}/${name.slice(0, -'.json'.length)}`)) {
        paths.push(join(caches, experiment, name));
      }
    }
  }
  return Promise.all(
    paths.map(async (path) => ({ kind: 'leftover' as const, path, bytes: await folderBytes(path), stage: '' })),
  );
}

async function isOlder(path: string, time: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && found.mtimeMs < time;
}
