import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withLock } from '../lock.js';
import { temporaryPath } from '../store.js';
import { findGarbage, isWanted, lastUse, protectedSince } from './find-garbage.js';
import type { Garbage } from './find-garbage.js';
import { findReferences, isBeingRun } from './references.js';
import { compactTraces } from './stored-traces.js';

export interface Collected {
  readonly removed: readonly Garbage[];
  readonly traces: readonly { readonly stage: string; readonly count: number; readonly bytes: number }[];
  readonly bytes: number;
  /** Stages whose traces could not be compacted, since they are being run. */
  readonly busy: readonly string[];
}

/**
 * Removes from the store what no run's lineage names and no trace of a run that can go on, and what killed processes left.
 *
 * Runs may go on meanwhile. Whoever finds or makes an artifact touches it before looking at it; while any process lives, what
 * was touched in the last ten minutes stays, and by then its user has written it down. An artifact is moved aside first, and moved back
 * if it was touched at the last moment. A run that comes too late finds nothing, and computes the stage again: never a half.
 *
 * @param dryRun only says what would go
 */
export async function collectGarbage(runsFolder: string, dryRun = false): Promise<Collected> {
  const store = join(runsFolder, 'store');
  const references = await findReferences(runsFolder);
  const found = await findGarbage(runsFolder, references);
  const busy: string[] = [];
  const traces: Collected['traces'][number][] = [];
  for (const each of found.traces) {
    if (dryRun) {
      if (references.liveStages.has(each.stage)) busy.push(each.stage);
      else traces.push(each);
      continue;
    }
    const freed = await compactTraces(store, each.stage, (line) => isWanted(store, line, references));
    if (freed === undefined) busy.push(each.stage);
    else traces.push({ ...each, bytes: freed });
  }
  const removed: Garbage[] = [];
  for (const each of found.garbage) {
    const goes = dryRun || (await removeIfIdle(store, each, protectedSince(references)));
    if (goes) removed.push(each);
  }
  const bytes = [...removed, ...traces].reduce((sum, each) => sum + each.bytes, 0);
  return { removed, traces, bytes, busy };
}

/** A checkpoint goes only while nobody runs its stage, or can begin to: it might go on from there. */
async function removeIfIdle(store: string, garbage: Garbage, since: number): Promise<boolean> {
  if (garbage.kind !== 'checkpoint') return remove(store, garbage, since);
  const locks = join(store, 'locks', garbage.stage);
  return withLock(
    join(locks, 'lock'),
    async () => !(await isBeingRun(join(locks, 'claims'))) && (await remove(store, garbage, since)),
  );
}

/** Whether it is gone. */
async function remove(store: string, { kind, path }: Garbage, since: number): Promise<boolean> {
  if (kind === 'leftover') {
    await rm(path, { recursive: true, force: true });
    return true;
  }
  const before = kind === 'artifact' ? await lastUse(path) : undefined;
  if (before !== undefined && before >= since) return false;
  const aside = temporaryPath(store);
  await mkdir(dirname(aside), { recursive: true });
  try {
    await rename(path, aside);
  } catch {
    return false; // another collection was quicker
  }
  if (
    kind === 'artifact' &&
    (await lastUse(aside)) !== before &&
    (await moveBack(aside, join(store, basename(path))))
  ) {
    return false;
  }
  await rm(aside, { recursive: true, force: true });
  return true;
}

/** Whether an artifact could be put back: not where the same one was made again meanwhile. */
async function moveBack(aside: string, path: string): Promise<boolean> {
  return rename(aside, path).then(
    () => true,
    () => false,
  );
}
