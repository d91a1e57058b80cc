import { existsSync, statfsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TrainbookError } from '../error.js';

/** Free disk at `folder` (or at the nearest folder above it that exists), in MB (10⁶ bytes). */
export function freeMegabytes(folder: string): number {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return Math.floor((bavail * bsize) / 1e6);
}

/** Stops before a download that would fill the disk. */
export function requireDisk(
  what: string,
  folder: string,
  megabytes: number,
  free: number = freeMegabytes(folder),
): void {
  if (free >= megabytes) return;
  throw new TrainbookError({
    what: `set-up: not enough disk for ${what}`,
    received: `${free} MB free at ${folder}`,
    expected: `${megabytes} MB`,
    fix: 'free some disk, then run the same command again; TRAINBOOK_CACHE=/another/disk moves the library elsewhere',
  });
}

/** Disk that a file or folder takes, in MB (10⁶ bytes); 0 where it does not exist. Links are not followed. */
export async function diskUsage(path: string): Promise<number> {
  return (await diskBytes(path)) / 1e6;
}

async function diskBytes(path: string): Promise<number> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 0;
  if (!found.isDirectory()) return found.size; // blocks are counted late, when the system writes them
  let sum = found.blocks * 512;
  for (const name of await readdir(path)) sum += await diskBytes(join(path, name));
  return sum;
}
