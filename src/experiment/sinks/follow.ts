import { setTimeout as sleep } from 'node:timers/promises';
import { readMemberships } from '../ablations/membership.js';
import type { Membership } from '../ablations/membership.js';
import { basename, dirname, resolve } from 'node:path';
import { MetricsFeed } from './metrics-feed.js';
import { sendRun } from './send-run.js';
import type { Sent } from './send-run.js';
import { Unreachable } from './sink.js';
import type { Sink } from './sink.js';

/** How a sink of a run that goes on is getting along. `given-up`: what is left can be sent later. */
export type Following =
  | { readonly state: 'sent'; readonly sent: Sent; readonly isOver: boolean }
  | { readonly state: 'waiting' | 'given-up'; readonly reason: string };

export interface FollowOptions {
  /** Fulfilled when the run's process says that it has ended, or is gone. */
  readonly ended: Promise<unknown>;
  readonly onState: (state: Following) => void;
  /** Milliseconds between two looks at the folder, 1000 if not given; and the most between two tries, 60,000. */
  readonly interval?: number;
  readonly longest?: number;
  /** Milliseconds after the end for which it goes on trying: 60,000 if not given. */
  readonly grace?: number;
}

/**
 * Follows a run while it goes on, and sends what is new. Where the other side is away it tries again, ever more seldom, and once
 * more as soon as the run has ended; then it gives up after some grace.
 */
export async function follow(folder: string, sink: Sink, options: FollowOptions): Promise<Following> {
  const { ended, onState, interval = 1000, longest = 60_000, grace = 60_000 } = options;
  const path = resolve(folder);
  const feed = new MetricsFeed(path, sink.repeats);
  const memberships = membershipOf(path);
  const wakes = new AbortController();
  let endedAt: number | undefined;
  void ended.finally(() => {
    endedAt = performance.now();
    wakes.abort();
  });
  let size = -1;
  for (let failures = 0; ;) {
    const isOver = endedAt !== undefined;
    let state: Following | undefined;
    try {
      const now = await feed.size();
      if (isOver || now !== size || failures > 0) {
        // after the end a server that hangs is not waited for any longer than the grace
        const signal = AbortSignal.any(endedAt === undefined ? [] : [AbortSignal.timeout(grace)]);
        const membership = await memberships(isOver);
        const sent = await sendRun(path, sink, { signal, feed, isLive: !isOver, membership });
        size = now;
        failures = 0;
        state = { state: 'sent', sent, isOver };
      }
    } catch (error) {
      failures += 1;
      const reason = error instanceof Error ? error.message : String(error);
      const isLate = endedAt !== undefined && performance.now() - endedAt > grace;
      const isHopeless = !(error instanceof Unreachable) || isLate;
      state = { state: isHopeless ? 'given-up' : 'waiting', reason };
    }
    if (state !== undefined) {
      onState(state);
      if (state.state === 'given-up' || (state.state === 'sent' && isOver)) return state;
    }
    if (endedAt !== undefined && !isOver) continue; // it ended meanwhile: what is left goes at once
    const wait = failures === 0 ? interval : Math.min(longest, interval * 2 ** failures);
    // woken by the end, once; after it tries are not spaced further than the grace has room for
    const signal = endedAt === undefined ? wakes.signal : undefined;
    const rest = endedAt === undefined ? wait : Math.min(wait, grace / 6);
    await sleep(rest, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
}

/** The ablation that a run is of; which one may be written down while the run goes on, so it is looked for now and then. */
function membershipOf(folder: string): (isOver: boolean) => Promise<Membership | undefined> {
  const runsFolder = dirname(dirname(folder));
  const run = `${basename(dirname(folder))}/${basename(folder)}`;
  let found: Membership | undefined;
  let lookedAt = -Infinity;
  return async (isOver) => {
    if (found === undefined && (isOver || performance.now() - lookedAt > 10_000)) {
      lookedAt = performance.now();
      found = (await readMemberships(runsFolder)).get(run);
    }
    return found;
  };
}
