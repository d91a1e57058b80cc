import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Following } from './follow.js';
import type { FollowerStart } from './follower.js';
import { sinkOf } from './targets.js';
import type { SinkTarget } from './targets.js';

/** A sink that follows a run from a process of its own. */
export interface Beside {
  readonly target: SinkTarget;
  /** How it is getting along; undefined before the first word. */
  readonly state: Following | undefined;
  /**
   * To be called when the run has ended and its report is written: waits until all is sent, as long as something moves, and a few
   * seconds where nothing does. What is left then is sent by that process in its last minute, or later by `trainbook send`.
   */
  end(): Promise<Following | undefined>;
}

export interface BesideOptions {
  /** Called when the sink is away, and when it is back: a line for who watches. */
  readonly onChange?: (target: SinkTarget, state: Following) => void;
  /** Milliseconds that `end` waits where nothing moves: 5000 if not given. */
  readonly patience?: number;
  /** See `follow`. */
  readonly interval?: number;
  readonly grace?: number;
}

/**
 * Starts a process that follows a run and sends what it writes, at low priority. The run itself never waits for it: it writes to
 * its folder as ever, and a server that is down, slow or refuses is that process's trouble alone.
 *
 * @throws TrainbookError for a target that cannot be one
 *
 * @example
 * const beside = sendBeside(run.folder, { kind: 'mlflow', uri: 'http://127.0.0.1:5000' });
 * // … the run …
 * await beside.end();
 */
export function sendBeside(folder: string, target: SinkTarget, options: BesideOptions = {}): Beside {
  const { onChange, patience = 5000, interval, grace } = options;
  sinkOf(target, process.env); // a wrong address is said at once
  const child = spawn(process.execPath, program(), {
    stdio: ['ignore', 'ignore', process.env['TRAINBOOK_DEBUG'] === undefined ? 'ignore' : 'inherit', 'ipc'],
    detached: true, // Ctrl-C is for the run
  });
  let state: Following | undefined;
  let movedAt = performance.now();
  const over = new Promise<true>((resolve) => {
    child.once('exit', () => {
      resolve(true);
    });
    child.once('error', (error) => {
      state = { state: 'given-up', reason: `its process cannot be started: ${error.message}` };
      resolve(true);
    });
  });
  child.on('message', (message) => {
    const before = state;
    state = message as Following; // our own process's word
    if (state.state === 'sent') movedAt = performance.now();
    const wasAway = before !== undefined && before.state !== 'sent';
    if ((state.state === 'sent') === wasAway || (before === undefined && state.state !== 'sent')) {
      onChange?.(target, state);
    }
  });
  lower(child);
  const start: FollowerStart = {
    folder,
    target,
    ...(interval === undefined ? {} : { interval }),
    ...(grace === undefined ? {} : { grace }),
  };
  const send = (value: object | string): void => {
    if (child.connected) child.send(value, () => undefined);
  };
  send(start);
  child.unref();
  child.channel?.unref();
  return {
    target,
    get state() {
      return state;
    },
    async end() {
      movedAt = performance.now();
      send('ended');
      const isMoving = (): boolean => performance.now() - movedAt < patience;
      while (isMoving()) {
        const isOver = await Promise.race([over, sleep(50, false)]);
        if (isOver) break;
        // one try after the end: where it fails, nothing is gained by waiting
        if (state?.state === 'waiting' && performance.now() - movedAt > 1000) break;
      }
      if (child.connected) child.disconnect();
      return state;
    },
  };
}

/** The run computes, this process may wait. */
function lower({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, 10);
  } catch {
    // gone already, or a system that does not let us
  }
}

/** JavaScript beside this file; in a checkout that runs from its sources TypeScript, which tsx reads. */
function program(): string[] {
  const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  if (import.meta.url.endsWith('.js')) return [fileOf('follower.js')];
  return ['--import', import.meta.resolve('tsx'), fileOf('follower.ts')];
}
