import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { experiment, runExperiment } from 'trainbook';
import { z } from 'zod';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { median, summarise } from './blocks.js';
import { compareRuns, listRuns, MetricsWriter, openRunDatabase, parseCondition, selectRuns } from './built.js';

/** Runs and the rows of each, rows that a writer is timed on, steps of 20 ms, and how often each is done. */
type Recipe = {
  readonly runs: number;
  readonly rows: number;
  readonly lines: number;
  readonly steps: number;
  readonly blocks: number;
};

const recipeOf = (isQuick: boolean): Recipe =>
  isQuick
    ? { runs: 4, rows: 50, lines: 100, steps: 5, blocks: 2 }
    : { runs: 200, rows: 10_000, lines: 20_000, steps: 200, blocks: 5 };

const stepMilliseconds = 20;

/** What records cost: to write them while a training runs, and to find runs again among many. */
export const runsBenchmark: Benchmark = {
  name: 'runs',
  title: 'list, filter and compare many runs; the cost of a metric line',
  workload: (isQuick) => ({ ...recipeOf(isQuick), metricsARow: 3, stepMilliseconds }),
  async run({ quick, folder, say }) {
    const recipe = recipeOf(quick);
    const many = join(folder, 'runs');
    say(`writing ${recipe.runs} runs of ${recipe.rows} rows`);
    await writeRuns(many, recipe);
    return {
      measurements: [
        ...(await reading(many, recipe)),
        ...writing(folder, recipe),
        await tracking(join(folder, 'tracked'), recipe),
      ],
    };
  },
};

const valuesOf = (run: number, step: number): Record<string, number> => ({
  loss: 2 + 8 / (1 + step / 50) + Math.sin(step * (run + 1)) / 10,
  gradientNorm: 1 + Math.cos(step * (run + 3)) / 2,
  tokensPerSecond: 5000 + ((step * 37) % 211) / 3,
});

async function writeRuns(folder: string, { runs, rows }: Recipe): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const id = `2026-11-21-${String(100_000 + run)}-${run.toString(16).padStart(4, '0')}`;
    const at = join(folder, 'bench', id);
    await mkdir(join(at, 'stages'), { recursive: true });
    const createdAt = new Date(Date.UTC(2026, 10, 21, 0, run)).toISOString();
    const config = {
      train: { learningRate: 1e-4 * 2 ** (run % 5), steps: rows },
      model: { layers: 4, width: 64 * (1 + (run % 4)) },
    };
    const about = { format: 1, experiment: 'bench', runId: id, seed: run % 3, config, stages: ['base'], code: 'c0de' };
    await writeFile(join(at, 'spec.json'), JSON.stringify({ ...about, numericClass: 'none', createdAt }));
    await writeFile(
      join(at, 'status.json'),
      JSON.stringify({ state: 'done', startedAt: createdAt, endedAt: createdAt }),
    );
    const stage = { stage: 'base', seconds: 1, cached: false, summary: { title: 'Model', facts: { parameters: 1 } } };
    await writeFile(join(at, 'stages', 'base.json'), JSON.stringify(stage));
    const lines = Array.from({ length: rows }, (_, step) =>
      JSON.stringify({
        attempt: 1,
        stage: 'base',
        step,
        time: 1_795_000_000_000 + 20 * step,
        values: valuesOf(run, step),
      }),
    );
    await writeFile(join(at, 'metrics.jsonl'), `${lines.join('\n')}\n`);
  }
}

async function seconds(task: () => unknown): Promise<number> {
  const began = performance.now();
  await task();
  return (performance.now() - began) / 1000;
}

async function times(count: number, task: () => unknown): Promise<number[]> {
  const all: number[] = [];
  for (let block = 0; block < count; block++) all.push(await seconds(task));
  return all;
}

async function reading(folder: string, { blocks, runs }: Recipe): Promise<Measurement[]> {
  const cold: number[] = [];
  const coldCpu: number[] = [];
  for (let block = 0; block < Math.min(3, blocks); block++) {
    await rm(join(folder, 'store', 'cache'), { recursive: true, force: true });
    const before = process.cpuUsage();
    cold.push(await seconds(() => listRuns(folder)));
    const { user, system } = process.cpuUsage(before);
    coldCpu.push((user + system) / 1e6);
  }
  const list = await times(blocks, () => listRuns(folder));
  const where = [parseCondition('train.learningRate>=4e-4'), parseCondition('loss.best<2.2')];
  const filter = await times(blocks, async () => selectRuns((await listRuns(folder)).runs, { where, sort: 'loss' }));
  const compare = await times(blocks, async () => compareRuns((await listRuns(folder)).runs.slice(0, 20)));
  const sql = await times(1, async () => {
    const database = await openRunDatabase(folder);
    const { rows } = await database.query("SELECT run, min(value) FROM metrics WHERE name = 'loss' GROUP BY run");
    for await (const some of rows) if (some.length > runs) throw new Error('more rows than runs');
    database.close();
  });
  const goal = { unit: 's', goal: { atMost: 1 } } as const;
  return [
    summarise('list, nothing remembered: every file is read', cold, { unit: 's' }),
    summarise('the same in seconds of processors', coldCpu, { unit: 's' }),
    summarise('list', list, goal),
    summarise('list, filter by config and metric, sort', filter, goal),
    summarise('list, compare 20', compare, goal),
    summarise('SQL: least loss of every run, over all rows', sql, { unit: 's' }),
  ];
}

function writing(folder: string, { lines, blocks }: Recipe): Measurement[] {
  const writer = new MetricsWriter(folder);
  const block = (): number => {
    const began = performance.now();
    for (let step = 0; step < lines; step++) {
      writer.write({
        attempt: 1,
        stage: 'base',
        step,
        time: Date.now(),
        values: { loss: 1 / (step + 1), gradientNorm: step / 7, learningRate: 1e-3, tokensPerSecond: 5000.25 },
      });
    }
    return ((performance.now() - began) * 1000) / lines;
  };
  block(); // V8 compiles what runs often
  const found = Array.from({ length: blocks }, block);
  writer.close();
  return [summarise('one metric line of 4 values', found, { unit: 'µs', goal: { atMost: 20 } })];
}

/** What a stage's `metrics` adds to steps that take 20 ms by the clock, in a run of its own. */
async function tracking(runsFolder: string, { steps }: Recipe): Promise<Measurement> {
  const shares: number[] = [];
  const busy = experiment('busy', z.object({ steps: z.int() }), { steps }).stage('base', ({ config, metrics }) => {
    for (let block = 0; block < 3; block++) {
      const added: number[] = [];
      for (let step = 1; step <= config.steps; step++) {
        const until = performance.now() + stepMilliseconds;
        while (performance.now() < until);
        const began = performance.now();
        metrics(block * config.steps + step, {
          loss: 1 / step,
          gradientNorm: step / 7,
          learningRate: 1e-3,
          tokensPerSecond: 5000.25,
        });
        added.push(performance.now() - began);
      }
      shares.push((100 * median(added)) / stepMilliseconds); // a step that the system puts aside is not ours
    }
    return shares.length;
  });
  await runExperiment(busy, { runsFolder, numericClass: 'none', code: 'bench' });
  return summarise('tracking, of a step of 20 ms', shares, { unit: '%', goal: { atMost: 1 } });
}
