import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Measurement } from '../../src/commands/bench.js';
import { median } from './blocks.js';
import { mlflowServer, mlflowSink, runProgram, sendRun } from './built.js';
import { mlflowPython, startMlflow } from './mlflow-program.js';

/** Runs, each with `keys` metrics over `steps` steps; of those sent, `sent` go by our sink. */
type Recipe = { readonly runs: number; readonly steps: number; readonly keys: number; readonly rounds: number };

const recipeOf = (isQuick: boolean): Recipe =>
  isQuick ? { runs: 4, steps: 50, keys: 2, rounds: 2 } : { runs: 200, steps: 2500, keys: 4, rounds: 5 };

/** Runs that the page of MLflow asks for at a time, and points of each curve. */
const page = { runs: 100, points: 320 };

/**
 * MLflow's own time for what its pages ask when 200 runs of 10,000 numbers are listed and compared, and how fast our sink sends; for
 * `trainbook runs` on the same data beside it.
 */
export const mlflow: Benchmark = {
  name: 'mlflow',
  title: '200 runs of 10,000 numbers each: listing and comparing, by MLflow and by trainbook runs',
  workload: recipeOf,
  run: async ({ quick, folder, say }) => {
    const python = mlflowPython();
    if (python === undefined) return { skipped: 'no MLflow: TRAINBOOK_MLFLOW_PYTHON names a Python that has it' };
    const recipe = recipeOf(quick);
    say('starting a server');
    const server = await startMlflow(python);
    try {
      const experiment = await ask<{ experiment_id: string }>(server.uri, 'experiments/create', { name: 'bench' });
      const { runs, steps, keys, rounds } = recipe;
      say('writing runs into its database');
      const seed = fileURLToPath(new URL('mlflow_seed.py', import.meta.url));
      const given = [seed, server.database, experiment.experiment_id, runs, steps, keys].map(String);
      const { code, stderr } = await runProgram(python, given);
      if (code !== 0) throw new Error(stderr);
      say('asking as its pages do');
      const ids: string[] = [];
      const list = async (): Promise<void> => {
        ids.length = 0;
        for (let token: string | undefined; ids.length === 0 || token !== undefined;) {
          const body = {
            experiment_ids: [experiment.experiment_id],
            max_results: page.runs,
            ...(token === undefined ? {} : { page_token: token }),
          };
          const found = await ask<{ runs: { info: { run_id: string } }[]; next_page_token?: string }>(
            server.uri,
            'runs/search',
            body,
          );
          ids.push(...found.runs.map(({ info }) => info.run_id));
          token = found.next_page_token;
        }
      };
      const curves = async (): Promise<void> => {
        for (let from = 0; from < ids.length; from += page.runs) {
          const query = new URLSearchParams({ metric_key: 'base/metric0', max_results: String(page.points) });
          for (const id of ids.slice(from, from + page.runs)) query.append('run_ids', id);
          const path = `${server.uri}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?${query}`;
          const response = await fetch(path);
          if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
          await response.json();
        }
      };
      const measurements: Measurement[] = [
        await timed(`MLflow: list ${runs} runs`, rounds, list),
        await timed(`MLflow: one curve of ${runs} runs, ${page.points} points each`, rounds, curves),
      ];
      say('sending two runs');
      const project = join(folder, 'project');
      await makeRuns(project, recipe);
      const sink = mlflowSink(mlflowServer(server.uri, {}), { experiment: 'sent' });
      const sends = [0, 1].map((index) => async () => {
        await sendRun(join(project, 'runs', 'bench', `run-${index}`), sink, { signal: new AbortController().signal });
      });
      const seconds: number[] = [];
      for (const send of sends) seconds.push(await secondsOf(send));
      measurements.push({ figure: 'our sink: numbers sent a second', value: (steps * keys) / Math.min(...seconds) });
      measurements.push(...(await ours(project, recipe, say)));
      return { measurements };
    } finally {
      await server.close();
    }
  },
};

async function ours(project: string, { runs, rounds }: Recipe, say: (line: string) => void): Promise<Measurement[]> {
  say('trainbook runs');
  const cli = new URL('../../dist/cli.js', import.meta.url).href;
  const program = `const { main } = await import('${cli}'); process.exitCode = await main(['runs', '--json']);`;
  const args = ['--input-type=module', '--eval', program];
  const list = async (): Promise<number> => (await runProgram(process.execPath, args, { cwd: project })).code;
  if ((await list()) !== 0) return [{ figure: 'trainbook runs', value: 'not measured: there is no such command' }];
  return [await timed(`trainbook runs: list ${runs} runs, the process included`, rounds, list)];
}

async function secondsOf(task: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await task();
  return (performance.now() - began) / 1000;
}

async function timed(figure: string, rounds: number, task: () => Promise<unknown>): Promise<Measurement> {
  await task(); // what is cached after the first time
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) seconds.push(await secondsOf(task));
  return { figure, value: median(seconds), unit: 's', spread: [Math.min(...seconds), Math.max(...seconds)] };
}

async function ask<Answer>(uri: string, path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${uri}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** The same runs as folders. */
async function makeRuns(project: string, { runs, steps, keys }: Recipe): Promise<void> {
  await mkdir(project, { recursive: true });
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  const begin = 1_795_000_000_000;
  for (let index = 0; index < runs; index++) {
    const runId = `run-${index}`;
    const folder = join(project, 'runs', 'bench', runId);
    await mkdir(folder, { recursive: true });
    const config = {
      train: Object.fromEntries(Array.from({ length: 20 }, (_, number) => [`p${number}`, index * number])),
    };
    const at = new Date(begin + index).toISOString();
    const spec = {
      format: 1,
      experiment: 'bench',
      runId,
      seed: 1,
      config,
      stages: ['base'],
      code: 'bench',
      numericClass: 'none',
    };
    await writeFile(join(folder, 'spec.json'), JSON.stringify({ ...spec, createdAt: at }));
    await writeFile(join(folder, 'status.json'), JSON.stringify({ state: 'done', startedAt: at, endedAt: at }));
    const rows = Array.from({ length: steps }, (_, place) => {
      const step = place + 1;
      const value = Math.exp(-step / steps) + index;
      const values = Object.fromEntries(Array.from({ length: keys }, (_, key) => [`metric${key}`, value]));
      return `${JSON.stringify({ attempt: 1, stage: 'base', step, time: begin + step, values })}\n`;
    });
    await writeFile(join(folder, 'metrics.jsonl'), rows.join(''));
  }
}
