import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Json } from '../../../src/files.js';
import type { Summary } from '../../../src/figure.js';
import { MetricsWriter } from '../../../src/experiment/metrics.js';
import type { MetricsRow } from '../../../src/experiment/metrics.js';
import { RunRecord } from '../../../src/experiment/run-record.js';
import type { LineageStage } from '../../../src/experiment/run-record.js';
import { appendTrace } from '../../../src/experiment/traces.js';

export interface MadeRun {
  readonly config?: Readonly<Record<string, Json>>;
  readonly rows?: readonly MetricsRow[];
  readonly state?: 'done' | 'failed' | 'running';
  readonly experiment?: string;
  readonly runId?: string;
}

const summaries: Readonly<Record<string, Summary>> = {
  corpus: { title: 'Corpus', facts: { documents: 12, characters: 3400 } },
  base: { title: 'Model', facts: { parameters: 120 }, texts: [{ title: 'To be', text: 'To be,\nor *not* to be' }] },
};

const model = 'b'.repeat(32);
const corpus = 'c'.repeat(32);

/** A run as `runExperiment` leaves it, with a small model in the store; gives its folder. */
export async function makeRun(runsFolder: string, made: MadeRun = {}): Promise<string> {
  const { config = { train: { steps: 3, rate: 0.5 } }, rows = [], state = 'done', experiment = 'letters' } = made;
  const about = {
    format: 1,
    experiment,
    file: 'experiments/letters.ts',
    seed: 7,
    config,
    stages: ['corpus', 'base'],
    code: '77b2',
    numericClass: 'test float64',
  } as const;
  const record = await RunRecord.open(runsFolder, about, made.runId ?? '2026-11-21-143502-3f9c');
  await record.status('running');
  await record.environment({
    environment: { git: { commit: '0123abc', dirty: true }, packages: { trainbook: '0.1.0' } },
    patch: undefined,
  });
  const stage = (name: string, artifact: string, kind: string, parents: readonly string[]): LineageStage => ({
    stage: name,
    artifact,
    kind,
    parents,
    config: [],
    files: {},
    run: 'letters/2026-11-21-143502-3f9c',
    code: '77b2',
    numericClass: 'test float64',
    cached: false,
    seconds: 1,
  });
  await record.stage(stage('corpus', corpus, 'corpus', []), summaries['corpus'] ?? { title: '', facts: {} });
  await record.stage(stage('base', model, 'model', [corpus]), summaries['base'] ?? { title: '', facts: {} });
  appendTrace(join(runsFolder, 'store'), {
    format: 1,
    id: 't',
    experiment,
    stage: 'corpus',
    code: '77b2',
    numericClass: 'test float64',
    reads: { config: [], artifacts: {}, files: { 'datasets/a.txt': '02ab' } },
    artifact: corpus,
    kind: 'corpus',
    seconds: 1,
    createdAt: '2026-11-21T14:35:02.000Z',
    run: 'letters/r',
  });
  await put(join(runsFolder, 'store', model, 'model.safetensors'), 'weights');
  await put(join(runsFolder, 'store', model, 'artifact.json'), '{}');
  writeRows(record.folder, rows);
  if (state !== 'running') {
    await put(join(record.folder, 'report.html'), '<h1>report</h1>');
    await record.status(state, state === 'failed' ? 'stage base: no such thing' : undefined);
  }
  await record.release();
  return record.folder;
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Appends rows, as a run does. */
export function writeRows(folder: string, rows: readonly MetricsRow[]): void {
  const writer = new MetricsWriter(folder);
  for (const row of rows) writer.write(row);
  writer.close();
}

/** Rows of a stage: a loss that falls, and a rate that no two attempts share. */
export function rowsOf(from: number, to: number, attempt = 1, stage = 'base'): MetricsRow[] {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const step = from + index;
    const time = 1_795_000_000_000 + attempt * 1_000_000 + step;
    return { attempt, stage, step, time, values: { loss: 4 / step, tokensPerSecond: 1000 * attempt + step } };
  });
}

/** Makes an ablation's folder of two arms: one has failed, the other's cell is a run. */
export async function makeAblation(
  runsFolder: string,
  run: string,
  { state = 'done' }: { readonly state?: 'running' | 'done' } = {},
): Promise<string> {
  const folder = join(runsFolder, 'ablations', 'norms', '2026-11-29-153002-a41c');
  const arms = [
    { name: 'norm=rms', settings: { 'model.norm': 'rms' } },
    { name: 'norm=layer', settings: { 'model.norm': 'layer' } },
  ];
  await put(
    join(folder, 'ablation.json'),
    JSON.stringify({
      format: 1,
      name: 'norms',
      id: '2026-11-29-153002-a41c',
      experiment: 'letters',
      createdAt: '2026-11-29T15:30:02.113Z',
      code: '77b2',
      numericClass: 'test float64',
      measure: 'bits per byte',
      better: 'lower',
      design: { kind: 'grid' },
      halving: null,
      axes: [{ path: 'model.norm', values: ['rms', 'layer'] }],
      seeds: [7],
      base: {},
      baseline: 'norm=rms',
      arms,
    }),
  );
  const cell = { arm: 'norm=layer', seed: 7, state, run, ...(state === 'done' ? { value: 2.5 } : {}) };
  const failed = { arm: 'norm=rms', seed: 7, state: 'failed', error: 'out of memory' };
  await put(join(folder, 'cells', '0-7.json'), JSON.stringify(failed));
  await put(join(folder, 'cells', '1-7.json'), JSON.stringify(cell));
  return folder;
}
