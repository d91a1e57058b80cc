import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRows } from '../metrics.js';
import type { MetricsRow } from '../metrics.js';

/** One number of a run: what sinks send. `time` is in ms since 1970. */
export interface Point {
  readonly stage: string;
  readonly name: string;
  readonly step: number;
  readonly time: number;
  readonly value: number;
}

/** A stage that was done again from a step on, since the run was killed or interrupted and went on. */
export interface Restart {
  readonly stage: string;
  readonly attempt: number;
  /** The first step that was done again, or that came after. */
  readonly step: number;
  readonly time: number;
}

/** What a stretch of `metrics.jsonl` tells that the stretches before it did not. */
export interface Chunk {
  /** Bytes of the file: the stretch ends with a line. */
  readonly from: number;
  readonly to: number;
  readonly points: readonly Point[];
  /** Before the point of this index comes the restart. */
  readonly restarts: readonly { readonly before: number; readonly restart: Restart }[];
}

/** Bytes of lines that are read at a time. */
const stretch = 4_194_304;
/** Steps of a stage whose numbers are remembered: a run loses fewer when it is killed, and memory stays bounded. */
const rememberedSteps = 200_000;

/**
 * Follows a run's `metrics.jsonl` while it grows, in stretches of whole lines.
 *
 * A run that was killed goes on from its last checkpoint, so some steps are done twice, with the same numbers where resuming is
 * exact. Each number counts once: of a step that one stretch has twice the last attempt alone is told, and a number that an
 * earlier stretch told for the same step is not told again if it is the same (`repeats: 'differing'`). Where it differs
 * (`tokensPerSecond`), it is told with its own, later time. A place that forgets what came after a restart wants all of it again
 * (`repeats: 'all'`). The same bytes always make the same points.
 */
export class MetricsFeed {
  readonly #path: string;
  /** What was read so far: by stage, the last attempt and the numbers of each step. */
  readonly #stages = new Map<string, { attempt: number; readonly steps: Map<number, Record<string, number>> }>();
  #readTo = 0;

  constructor(
    folder: string,
    readonly repeats: 'differing' | 'all' = 'differing',
  ) {
    this.#path = join(folder, 'metrics.jsonl');
  }

  /** Bytes of the file now; 0 without one. */
  async size(): Promise<number> {
    const file = await open(this.#path, 'r').catch(() => undefined);
    if (file === undefined) return 0;
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  /** What the bytes from `from` tell, to `to` or else as many whole lines as there are, up to a few MiB; undefined if none. */
  async chunk(from: number, to?: number): Promise<Chunk | undefined> {
    if (this.#readTo > from) {
      this.#stages.clear(); // asked again for what was read: begin anew
      this.#readTo = 0;
    }
    while (this.#readTo < from) {
      const before = await this.#rows(this.#readTo, from);
      if (before === undefined) return undefined; // the file is shorter than what was sent of it
      this.#take(before.rows);
      this.#readTo = before.to;
    }
    const found = await this.#rows(from, to);
    if (found === undefined) return undefined;
    const { points, restarts } = this.#take(found.rows);
    this.#readTo = found.to;
    return { from, to: found.to, points, restarts };
  }

  async #rows(from: number, limit: number | undefined): Promise<{ rows: MetricsRow[]; to: number } | undefined> {
    const file = await open(this.#path, 'r').catch(() => undefined);
    if (file === undefined) return undefined;
    try {
      const end = Math.min((await file.stat()).size, limit ?? Infinity);
      for (let length = stretch; from < end; length *= 2) {
        const buffer = Buffer.alloc(Math.min(length, end - from));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
        const whole = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
        if (whole > 0) return { rows: parseRows(buffer.toString('utf8', 0, whole)), to: from + whole };
        if (from + length >= end) return undefined; // half a line: it will be whole, or be cut off
      }
      return undefined;
    } finally {
      await file.close();
    }
  }

  #take(rows: readonly MetricsRow[]): Pick<Chunk, 'points' | 'restarts'> {
    const last = new Map<string, number>(); // of each stage and step, the last attempt in these rows
    const place = ({ stage, step }: MetricsRow): string => `${step} ${stage}`;
    for (const row of rows) last.set(place(row), Math.max(row.attempt, last.get(place(row)) ?? 0));
    const points: Point[] = [];
    const restarts: { before: number; restart: Restart }[] = [];
    const superseded: { known: Record<string, number>; values: MetricsRow['values'] }[] = [];
    for (const row of rows) {
      const { stage: name, step, time, attempt } = row;
      const stage = this.#stages.get(name) ?? { attempt, steps: new Map<number, Record<string, number>>() };
      this.#stages.set(name, stage);
      if (attempt > stage.attempt) {
        stage.attempt = attempt;
        restarts.push({ before: points.length, restart: { stage: name, attempt, step, time } });
      }
      const known = stage.steps.get(step) ?? {};
      stage.steps.set(step, known);
      if (stage.steps.size > rememberedSteps) stage.steps.delete(stage.steps.keys().next().value ?? step);
      if (attempt < (last.get(place(row)) ?? 0)) {
        superseded.push({ known, values: row.values });
        continue;
      }
      for (const [key, value] of Object.entries(row.values)) {
        const isKnown = Object.hasOwn(known, key) && Object.is(known[key], value);
        known[key] = value;
        if (!isKnown || this.repeats === 'all') points.push({ stage: name, name: key, step, time, value });
      }
    }
    // What is known after these rows is the same however the bytes were cut into stretches.
    for (const { known, values } of superseded.reverse()) Object.assign(known, { ...values, ...known });
    return { points, restarts };
  }
}
