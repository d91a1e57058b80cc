import type { Cursor } from './cursor.js';
import type { MetricsFeed } from './metrics-feed.js';
import type { RunFacts } from './run-facts.js';

/** What a sink is given of a run, and what it notes of its sending. */
export interface Delivery {
  readonly run: RunFacts;
  readonly cursor: Cursor;
  readonly feed: MetricsFeed;
  /** The run is being watched by its own process: it may still write, whatever its status says now. */
  readonly isLive: boolean;
  readonly signal: AbortSignal;
  /** What a reader should know of what was not sent. */
  readonly note: (text: string) => void;
}

/**
 * A place that is told of runs. The run's folder is the source of truth: `send` brings the place up to what the folder says
 * now. It may be killed at any instant and called again: nothing is lost and nothing is told twice.
 */
export interface Sink {
  /** `mlflow`, `tensorboard`. */
  readonly name: string;
  /** Where to, without passwords: `http://127.0.0.1:5000`. A run may be sent to several places. */
  readonly target: string;
  /** Which numbers of steps that were done twice it wants: see `MetricsFeed`. */
  readonly repeats: MetricsFeed['repeats'];
  /**
   * @throws Unreachable if the same may succeed later
   * @throws TrainbookError if it will not
   */
  send(delivery: Delivery): Promise<void>;
  /** Where a reader finds what was sent. */
  link(cursor: Cursor): string | undefined;
}

/** The other side did not answer, or failed: the same may succeed later. */
export class Unreachable extends Error {
  override readonly name: string = 'Unreachable';

  /** `unclear`: what was asked for may have been done all the same. */
  constructor(
    message: string,
    readonly unclear: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Another process is sending the same run just now. */
export class Busy extends Unreachable {
  override readonly name = 'Busy';
}
