import { readFileSync } from 'node:fs';

/** The memory that a process holds (resident set size), in bytes; undefined where the system does not say (it does on Linux). */
export function memoryOf(pid: number): number | undefined {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}

/** How many processes the system has killed for memory: on the machine, and in this control group. */
export function memoryKills(): number {
  return ['/proc/vmstat', '/sys/fs/cgroup/memory.events'].reduce((total, path) => {
    try {
      return total + Number(/^oom_kill (\d+)$/mu.exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
    } catch {
      return total;
    }
  }, 0);
}

/**
 * Whether one more process of `need` bytes fits beside those that run: what is available, less what those may yet grow by.
 *
 * @param held bytes that each of the running ones holds now
 */
export function fits(need: number, available: number, held: readonly number[]): boolean {
  const growth = held.reduce((total, bytes) => total + Math.max(0, need - bytes), 0);
  return available - growth >= need;
}
