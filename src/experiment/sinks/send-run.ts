import { resolve } from 'node:path';
import type { Membership } from '../ablations/membership.js';
import { tryLock } from '../lock.js';
import { Cursor } from './cursor.js';
import { MetricsFeed } from './metrics-feed.js';
import { readRunFacts } from './run-facts.js';
import { Busy } from './sink.js';
import type { Sink } from './sink.js';

export interface SendOptions {
  readonly signal: AbortSignal;
  /** The ablation that the run is a cell of: `readMemberships`. */
  readonly membership?: Membership | undefined;
  /** The run's own process watches over the sending: see `Delivery`. */
  readonly isLive?: boolean;
  /** One that has read the run's metrics so far, to be used again. */
  readonly feed?: MetricsFeed;
}

/** What came of sending a run. */
export interface Sent {
  readonly link: string | undefined;
  /** `my-model version 3`, where one was registered. */
  readonly model: string | undefined;
  readonly notes: readonly string[];
  /** Bytes of the run's metrics that the other side has. */
  readonly bytes: number;
}

/**
 * Brings a sink up to what a run's folder says now. One process at a time does so for a run and a target.
 *
 * @throws Unreachable if the same may succeed later
 * @throws TrainbookError if it will not: a folder that is no run, a wrong password
 */
export async function sendRun(folder: string, sink: Sink, options: SendOptions): Promise<Sent> {
  const { signal, membership, isLive = false } = options;
  const path = resolve(folder);
  const run = await readRunFacts(path, membership);
  const release = await tryLock(`${Cursor.pathOf(path, sink.name, sink.target)}.lock`);
  if (release === undefined) throw new Busy(`run ${run.path} is being sent by another process`, false);
  try {
    const cursor = await Cursor.open(path, sink.name, sink.target);
    const feed = options.feed ?? new MetricsFeed(path, sink.repeats);
    const notes: string[] = [];
    await sink.send({ run, cursor, feed, isLive, signal, note: (text) => notes.push(text) });
    return { link: sink.link(cursor), model: cursor.remote('model'), notes, bytes: cursor.offset };
  } finally {
    await release();
  }
}
