import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MetricsRow } from '../../../src/experiment/metrics.js';
import type { Json } from '../../../src/files.js';

export interface MadeRun {
  readonly experiment?: string;
  readonly id: string;
  readonly state?: 'running' | 'done' | 'failed' | 'interrupted';
  readonly seed?: number;
  readonly config?: Readonly<Record<string, Json>>;
  readonly rows?: readonly MetricsRow[];
  readonly artifacts?: Readonly<Record<string, string>>;
  readonly facts?: Readonly<Record<string, Readonly<Record<string, string | number>>>>;
  readonly stages?: readonly string[];
  readonly createdAt?: string;
  readonly seconds?: number;
  readonly owner?: { readonly pid: number; readonly host: string; readonly started: string };
}

export const row = (stage: string, step: number, values: Record<string, number>, attempt = 1): MetricsRow => ({
  attempt,
  stage,
  step,
  time: 1_795_000_000_000 + step * 20,
  values,
});

export const lines = (rows: readonly MetricsRow[]): string => rows.map((each) => `${JSON.stringify(each)}\n`).join('');

/** Writes the records of a run as `runExperiment` would leave them. */
export async function makeRun(runsFolder: string, run: MadeRun): Promise<string> {
  const {
    experiment = 'quickstart',
    id,
    state = 'done',
    seed = 1,
    config = {},
    rows = [],
    facts = {},
    artifacts = {},
  } = run;
  const { createdAt = '2026-11-21T06:31:12.000Z', seconds = 60, owner } = run;
  const folder = join(runsFolder, experiment, id);
  await mkdir(join(folder, 'stages'), { recursive: true });
  const put = (name: string, value: unknown): Promise<void> => writeFile(join(folder, name), JSON.stringify(value));
  const stages = run.stages ?? [...new Set(['corpus', ...Object.keys(facts), ...Object.keys(artifacts), 'base'])];
  const about = { format: 1, experiment, file: `experiments/${experiment}.ts`, runId: id, seed, config, stages };
  await put('spec.json', { ...about, code: 'c0de', numericClass: 'test', createdAt });
  const ended = state === 'running' ? {} : { endedAt: new Date(Date.parse(createdAt) + seconds * 1000).toISOString() };
  await put('status.json', { state, startedAt: createdAt, ...ended, ...(owner === undefined ? {} : { owner }) });
  for (const [stage, each] of Object.entries(facts)) {
    await put(`stages/${stage}.json`, { stage, seconds: 2, cached: false, summary: { title: stage, facts: each } });
  }
  const lineage = Object.entries(artifacts).map(([stage, artifact], index) => ({
    ...{ stage, artifact, kind: 'json', code: 'c0de', numericClass: 'test', cached: false, seconds: 2 },
    parents: Object.values(artifacts).slice(0, index),
  }));
  if (lineage.length > 0) await put('lineage.json', { format: 1, stages: lineage });
  await writeFile(join(folder, 'metrics.jsonl'), lines(rows));
  return folder;
}
