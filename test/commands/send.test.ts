import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { sinkTargets } from '../../src/commands/sink-options.js';
import { FakeMlflow } from '../experiment/sinks/mlflow-server.js';
import { makeRun, rowsOf } from '../experiment/sinks/run-maker.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

let project = '';
let server: FakeMlflow;
beforeEach(async () => {
  for (const name of ['URI', 'USERNAME', 'PASSWORD', 'TOKEN']) vi.stubEnv(`MLFLOW_TRACKING_${name}`, undefined);
  vi.stubEnv('MLFLOW_EXPERIMENT_NAME', undefined);
  project = await mkdtemp(join(tmpdir(), 'trainbook-send-'));
  await writeFile(join(project, 'package.json'), '{"type":"module"}');
  vi.spyOn(process, 'cwd').mockReturnValue(project);
  server = await FakeMlflow.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await server.close();
  await rm(project, { recursive: true, force: true });
});

const runsFolder = (): string => join(project, 'runs');

test('sends all runs, once, and says where they are', async () => {
  await makeRun(runsFolder(), { rows: rowsOf(1, 3), runId: 'a' });
  await makeRun(runsFolder(), { rows: rowsOf(1, 3), runId: 'b' });
  expect(await main(['send', '--mlflow', server.uri])).toBe(0);
  expect(printed.stdout).toMatch(/✓ letters\/a {2}http:\S+\n✓ letters\/b/u);
  printed.stdout = '';
  expect(await main(['send', '--mlflow', server.uri, '--json'])).toBe(0);
  const { runs } = JSON.parse(printed.stdout) as { runs: { run: string; state: string; target: string }[] };
  expect(runs.map(({ run, state }) => [run, state])).toEqual([
    ['letters/a', 'sent'],
    ['letters/b', 'sent'],
  ]);
  expect(server.runs.size).toBe(2);
});

test('takes runs by name, the server from the environment, and registers a model', async () => {
  await makeRun(runsFolder(), { rows: rowsOf(1, 3), runId: 'a' });
  await makeRun(runsFolder(), { rows: rowsOf(1, 3), runId: 'b' });
  vi.stubEnv('MLFLOW_TRACKING_URI', server.uri);
  vi.stubEnv('MLFLOW_EXPERIMENT_NAME', 'other');
  expect(await main(['send', 'letters/b', '--register', 'small', '--json'])).toBe(0);
  expect(JSON.parse(printed.stdout)).toMatchObject({ runs: [{ run: 'letters/b', model: 'small version 1' }] });
  expect(server.runs.size).toBe(1);
});

test('writes event files', async () => {
  const folder = await makeRun(runsFolder(), { rows: rowsOf(1, 3) });
  expect(await main(['send', folder, '--tensorboard', 'runs', '--json'])).toBe(0);
  expect(JSON.parse(printed.stdout)).toMatchObject({
    runs: [{ sink: 'tensorboard', state: 'sent', target: runsFolder() }],
  });
});

test('a server that is away: exit code 1, and the rest is not tried', async () => {
  await makeRun(runsFolder(), { rows: rowsOf(1, 3), runId: 'a' });
  await makeRun(runsFolder(), { rows: rowsOf(1, 3), runId: 'b' });
  await server.close();
  expect(await main(['send', '--mlflow', server.uri.replace('//', '//me:secret@')])).toBe(1);
  expect(printed.stdout).toMatch(
    /✗ letters\/a {2}mlflow: .* cannot be reached: ECONNREFUSED\n1 more runs were not tried/u,
  );
  expect(printed.stdout).not.toContain('secret');
});

test('wrong usage', async () => {
  expect(await main(['send'])).toBe(2);
  expect(printed.stderr).toContain('where to? --mlflow URI, or --tensorboard folder');
  expect(await main(['send', 'letters/none', '--mlflow', server.uri])).toBe(1);
  expect(printed.stderr).toContain('send: there is no such run');
  expect(await main(['send', '--mlflow', 'file:///mlruns'])).toBe(1);
});

test('the environment names a server; an option comes before it, and none turns it off', () => {
  const environment = { MLFLOW_TRACKING_URI: 'http://a:1', MLFLOW_EXPERIMENT_NAME: 'e' };
  expect(sinkTargets({}, environment)).toEqual([{ kind: 'mlflow', uri: 'http://a:1', experiment: 'e' }]);
  expect(sinkTargets({ mlflow: 'http://b:2' }, environment)).toMatchObject([{ uri: 'http://b:2' }]);
  expect(sinkTargets({ mlflow: 'none' }, environment)).toEqual([]);
  // a folder there is for MLflow's own client
  expect(sinkTargets({}, { MLFLOW_TRACKING_URI: 'mlruns' })).toEqual([]);
});
