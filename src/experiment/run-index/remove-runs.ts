import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { folderBytes } from '../garbage/folder-bytes.js';
import { tryLock } from '../lock.js';
import { readStatus } from '../run-record.js';
import { temporaryPath } from '../store.js';
import { listCells } from './ablation-cells.js';
import type { AblationCell } from './ablation-cells.js';
import { artifactsOf, readLineage } from './lineage.js';
import { cachePathOf, runNames } from './run-entry.js';

/** What goes, or stays behind without its run, when runs are removed. */
export interface Dependents {
  readonly runs: readonly { readonly name: string; readonly bytes: number }[];
  /** Artifacts that no other run needs: `trainbook store gc` would then remove them. */
  readonly artifacts: readonly { readonly artifact: string; readonly stage: string; readonly bytes: number }[];
  /** Cells of ablations whose value came from one of these runs: the value stays, its run is gone. */
  readonly cells: readonly AblationCell[];
}

/** Looks up what depends on runs, by their names. */
export async function dependentsOf(runsFolder: string, names: readonly string[]): Promise<Dependents> {
  const going = new Set(names);
  const elsewhere = new Set<string>();
  const theirs = new Map<string, string>();
  for (const name of await runNames(runsFolder)) {
    const lineage = (await readLineage(join(runsFolder, name))) ?? [];
    if (going.has(name)) for (const { artifact, stage } of lineage) theirs.set(artifact, stage);
    else for (const artifact of artifactsOf(lineage)) elsewhere.add(artifact);
  }
  const only = [...theirs].filter(([artifact]) => !elsewhere.has(artifact));
  const sized = await Promise.all(
    only.map(async ([artifact, stage]) => {
      const folder = join(runsFolder, 'store', artifact);
      return (await stat(folder).catch(() => undefined)) === undefined
        ? []
        : [{ artifact, stage, bytes: await folderBytes(folder) }];
    }),
  );
  const ablations = await listCells(runsFolder);
  return {
    runs: await Promise.all(names.map(async (name) => ({ name, bytes: await folderBytes(join(runsFolder, name)) }))),
    artifacts: sized.flat(),
    cells: ablations.flatMap(({ cells }) => cells).filter(({ run }) => run !== undefined && going.has(run)),
  };
}

/**
 * Removes a run's folder, at one instant for all others: it is renamed, then deleted. Its artifacts stay in the store.
 *
 * @throws TrainbookError for a run that is being run
 */
export async function removeRun(runsFolder: string, name: string): Promise<void> {
  const folder = join(runsFolder, name);
  const release = await lockIdle(folder, name);
  const aside = temporaryPath(join(runsFolder, 'store'));
  try {
    await mkdir(dirname(aside), { recursive: true });
    await rename(folder, aside);
  } catch (error) {
    await release();
    throw error;
  }
  await release(); // its lock is gone with it: this stops the heartbeat
  await rm(aside, { recursive: true, force: true });
  await rm(cachePathOf(runsFolder, dirname(name), basename(name)), { force: true });
}

async function lockIdle(folder: string, name: string): Promise<() => Promise<void>> {
  const status = await readStatus(folder).catch(() => undefined);
  const release = status?.state === 'running' ? undefined : await tryLock(join(folder, '.lock'));
  if (release !== undefined) return release;
  throw new TrainbookError({
    what: `runs remove: run ${name} is running`,
    received: name,
    expected: 'a run that has ended',
    fix:
      status?.owner === undefined
        ? 'wait for it'
        : `wait for it, or end process ${status.owner.pid} on ${status.owner.host}`,
  });
}
