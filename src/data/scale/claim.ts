import { closeSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';

// Which process does a task just now: .work/find-1/00003.claim = {"pid":4711,"host":"node-7","run":"x1y2"}
//
// A claim saves work, no more: two who did the same task would write the same bytes, each whole. So there is no harm in a claim
// that is taken over from one who only seemed dead.

/** Without a sign of life for so long, a claim counts for nothing. */
const SILENT_MILLISECONDS = 60_000;
const SIGN_MILLISECONDS = 15_000;
/** So long at most a claim is there without its words. */
const WRITING_MILLISECONDS = 1000;

export interface Claims {
  /** Whether the task is ours now; false while another does it. */
  take(path: string): boolean;
  release(path: string): void;
  close(): void;
}

export function openClaims(): Claims {
  const own = { pid: process.pid, host: hostname(), run: Math.random().toString(36).slice(2) };
  const held = new Set<string>();
  const timer = setInterval(() => {
    const now = new Date();
    for (const path of held) {
      try {
        utimesSync(path, now, now);
      } catch {
        // taken over
      }
    }
  }, SIGN_MILLISECONDS).unref();
  return {
    take(path) {
      for (let attempt = 0; attempt < 2; attempt++) {
        try {
          const file = openSync(path, 'wx');
          writeSync(file, JSON.stringify(own));
          closeSync(file);
          held.add(path);
          return true;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        if (isHeld(path)) return false;
        rmSync(path, { force: true });
      }
      return false;
    },
    release(path) {
      held.delete(path);
      rmSync(path, { force: true });
    },
    close() {
      clearInterval(timer);
      for (const path of held) rmSync(path, { force: true });
    },
  };
}

function isHeld(path: string): boolean {
  try {
    const silent = Date.now() - statSync(path).mtimeMs;
    if (silent > SILENT_MILLISECONDS) return false;
    const text = readFileSync(path, 'utf8');
    if (text === '') return silent < WRITING_MILLISECONDS; // its writer may have been killed just there
    const { pid, host } = JSON.parse(text) as { pid: number; host: string };
    if (host !== hostname()) return true;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // another user's, alive
  }
}
