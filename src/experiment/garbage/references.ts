import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson } from '../../files.js';
import { isAlive, ownerSchema } from '../lock.js';
import { readsSchema } from '../reads.js';
import { readStatus } from '../run-record.js';
import type { Status } from '../run-record.js';
import { artifactsOf, readLineage } from '../run-index/lineage.js';
import { runNames } from '../run-index/run-entry.js';

/** What of a store is wanted, at one moment. */
export interface References {
  /** When the look began, in ms since 1970. */
  readonly began: number;
  /** Experiments whose runs name an artifact in their lineage. */
  readonly experiments: ReadonlyMap<string, ReadonlySet<string>>;
  /** Artifacts that a stage reads that is being run. */
  readonly beingRead: ReadonlySet<string>;
  /** Stages that are being run by a live process. */
  readonly liveStages: ReadonlySet<string>;
  /** Whether a live process may be about to write down what it uses. */
  readonly isLive: boolean;
  /** Claims of processes that are dead. */
  readonly deadClaims: readonly string[];
  /** The state of a run, by its name below `runs/`; undefined if it is gone. */
  stateOf(run: string): Promise<Status['state'] | undefined>;
}

const claimSchema = z.looseObject({ owner: ownerSchema, reads: readsSchema });

/**
 * Looks at the lineage of every run and at every claim.
 *
 * @throws TrainbookError for a lineage that cannot be read: what it names is not known
 */
export async function findReferences(runsFolder: string): Promise<References> {
  const began = Date.now();
  const experiments = new Map<string, Set<string>>();
  const states = new Map<string, Status['state'] | undefined>();
  const stateOf = async (run: string): Promise<Status['state'] | undefined> => {
    const known = states.get(run);
    if (known !== undefined) return known;
    const state = await stateNow(join(runsFolder, run));
    states.set(run, state);
    return state;
  };
  for (const run of await runNames(runsFolder)) {
    await stateOf(run);
    const lineage = await readLineage(join(runsFolder, run));
    if (lineage === undefined) throw unreadable(join(runsFolder, run));
    const [experiment = ''] = run.split('/');
    for (const artifact of artifactsOf(lineage)) {
      experiments.set(artifact, (experiments.get(artifact) ?? new Set()).add(experiment));
    }
  }
  const claims = await readClaims(join(runsFolder, 'store', 'locks'));
  return {
    began,
    experiments,
    ...claims,
    isLive: claims.liveStages.size > 0 || [...states.values()].includes('running'),
    stateOf,
  };
}

/** A run that was killed before its first status may go on too. */
async function stateNow(folder: string): Promise<Status['state'] | undefined> {
  if ((await stat(join(folder, 'spec.json')).catch(() => undefined)) === undefined) return undefined;
  return (await readStatus(folder).catch(() => undefined))?.state ?? 'interrupted';
}

function unreadable(folder: string): TrainbookError {
  return new TrainbookError({
    what: 'store: the lineage of a run cannot be read, so what it needs is not known',
    received: join(folder, 'lineage.json'),
    expected: 'a lineage that this version wrote',
    fix: 'read it with the version of trainbook that wrote it, or remove the run: npx trainbook runs remove',
  });
}

async function readClaims(locks: string): Promise<Pick<References, 'beingRead' | 'liveStages' | 'deadClaims'>> {
  const beingRead = new Set<string>();
  const liveStages = new Set<string>();
  const deadClaims: string[] = [];
  for (const stage of await readdir(locks).catch((): string[] => [])) {
    const folder = join(locks, stage, 'claims');
    for (const name of await readdir(folder).catch((): string[] => [])) {
      if (!name.endsWith('.json')) continue;
      const path = join(folder, name);
      const { mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {};
      const claim = claimSchema.safeParse(await readJson(path).catch(() => undefined)).data;
      if (claim === undefined || isAlive(claim.owner, mtimeMs)) liveStages.add(stage);
      else deadClaims.push(path);
      for (const artifact of Object.values(claim?.reads.artifacts ?? {})) beingRead.add(artifact);
    }
  }
  return { beingRead, liveStages, deadClaims };
}

/** Whether a live process runs a stage now; asked under the lock that whoever begins must take. */
export async function isBeingRun(claims: string): Promise<boolean> {
  for (const name of await readdir(claims).catch((): string[] => [])) {
    if (!name.endsWith('.json')) continue;
    const path = join(claims, name);
    const [text, found] = await Promise.all([
      readFile(path, 'utf8').catch(() => ''),
      stat(path).catch(() => undefined),
    ]);
    if (found === undefined) continue;
    const claim = claimSchema.safeParse(safeJson(text)).data;
    if (claim === undefined || isAlive(claim.owner, found.mtimeMs)) return true;
    await rm(path, { force: true });
  }
  return false;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
