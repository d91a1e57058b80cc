import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { permutation } from '../../../src/engine/key.js';
import { ablation } from '../../../src/experiment/ablations/ablation.js';
import { readAblation } from '../../../src/experiment/ablations/cells.js';
import { compareArms } from '../../../src/experiment/ablations/comparison.js';
import { standings } from '../../../src/experiment/ablations/halving.js';
import type { Cell } from '../../../src/experiment/ablations/record.js';
import { runAblation } from '../../../src/experiment/ablations/run-ablation.js';
import type { AblationEvent, AblationRunOptions } from '../../../src/experiment/ablations/run-ablation.js';
import { experiment } from '../../../src/experiment/experiment.js';
import { hash } from '../../../src/files.js';

let folder = '';
let ran: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-ablation-'));
  ran = [];
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const options = (more: Partial<AblationRunOptions> = {}): AblationRunOptions => ({
  code: 'test',
  codecs: [], // no tensors here: the codecs of models would load TensorFlow.js
  runsFolder: join(folder, 'runs'),
  numericClass: 'test float64',
  ...more,
});

const schema = z.object({ rate: z.number(), width: z.int(), steps: z.int() });
const base = experiment('toy', schema, { rate: 1, width: 1, steps: 4 })
  .stage('corpus', ({ key }) => {
    ran.push('corpus');
    return { key: key.words.join(), order: [...permutation(key, 8)] };
  })
  .stage('fit', ({ config, corpus, key, metrics, signal }) => {
    ran.push('fit');
    if (config.rate > 10) throw new Error('diverged');
    const noise = (parseInt(hash(`${corpus.key} ${key.words.join()}`).slice(0, 4), 16) / 65536 - 0.5) * 0.1;
    for (let step = 1; step <= config.steps; step++) metrics(step, { loss: config.rate / step });
    signal.throwIfAborted();
    return { key: key.words.join(), order: corpus.order, loss: config.rate * config.width + 1 / config.steps + noise };
  })
  .stage('score', ({ fit }) => ({ bits: fit.loss }));

const rates = (...values: number[]) =>
  ablation(base, {
    name: 'rates',
    axes: { rate: values },
    seeds: [1, 2, 3],
    measure: ({ score }) => score.bits,
    also: { rows: ({ metrics }) => metrics.length, steps: ({ config }) => config.steps },
    label: 'bits',
    better: 'lower',
  });

