import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of this process in MB (10⁶ bytes): what of it is in RAM, shared libraries included. */
export function residentMegabytes(): number {
  return process.memoryUsage.rss() / 1e6;
}

/**
 * Forgets the peak so far. Linux keeps the highest RSS of a process as VmHWM in /proc/self/status; writing 5 to
 * /proc/self/clear_refs sets it to the RSS of now (`man 5 proc`). gpt_peer.py does the same.
 */
export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // not Linux: `peakMegabytes` says so
  }
}

/** The highest resident memory since `resetPeak`, in MB; null where the system does not tell. */
export function peakMegabytes(): number | null {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return kilobytes === undefined ? null : (Number(kilobytes) * 1024) / 1e6;
  } catch {
    return null;
  }
}
