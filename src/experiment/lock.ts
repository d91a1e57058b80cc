import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** A process, told apart from a later one that got the same number. */
export const ownerSchema = z.object({ pid: z.number(), host: z.string(), started: z.string() });
export type Owner = z.infer<typeof ownerSchema>;

/** When a process began, in the words of its system (Linux: boot id and clock ticks); undefined if there is none. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined; // EPERM: another user's, alive
  }
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold spaces; the fields after it are state (3rd) … starttime (22nd).
      const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z') return undefined; // killed, and not yet collected by its parent
      return `${boot}:${fields[19] ?? ''}`;
    }
    if (process.platform === 'win32') return 'alive';
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return process.platform === 'linux' ? undefined : 'alive';
  }
}

export const thisProcess: Owner = {
  pid: process.pid,
  host: hostname(),
  started: startOf(process.pid) ?? 'unknown',
};

/** On another machine a process cannot be asked: it counts as dead after this long without a sign of life. */
const silentMilliseconds = 10 * 60_000;

/** Whether an owner still runs; `sign` is the time (ms) of its last sign of life, for owners on other machines. */
export function isAlive(owner: Owner, sign: number): boolean {
  if (owner.host !== thisProcess.host) return Date.now() - sign < silentMilliseconds;
  if (owner.pid === thisProcess.pid && owner.started === thisProcess.started) return true;
  return startOf(owner.pid) === owner.started;
}

/** Touches a file twice a minute, so that other machines see that its owner lives; gives what ends it. */
export function heartbeat(path: string): () => void {
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, 30_000).unref();
  return () => {
    clearInterval(timer);
  };
}

const generationSchema = z.object({ owner: ownerSchema, id: z.string(), released: z.boolean() });

// A lock is a folder of generations: files 1, 2, 3 … of which the highest counts. It is held if its owner lives and has
// not released it. Whoever takes the lock makes the next number with O_EXCL: exactly one succeeds. The highest is
// never removed, so that two who find the same dead owner cannot both take over.

async function highest(folder: string): Promise<number> {
  const names = await readdir(folder);
  return Math.max(0, ...names.map(Number).filter(Number.isInteger));
}

async function isHeld(path: string): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    if (text === '') return Date.now() - mtimeMs < 5000; // being written just now, or its writer was killed
    const { owner, released } = generationSchema.parse(JSON.parse(text));
    return !released && isAlive(owner, mtimeMs);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'; // gone: somebody took the next; anything else is damage
  }
}

/** Whether a live process holds a lock just now; takes nothing. */
export async function isLocked(folder: string): Promise<boolean> {
  const last = await highest(folder).catch(() => 0); // no folder: nobody ever took it
  return last > 0 && (await isHeld(join(folder, String(last))));
}

/** Takes a lock if it is free or its owner is dead; gives what releases it, or undefined if a live process holds it. */
export async function tryLock(folder: string): Promise<(() => Promise<void>) | undefined> {
  await mkdir(folder, { recursive: true });
  const last = await highest(folder);
  if (last > 0 && (await isHeld(join(folder, String(last))))) return undefined;
  const mine = join(folder, String(last + 1));
  const content = { owner: thisProcess, id: randomUUID(), released: false };
  try {
    await writeFile(mine, JSON.stringify(content), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    await rm(mine, { force: true }); // no space: it may be there, and empty
    throw error;
  }
  if ((await highest(folder)) !== last + 1) {
    await rm(mine, { force: true });
    return undefined;
  }
  for (const name of await readdir(folder)) {
    if (Number(name) <= last) await rm(join(folder, name), { force: true });
  }
  const stop = heartbeat(mine);
  return async () => {
    stop();
    await writeFile(mine, JSON.stringify({ ...content, released: true })).catch(() => undefined);
  };
}

/** Runs a short task while holding a lock; waits for it as long as it takes. */
export async function withLock<R>(folder: string, task: () => Promise<R>, signal?: AbortSignal): Promise<R> {
  for (let wait = 1; ; wait = Math.min(50, wait * 2)) {
    signal?.throwIfAborted();
    const release = await tryLock(folder);
    if (release === undefined) {
      await sleep(wait + Math.random() * wait);
      continue;
    }
    try {
      return await task();
    } finally {
      await release();
    }
  }
}
