import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** A lock whose owner has not touched it for this long is taken over: its machine died, or is another one (ms). */
const abandonedAfter = 60_000;
const heartbeat = 10_000;

/**
 * Runs `work` while holding the lock file at `path`, so that two set-ups do not write the same folder. Waits for another
 * living owner; a lock left by a process that died is taken over.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {(owner: string) => void} [onWait] called once when somebody else holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait = () => undefined) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path)) {
    const owner = ownerOf(path);
    if (owner !== undefined && isAbandoned(path, owner)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) onWait(owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`);
    told = true;
    await wait(200);
  }
  const beat = setInterval(() => touch(path), heartbeat);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    rmSync(path, { force: true });
  }
}

/** @param {string} path */
function take(path) {
  try {
    writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} path
 * @returns {{ pid: number, host: string } | undefined}
 */
function ownerOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // gone meanwhile, or being written: look again
  }
}

/**
 * @param {string} path
 * @param {{ pid: number, host: string }} owner
 */
function isAbandoned(path, owner) {
  if (owner.host === hostname()) return !isAlive(owner.pid);
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > abandonedAfter;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** @param {string} path */
function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // taken away by hand: the work goes on
  }
}
