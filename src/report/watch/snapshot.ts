import { hostname } from 'node:os';
import { join } from 'node:path';
import { isCalled, metricNames } from '../../experiment/metric-names.js';
import type { MetricsRow } from '../../experiment/metrics.js';
import { listCells } from '../../experiment/run-index/ablation-cells.js';
import type { AblationCells } from '../../experiment/run-index/ablation-cells.js';
import { listRuns } from '../../experiment/run-index/run-entry.js';
import type { RunEntry } from '../../experiment/run-index/run-entry.js';
import { MetricsFollower } from './metrics-follower.js';
import { launchedMembers, memoryOf } from './processes.js';
import type { Member } from './processes.js';

/** Memory of a process at a moment. */
export interface Sample {
  /** ms since 1970. */
  readonly time: number;
  readonly bytes: number;
}

export interface WatchedRun {
  readonly entry: RunEntry;
  readonly rows: readonly MetricsRow[];
  /** The last run of the experiment before this one that was done and has an accuracy. */
  readonly earlier: { readonly id: string; readonly rows: readonly MetricsRow[] } | undefined;
  /** Of its process, while it runs on this machine and is watched. */
  readonly memory: readonly Sample[];
}

/** All that the page shows, at one moment. */
export interface Snapshot {
  readonly time: number;
  readonly numRuns: number;
  /** Those that run, newest first, and those that ended a short while ago; the newest of all where there is none. */
  readonly watched: readonly WatchedRun[];
  /** Ablations with a cell that is not over. */
  readonly ablations: readonly AblationCells[];
  readonly members: readonly Member[];
}

/** Lines that a chart can tell apart. */
const mostRuns = 6;
/** A run that ended stays on the page for so long. */
const lingerMilliseconds = 10 * 60_000;
/** The list of runs is looked up again after so long; metrics each time. */
const listMilliseconds = 4000;
const mostSamples = 3600;

/** Looks at a folder of runs again and again. */
export class Watcher {
  readonly #runsFolder: string;
  readonly #followers = new Map<string, MetricsFollower>();
  readonly #memory = new Map<string, Sample[]>();
  #list:
    | { readonly time: number; readonly runs: readonly RunEntry[]; readonly ablations: readonly AblationCells[] }
    | undefined;

  constructor(runsFolder: string) {
    this.#runsFolder = runsFolder;
  }

  async look(now = Date.now()): Promise<Snapshot> {
    if (this.#list === undefined || now - this.#list.time >= listMilliseconds) {
      const [{ runs }, ablations] = await Promise.all([listRuns(this.#runsFolder), listCells(this.#runsFolder)]);
      this.#list = { time: now, runs, ablations };
    }
    const { runs, ablations } = this.#list;
    const chosen = chooseRuns(runs, now);
    const watched = await Promise.all(chosen.map((entry) => this.#watch(entry, runs, now)));
    this.#forget(watched);
    return {
      time: now,
      numRuns: runs.length,
      watched,
      ablations: ablations.filter(({ cells }) => !cells.every(isOver)),
      members: await launchedMembers(),
    };
  }

  async #watch(entry: RunEntry, runs: readonly RunEntry[], now: number): Promise<WatchedRun> {
    const earlier = earlierRun(entry, runs);
    return {
      entry,
      rows: await this.#follow(entry),
      earlier: earlier === undefined ? undefined : { id: earlier.id, rows: await this.#follow(earlier) },
      memory: await this.#sample(entry, now),
    };
  }

  #follow({ name, folder }: RunEntry): Promise<readonly MetricsRow[]> {
    const follower = this.#followers.get(name) ?? new MetricsFollower(join(folder, 'metrics.jsonl'));
    this.#followers.set(name, follower);
    return follower.read();
  }

  async #sample({ name, state, owner }: RunEntry, now: number): Promise<readonly Sample[]> {
    const samples = this.#memory.get(name) ?? [];
    this.#memory.set(name, samples);
    if (state !== 'running' || owner?.host !== hostname()) return samples;
    const bytes = await memoryOf(owner.pid);
    if (bytes !== undefined) samples.push({ time: now, bytes });
    if (samples.length > mostSamples) samples.splice(0, samples.length - mostSamples);
    return [...samples];
  }

  /** A page may be open for weeks. */
  #forget(watched: readonly WatchedRun[]): void {
    const needed = new Set(
      watched.flatMap(({ entry, earlier }) => [entry.name, `${entry.experiment}/${earlier?.id ?? ''}`]),
    );
    for (const name of this.#followers.keys()) if (!needed.has(name)) this.#followers.delete(name);
    for (const name of this.#memory.keys()) if (!needed.has(name)) this.#memory.delete(name);
  }
}

const isOver = ({ state }: { readonly state: string }): boolean => state !== 'waiting' && state !== 'running';

/** Those that run, then those that have just ended; the newest where there is neither. */
export function chooseRuns(runs: readonly RunEntry[], now: number): readonly RunEntry[] {
  const running = runs.filter(({ state }) => state === 'running');
  const ended = runs.filter(
    ({ state, createdAt, seconds }) =>
      state !== 'running' && now - (Date.parse(createdAt) + 1000 * (seconds ?? 0)) < lingerMilliseconds,
  );
  const chosen = [...running, ...ended].slice(0, mostRuns);
  return chosen.length > 0 ? chosen : runs.slice(0, 1);
}

/** The newest run of the experiment before one that was done and measured an accuracy. */
export function earlierRun(run: RunEntry, runs: readonly RunEntry[]): RunEntry | undefined {
  return runs.find(
    ({ experiment, state, createdAt, metrics }) =>
      experiment === run.experiment &&
      state === 'done' &&
      createdAt < run.createdAt &&
      metrics.some((stage) => stage.metrics.some(({ name }) => isCalled(name, metricNames.accuracy))),
  );
}
