import { z } from 'zod';
import type { Cursor } from '../cursor.js';
import type { MetricsFeed, Point } from '../metrics-feed.js';
import type { MlflowClient } from './client.js';
import { limits, mlflowName } from './names.js';

/** A metric as MLflow takes it: JSON has no NaN, so it goes as text. */
export interface MlflowMetric {
  readonly key: string;
  readonly value: number | 'NaN' | 'Infinity' | '-Infinity';
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export function metricOf({ stage, name, step, time, value }: Point): MlflowMetric {
  return {
    key: mlflowName(`${stage}/${name}`),
    value: Number.isFinite(value) ? value : (String(value) as 'NaN' | 'Infinity' | '-Infinity'),
    timestamp: Math.round(time),
    step: Math.round(step),
  };
}

const historySchema = z.object({
  metrics: z
    .array(
      z.looseObject({
        step: z.union([z.number(), z.string()]).default(0), // the default of a protocol buffer is left out
        value: z.union([z.number(), z.string()]).default(0),
      }),
    )
    .default([]),
  next_page_token: z.string().optional(),
});

/** What the server has of a run's metrics, asked for key by key, once. */
class History {
  readonly #keys = new Map<string, Set<string>>();

  constructor(
    private readonly client: MlflowClient,
    private readonly run: string,
  ) {}

  async has({ key, step, value }: MlflowMetric): Promise<boolean> {
    const known = this.#keys.get(key) ?? (await this.#read(key));
    this.#keys.set(key, known);
    return known.has(`${step} ${Number(value)}`);
  }

  async #read(key: string): Promise<Set<string>> {
    const known = new Set<string>();
    for (let token: string | undefined; ;) {
      const query = {
        run_id: this.run,
        metric_key: key,
        max_results: '25000',
        ...(token === undefined ? {} : { page_token: token }),
      };
      const { metrics, next_page_token } = await this.client.get(historySchema, 'metrics/get-history', query);
      for (const { step, value } of metrics) known.add(`${Number(step)} ${Number(value)}`);
      if (next_page_token === undefined || next_page_token === '') return known;
      token = next_page_token;
    }
  }
}

/**
 * Sends what `metrics.jsonl` has beyond the cursor, a thousand numbers a request.
 *
 * Exactly once: that a stretch of bytes is being sent, and how many of its numbers have arrived, is written down around each
 * request. A request whose answer never came may have been carried out, in part even: MLflow's database keeps one of two equal
 * numbers, its file store keeps both. So before those of an unclear request go again, the history is read back, and what the server
 * has is left out. So it is with the bytes before `knownTo`: the server had the run before our cursor began.
 */
export async function sendMetrics(
  client: MlflowClient,
  run: string,
  cursor: Cursor,
  feed: MetricsFeed,
  knownTo: number,
): Promise<void> {
  const history = new History(client, run);
  let isUnclear = cursor.pending !== null; // what was begun before
  for (;;) {
    const chunk = await feed.chunk(cursor.offset, cursor.pending?.to);
    if (chunk === undefined) return;
    const metrics = chunk.points.map(metricOf);
    let done = cursor.pending?.done ?? 0;
    while (done < metrics.length) {
      const batch = metrics.slice(done, done + limits.metricsInBatch);
      await cursor.save({ pending: { to: chunk.to, done } });
      const fresh: MlflowMetric[] = [];
      for (const metric of batch) {
        if (!(isUnclear || chunk.from < knownTo) || !(await history.has(metric))) fresh.push(metric);
      }
      if (fresh.length > 0) await client.post(z.object({}), 'runs/log-batch', { run_id: run, metrics: fresh });
      isUnclear = false;
      done += batch.length;
    }
    await cursor.save({ offset: chunk.to, pending: null });
  }
}
