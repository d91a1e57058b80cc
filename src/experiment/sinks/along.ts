import { sendBeside } from './beside.js';
import type { Beside } from './beside.js';
import type { Following } from './follow.js';
import { sinkOf } from './targets.js';
import type { SinkTarget } from './targets.js';

/** How a sink of one run ended. */
export interface SinkEnd {
  /** The run's folder. */
  readonly folder: string;
  readonly sink: SinkTarget['kind'];
  readonly target: string;
  readonly state: 'sent' | 'waiting';
  readonly link?: string;
  readonly reason?: string;
}

/** Runs that are sent while other things go on: one that begins is followed, one that has ended is sent whole. */
export interface Along {
  /** Follows a run from now on. */
  start(folder: string): void;
  /** Sends what is left of it, without being waited for. */
  ended(folder: string): void;
  /** Waits for all that can be sent now; called twice it tells of nothing the second time. */
  end(): Promise<readonly SinkEnd[]>;
}

/**
 * Sends runs to some sinks while they go on, each by a process of its own. Nothing waits for them but `end`.
 *
 * @param say Receives a line when a sink is away, and when it is back.
 * @throws TrainbookError for an address that is none
 * @example
 * const along = sendAlong([{ kind: 'mlflow', uri: 'http://127.0.0.1:5000' }], console.log);
 * along.start(run.folder);
 * // … the run …
 * await along.end();
 */
export function sendAlong(targets: readonly SinkTarget[], say: (line: string) => void): Along {
  for (const target of targets) sinkOf(target, process.env);
  const runs = new Map<string, readonly Beside[]>();
  const ends = new Map<string, Promise<readonly SinkEnd[]>>();
  const onChange = (target: SinkTarget, state: Following): void => {
    say(
      state.state === 'sent'
        ? `${target.kind}: sending again`
        : `${target.kind}: nothing is sent for now, the run goes on: ${state.reason}`,
    );
  };
  const start = (folder: string): void => {
    if (runs.has(folder)) return;
    runs.set(
      folder,
      targets.map((target) => sendBeside(folder, target, { onChange })),
    );
  };
  const ended = (folder: string): Promise<readonly SinkEnd[]> => {
    start(folder);
    const end = ends.get(folder) ?? Promise.all((runs.get(folder) ?? []).map((beside) => endOf(folder, beside)));
    ends.set(folder, end);
    return end;
  };
  return {
    start,
    ended: (folder) => void ended(folder),
    async end() {
      const all = await Promise.all([...runs.keys()].map(ended));
      runs.clear();
      ends.clear();
      return all.flat();
    },
  };
}

/** A target as it may be shown: without user and password. */
export function shownTarget(target: SinkTarget): string {
  return target.kind === 'tensorboard' ? target.folder : target.uri.replace(/\/\/[^@/]*@/u, '//');
}

async function endOf(folder: string, beside: Beside): Promise<SinkEnd> {
  const state = await beside.end();
  const about = { folder, sink: beside.target.kind, target: shownTarget(beside.target) };
  if (state?.state === 'sent' && state.isOver) {
    const { link } = state.sent;
    return { ...about, state: 'sent', ...(link === undefined ? {} : { link }) };
  }
  const reason = state === undefined || state.state === 'sent' ? 'it takes longer than the run' : state.reason;
  return { ...about, state: 'waiting', reason };
}
