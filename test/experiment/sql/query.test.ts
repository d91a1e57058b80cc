import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readMetrics } from '../../../src/experiment/metrics.js';
import { openRunDatabase } from '../../../src/experiment/sql/query.js';
import type { RunDatabase } from '../../../src/experiment/sql/query.js';
import type { SqlValue } from '../../../src/data/ledger/select.js';
import { lines, makeRun, row } from '../run-index/fixtures.js';

let folder = '';
let database: RunDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-sql [1]-'));
  const long = Array.from({ length: 3000 }, (_, step) => row('base', step, { loss: 1 / (step + 1), rate: step }));
  const again = Array.from({ length: 2000 }, (_, step) => row('base', step + 500, { loss: -step / 7 }, 2));
  await makeRun(folder, {
    id: 'long',
    rows: [...long, ...again, row('base', 2499, { rate: 5 }, 2)],
    config: { a: { b: [1, 2], 'c.d': 'x' } },
  });
  const odd = await makeRun(folder, {
    experiment: "it's 语料",
    id: 'odd',
    seed: 3,
    facts: { score: { 'bits per byte': 1.5, note: 'ü' } },
  });
  const torn = [
    lines([
      row('微调', 0, { loss: Number.NaN }),
      row('微调', 1, { loss: 1 }),
      row('微调', 2, { 'loss/"router"': 2e-300 }),
      row('微调', 2, { loss: 3 }),
    ]),
    '{"attempt":1,"sta\n\nnot json\n',
    lines([row('微调', 2, { loss: 4 }), row('微调', 1, {}, 2)]), // the last attempt at step 1 says nothing
    '{"attempt":1,"stage":"微调","step":3,"time":1795000000000,"values":{"lo',
  ];
  await writeFile(join(odd, 'metrics.jsonl'), torn.join(''));
  await makeRun(folder, { experiment: 'empty', id: 'none', state: 'running' });
  await rm(join(folder, 'empty', 'none', 'metrics.jsonl'));
  const cells = join(folder, 'ablations', 'norms', 'x', 'cells');
  await mkdir(cells, { recursive: true });
  const spec = {
    format: 1,
    name: 'norms',
    id: 'x',
    experiment: 'quickstart',
    createdAt: '',
    code: '',
    numericClass: '',
    measure: 'loss',
  };
  const rest = {
    better: 'lower',
    design: { kind: 'grid' },
    halving: null,
    axes: [],
    seeds: [1],
    base: {},
    baseline: 'a',
    arms: [{ name: 'a', settings: {} }],
  };
  await writeFile(join(folder, 'ablations', 'norms', 'x', 'ablation.json'), JSON.stringify({ ...spec, ...rest }));
  await writeFile(
    join(cells, '0-1.json'),
    JSON.stringify({ arm: 'a', seed: 1, state: 'done', run: 'quickstart/long', value: 0.5 }),
  );
  database = await openRunDatabase(folder);
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true, force: true });
});

async function rows(sql: string): Promise<SqlValue[][]> {
  const found: SqlValue[][] = [];
  for await (const some of (await database.query(sql)).rows) found.push(...some.map((each) => [...each]));
  return found;
}

it.each(['quickstart/long', "it's 语料/odd"])('metrics are what readMetrics reads: %s', async (run) => {
  const expected = (await readMetrics(join(folder, run))).flatMap(({ stage, step, attempt, values }) =>
    Object.entries(values).map(([name, value]) => [stage, step, attempt, name, value]),
  );
  const found = await rows(
    `SELECT stage, step, attempt, name, value FROM metrics WHERE run = '${run.replace("'", "''")}'`,
  );
  const sorted = (some: readonly (readonly unknown[])[]): string[] =>
    some.map((each) => each.map(String).join(' | ')).sort();
  expect(expected.length).toBeGreaterThan(2);
  expect(sorted(found)).toEqual(sorted(expected));
});

it('has runs, stages, facts, config and cells of ablations', async () => {
  expect(await rows('SELECT run, seed, state, seconds, created FROM runs ORDER BY run')).toEqual([
    ['empty/none', 1n, 'running', expect.any(Number), new Date('2026-11-21T06:31:12.000Z')],
    ["it's 语料/odd", 3n, 'done', 60, new Date('2026-11-21T06:31:12.000Z')],
    ['quickstart/long', 1n, 'done', 60, new Date('2026-11-21T06:31:12.000Z')],
  ]);
  expect(await rows('SELECT * FROM config')).toEqual([
    ['quickstart/long', 'a.b', '[1,2]', null],
    ['quickstart/long', 'a.c.d', 'x', null],
  ]);
  expect(await rows('SELECT stage, fact, value, number FROM facts')).toEqual([
    ['score', 'bits per byte', '1.5', 1.5],
    ['score', 'note', 'ü', null],
  ]);
  expect(await rows('SELECT stage, seconds, cached FROM stages')).toEqual([['score', 2, false]]);
  expect(
    await rows('SELECT c.ablation, c.arm, c.seed, c.value FROM ablation_cells c JOIN runs r ON r.run = c.run'),
  ).toEqual([['norms', 'a', 1n, 0.5]]);
});

it('names the place of what is wrong', async () => {
  await expect(database.query('SELECT nope FROM runs')).rejects.toThrow(
    /"nope" not found[^]*LINE 1: SELECT nope[^]*\n {15}\^[^]*metrics\(run/u,
  );
  await expect(database.query('SELEC 1')).rejects.toThrow(/syntax error at or near "SELEC"[^]*LINE 1/u);
  await expect(rows("SELECT value::INTEGER FROM config WHERE path = 'a.c.d'")).rejects.toThrow(
    /sql: Conversion Error/u,
  );
});

it.each([
  '',
  'SELECT 1; SELECT 2',
  "COPY runs TO 'x.csv'",
  'DELETE FROM runs',
  'DROP TABLE runs',
  'CREATE TABLE t(a INT)',
  "EXPLAIN ANALYZE COPY runs TO 'x.csv'",
  "ATTACH 'x.db'",
  "EXPORT DATABASE 'x'",
  'INSTALL httpfs',
  'SET threads = 1',
  "COPY (SELECT 1) TO 'x'",
])('only reads: %s is refused', async (sql) => {
  await expect(database.query(sql)).rejects.toThrow(/one SELECT is taken/u);
  for (const path of ['x', 'x.csv', 'x.db']) expect(existsSync(path)).toBe(false);
});

it.each([
  '-- a note\n/* and\nmore */ (SELECT 1)',
  'from runs limit 1',
  'DESCRIBE metrics',
  'values (1)',
  'WITH a AS (SELECT 1 AS b) SELECT b FROM a;',
])('takes what only reads: %s', async (sql) => {
  expect((await rows(sql)).length).toBeGreaterThan(0);
});

it('writes Parquet that another library reads, whole or not at all', async () => {
  const path = join(folder, 'out.parquet');
  const sql =
    "SELECT run, step, value FROM metrics WHERE name = 'loss' AND step < 3 AND run = 'quickstart/long' ORDER BY step; ";
  expect(await database.writeParquet(sql, path)).toBe(3);
  const found = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
  expect(found).toEqual([0, 1, 2].map((step) => ({ run: 'quickstart/long', step, value: 1 / (step + 1) })));
  const before = await readFile(path);
  await expect(database.writeParquet("SELECT value::INTEGER FROM config WHERE path = 'a.c.d'", path)).rejects.toThrow(
    /Conversion/u,
  );
  expect(await readFile(path)).toEqual(before);
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
