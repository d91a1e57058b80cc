import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { compareRuns } from '../../../src/experiment/run-index/compare-runs.js';
import { findRun } from '../../../src/experiment/run-index/find-run.js';
import { listRuns } from '../../../src/experiment/run-index/run-entry.js';
import type { RunEntry } from '../../../src/experiment/run-index/run-entry.js';
import { selectRuns } from '../../../src/experiment/run-index/select-runs.js';
import { parseCondition } from '../../../src/experiment/run-index/where.js';
import { makeRun, row } from './fixtures.js';

let folder = '';
let runs: readonly RunEntry[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-select-'));
  const make = (id: string, learningRate: number, losses: number[], more: object = {}): Promise<string> =>
    makeRun(folder, {
      id,
      config: { train: { learningRate, norm: learningRate > 1e-3 ? 'rms' : 'layer' }, heads: [1, 2] },
      rows: losses.map((loss, step) => row('base', step, { loss })),
      facts: { score: { 'bits per byte': 2 - learningRate * 100 } },
      createdAt: `2026-11-2${id.slice(0, 1)}T00:00:00.000Z`,
      ...more,
    });
  await make('1-aa', 1e-4, [4, 3, 3.5]);
  await make('2-ab', 1e-3, [4, 2], { seed: 2 });
  await make('3-bb', 3e-3, [4, Number.NaN], { state: 'failed' });
  runs = (await listRuns(folder)).runs;
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it.each<[string, string[]]>([
  ['train.learningRate>=1e-3', ['3-bb', '2-ab']],
  ['train.learningRate < 0.001', ['1-aa']],
  ['loss<3', ['2-ab']], // the last value; NaN is below nothing
  ['loss.best<=3', ['2-ab', '1-aa']],
  ['base.loss.max=4', ['3-bb', '2-ab', '1-aa']],
  ['train.norm=rms', ['3-bb']],
  ['train.norm!=rms', ['2-ab', '1-aa']],
  ['state=failed', ['3-bb']],
  ['seed==2', ['2-ab']],
  ['heads=[1,2]', ['3-bb', '2-ab', '1-aa']],
  ['score.bits per byte<1.8', ['3-bb']],
  ['created>2026-11-21T12', ['3-bb', '2-ab']],
])('--where %s', (condition, ids) => {
  expect(selectRuns(runs, { where: [parseCondition(condition)] }).map(({ id }) => id)).toEqual(ids);
});

it('sorts by any name, with those that have no number last, and limits', () => {
  const ids = (...given: Parameters<typeof selectRuns>): string[] => selectRuns(...given).map(({ id }) => id);
  expect(ids(runs, { sort: 'loss' })).toEqual(['2-ab', '1-aa', '3-bb']);
  expect(ids(runs, { sort: 'loss', descending: true })).toEqual(['1-aa', '2-ab', '3-bb']);
  expect(ids(runs, { sort: 'train.learningRate', descending: true, limit: 1 })).toEqual(['3-bb']);
  expect(ids(runs, { state: 'done' })).toEqual(['2-ab', '1-aa']);
});

it('refuses names that no run has, and conditions that are none', () => {
  expect(() => selectRuns(runs, { sort: 'train.learninRate' })).toThrow(/did you mean train\.learningRate\?/u);
  expect(() => selectRuns(runs, { where: [parseCondition('los<3')] })).toThrow(/did you mean loss\?/u);
  expect(() => parseCondition('loss')).toThrow(TrainbookError);
  expect(() => parseCondition('<3')).toThrow(TrainbookError);
  expect(parseCondition('a.b >= x>y')).toEqual({ name: 'a.b', operator: '>=', value: 'x>y' });
});

it('finds a run by its name, id, beginning or end, and lists those that are meant otherwise', () => {
  const names = ['quickstart/1-aa', 'quickstart/2-ab', 'quickstart/3-bb', 'other/2-ab'];
  expect(findRun(names, 'quickstart/1-aa')).toBe('quickstart/1-aa');
  expect(findRun(names, '1-')).toBe('quickstart/1-aa');
  expect(findRun(names, 'aa')).toBe('quickstart/1-aa');
  expect(findRun(names, 'runs/quickstart/3-bb/')).toBe('quickstart/3-bb');
  expect(() => findRun(names, '2-ab')).toThrow(/2 runs are meant[^]*quickstart\/2-ab, other\/2-ab/u);
  expect(() => findRun(names, 'b')).toThrow(/3 runs are meant/u);
  expect(() => findRun(names, '1-ax')).toThrow(/no such run[^]*did you mean/u);
  expect(() => findRun([], 'x')).toThrow(/npx trainbook runs lists them/u);
});

it('compares: what differs of the config, the last and best of each metric, facts', () => {
  const [, second, first] = runs;
  if (first === undefined || second === undefined) throw new Error('no runs');
  const compared = compareRuns([first, second]);
  expect(compared.differences).toEqual([
    { name: 'train.learningRate', values: [1e-4, 1e-3] },
    { name: 'seed', values: [1, 2] },
  ]);
  expect(compared.numSameValues).toBe(4); // train.norm, heads, code, numericClass
  expect(compared.metrics).toEqual([{ name: 'base.loss', values: [3.5, 2], best: [3, 2] }]);
  expect(compared.facts).toEqual([{ name: 'score.bits per byte', values: [1.99, 1.9] }]);
});