describe('runAblation', () => {
  test('every arm with every seed is a run; arms share what they have in common', async () => {
    const events: AblationEvent[] = [];
    const { record, state } = await runAblation(rates(1, 2, 3), options({ onEvent: (event) => events.push(event) }));
    expect(state).toBe('done');
    expect(record.cells.map(({ state: each }) => each)).toEqual(Array(9).fill('done'));
    expect(ran.filter((stage) => stage === 'corpus')).toHaveLength(3); // one a seed
    expect(ran.filter((stage) => stage === 'fit')).toHaveLength(9);
    expect(record.cells[0]).toMatchObject({ arm: 'rate=1', seed: 1, also: { rows: 4, steps: 4 } });
    expect(new Set(record.cells.map(({ run }) => run)).size).toBe(9);
    expect(await readdir(join(folder, 'runs', 'toy'))).toHaveLength(9);
    expect(record.spec).toMatchObject({ experiment: 'toy', baseline: 'rate=1', seeds: [1, 2, 3], measure: 'bits' });
    expect(events.filter(({ type }) => type === 'cell-end')).toHaveLength(9);
    // All arms with the first seed come first.
    const starts = events.flatMap((event) => (event.type === 'cell-start' ? [event.seed] : []));
    expect(starts).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
    const rows = compareArms(record);
    expect(rows[1]?.difference?.mean).toBeCloseTo(1, 10); // noise is the seed's, so it falls out of the difference
    expect(compareArms(record, 'rows')[1]?.mean).toBe(4);
  });

  test('arms with one seed share keys and data order; seeds do not', async () => {
    const { record } = await runAblation(rates(1, 2), options());
    const seen = await Promise.all(
      record.cells.map(async ({ run = '' }) => {
        const path = join(folder, 'runs', run, 'lineage.json');
        const { stages } = JSON.parse(await readFile(path, 'utf8')) as {
          stages: { stage: string; artifact: string }[];
        };
        const artifact = stages.find(({ stage }) => stage === 'fit')?.artifact ?? '';
        const [file = ''] = (await readdir(join(folder, 'runs', 'store', artifact))).filter(
          (name) => name !== 'artifact.json',
        );
        const text = await readFile(join(folder, 'runs', 'store', artifact, file), 'utf8');
        return { key: /"key":"([\d,]+)"/u.exec(text)?.[1], order: /"order":\[([\d,]+)\]/u.exec(text)?.[1] };
      }),
    );
    expect(seen[0]?.key).toMatch(/\d/u);
    expect(seen[0]?.order).toMatch(/\d/u);
    expect(seen.slice(0, 3)).toEqual(seen.slice(3)); // the second arm, seed by seed
    expect(new Set(seen.map(({ key }) => key)).size).toBe(3);
    expect(new Set(seen.map(({ order }) => order)).size).toBe(3);
  });

  test('started again, the same ablation goes on: nothing runs twice', async () => {
    const first = await runAblation(rates(1, 2), options());
    ran = [];
    const second = await runAblation(rates(1, 2), options());
    expect(second.folder).toBe(first.folder);
    expect(second.record).toEqual(first.record);
    expect(ran).toEqual([]);
    // Other arms, seeds, code or engine: another ablation, with what is in the store.
    const third = await runAblation(rates(1, 2, 3), options());
    expect(third.folder).not.toBe(first.folder);
    expect(ran).toEqual(['fit', 'fit', 'fit']);
    const fourth = await runAblation(rates(1, 2), options({ code: 'other' }));
    expect(fourth.folder).not.toBe(first.folder);
  });

  test('failed arms are kept with their error, the others go on; they run again when asked for', async () => {
    const { record, state } = await runAblation(rates(1, 20), options());
    expect(state).toBe('done');
    expect(record.cells.slice(0, 3).map((cell) => cell.state)).toEqual(['done', 'done', 'done']);
    expect(record.cells[3]).toMatchObject({ state: 'failed', error: 'diverged', seed: 1 });
    expect(record.cells[3]?.run).toMatch(/^toy\//u);
    expect(compareArms(record)[1]).toMatchObject({ numFailed: 3, mean: undefined });
    ran = [];
    await runAblation(rates(1, 20), options());
    expect(ran).toEqual([]);
    await runAblation(rates(1, 20), options({ retry: true }));
    expect(ran).toEqual(['fit', 'fit', 'fit']);
  });

  test('runs end where the ablation says', async () => {
    const { record } = await runAblation(
      {
        ...rates(1),
        measures: {
          bits: ({ corpus }: { readonly corpus: { readonly order: readonly number[] } }) => corpus.order.length,
        },
        to: 'corpus',
      },
      options(),
    );
    expect(record.cells.map(({ value }) => value)).toEqual([8, 8, 8]);
    expect(record.spec.to).toBe('corpus');
    expect(ran).toEqual(['corpus', 'corpus', 'corpus']);
  });

  test('a measure that is no number is a failure', async () => {
    const none = { ...rates(1), measures: { bits: () => Number.NaN } };
    const { record } = await runAblation(none, options());
    expect(record.cells[0]).toMatchObject({ state: 'failed' });
    expect(record.cells[0]?.error).toMatch(/no finite number/u);
  });

  test('an interrupt stops after the stage that looks at its signal, and the next start goes on', async () => {
    const controller = new AbortController();
    const first = await runAblation(
      rates(1, 2),
      options({
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === 'cell-end' && event.cell === 3) controller.abort(); // the second in order
          if (event.type === 'cell-run') expect(controller.signal.aborted).toBe(false);
        },
      }),
    );
    expect(first.state).toBe('interrupted');
    expect(first.record.cells.filter((cell) => cell.state === 'done')).toHaveLength(2);
    const second = await runAblation(rates(1, 2), options());
    expect(second.folder).toBe(first.folder);
    expect(ran.filter((stage) => stage === 'fit')).toHaveLength(6);
  });

  test('two at once share one ablation, and each cell runs once', async () => {
    const [one, two] = await Promise.all([
      runAblation(rates(1, 2, 3), options()),
      runAblation(rates(1, 2, 3), options()),
    ]);
    expect(one.folder).toBe(two.folder);
    expect(one.record).toEqual(two.record);
    expect(ran.filter((stage) => stage === 'fit')).toHaveLength(9);
    expect(await readdir(join(folder, 'runs', 'toy'))).toHaveLength(9);
  });

  test('a cell whose process is dead reads as waiting, one that cannot be read runs again', async () => {
    const { folder: own, record } = await runAblation(rates(1), options());
    const [cell] = record.cells;
    await writeFile(join(own, 'cells', '0-1.json'), JSON.stringify({ ...cell, state: 'running' }));
    await writeFile(join(own, 'cells', '0-2.json'), '{"arm":');
    expect((await readAblation(own)).cells.map(({ state }) => state)).toEqual(['waiting', 'waiting', 'done']);
    const again = await runAblation(rates(1), options());
    expect(again.record.cells.map(({ value }) => value)).toEqual(record.cells.map(({ value }) => value));
    expect(ran.filter((stage) => stage === 'fit')).toHaveLength(3);
  });
});

