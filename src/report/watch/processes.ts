import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { membershipOf } from '../../engine/collectives/membership.js';

/** A process that `trainbook launch` started. */
export interface Member {
  readonly pid: number;
  readonly script: string;
  /** From 0, of so many. */
  readonly index: number;
  readonly count: number;
  readonly bytes: number | undefined;
}

/** Bytes of memory that a process of this machine holds (resident set), on Linux; undefined elsewhere, or if it is gone. */
export async function memoryOf(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** The members of groups that run on this machine, on Linux, as far as they are this user's. */
export async function launchedMembers(): Promise<Member[]> {
  const pids = (await readdir('/proc').catch((): string[] => [])).filter((name) => /^\d+$/u.test(name));
  const found = await Promise.all(pids.map((pid) => memberOf(Number(pid))));
  return found
    .filter((member) => member !== undefined)
    .sort((a, b) => (a.script === b.script ? a.index - b.index : a.script < b.script ? -1 : 1));
}

async function memberOf(pid: number): Promise<Member | undefined> {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  const at = words.findIndex((word) => /[/\\]commands[/\\]launched\.[jt]s$/u.test(word));
  const script = words[at + 1];
  if (at < 0 || script === undefined) return undefined;
  const environment = (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).split('\0');
  const membership = membershipOf(
    Object.fromEntries(
      environment.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
  );
  if (membership === undefined) return undefined;
  const { index, hosts } = membership;
  return { pid, script: basename(script), index, count: hosts.length, bytes: await memoryOf(pid) };
}