describe('successive halving', () => {
  const halved = ablation(base, {
    name: 'halved',
    axes: { rate: [5, 1, 2, 3, 4, 20] },
    config: { rate: 5 },
    seeds: [1, 2],
    measure: ({ score }) => score.bits,
    label: 'bits',
    better: 'lower',
    halving: { path: 'steps', rungs: [1, 2, 4], keep: 0.5 },
  });

  test('only the best part of the arms goes on, and the baseline', async () => {
    const { record, state } = await runAblation(halved, options());
    expect(state).toBe('done');
    const byArm = record.spec.arms.map(({ name }) => record.cells.filter(({ arm }) => arm === name));
    const told = byArm.map(([cell]) => [cell?.arm, cell?.state, cell?.rung, cell?.rungs?.length]);
    // Six arms: three go on (1, 2, 3) and the baseline 5; of those four the best two (1, 2) and the baseline.
    expect(told).toEqual([
      ['rate=5', 'done', 2, 3],
      ['rate=1', 'done', 2, 3],
      ['rate=2', 'done', 2, 3],
      ['rate=3', 'stopped', 1, 2],
      ['rate=4', 'stopped', 0, 1],
      ['rate=20', 'failed', 0, undefined],
    ]);
    expect(byArm.map(([a, b]) => a?.state === b?.state)).toEqual(Array(6).fill(true));
    expect(ran.filter((stage) => stage === 'corpus')).toHaveLength(2); // the rungs share what does not depend on steps
    expect(ran.filter((stage) => stage === 'fit')).toHaveLength(2 * (6 + 4 + 3));
    const value = record.cells[0]?.value ?? 0;
    expect(record.cells[0]?.rungs?.at(-1)?.value).toBe(value);
    expect(compareArms(record)[3]).toMatchObject({ numStopped: 2, mean: undefined });
  });

  test('a rung waits for all cells of the one before', () => {
    const { arms, seeds, halving, better, baseline } = halved;
    const spec = { arms, seeds, halving, better, baseline } as never;
    const cell = (arm: string, seed: number, values: number[], state: Cell['state'] = 'waiting'): Cell => ({
      arm,
      seed,
      state,
      rungs: values.map((value) => ({ run: '', value, seconds: 1 })),
    });
    const cells = arms.flatMap(({ name }, index) => [cell(name, 1, [index]), cell(name, 2, [index])]);
    expect(standings(spec, cells).map(({ next }) => next)).toEqual([
      ...Array<string>(6).fill('run'),
      ...Array<string>(6).fill('stop'),
    ]);
    const late = cells.map((each, index) => (index === 11 ? cell(each.arm, 2, []) : each));
    expect(standings(spec, late).map(({ next }) => next)).toEqual([...Array<string>(11).fill('wait'), 'run']);
    // An arm all of whose seeds failed does not go on; one whose seeds failed in part does, by the others.
    const failing = cells.map((each, index) =>
      index < 4 && index !== 2 ? cell(each.arm, each.seed, [], 'failed') : each,
    );
    expect(standings(spec, failing).map(({ next }) => next)).toEqual([
      ...['nothing', 'nothing', 'run', 'nothing', 'run', 'run', 'run', 'run'],
      ...Array<string>(4).fill('stop'),
    ]);
  });
});
