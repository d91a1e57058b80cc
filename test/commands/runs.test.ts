import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli.js';
import { textTable } from '../../src/commands/text-table.js';
import { cutToWidth, printable, textWidth } from '../../src/commands/text-width.js';
import { thisProcess } from '../../src/experiment/lock.js';
import { makeRun, row } from '../experiment/run-index/fixtures.js';
import { catchPrinted } from './printed.js';

const printed = catchPrinted();

let runs = '';
beforeEach(async () => {
  runs = await mkdtemp(join(tmpdir(), 'trainbook-cli-'));
  const base = (loss: number) => [row('base', 1, { loss: 5 }), row('base', 2, { loss })];
  await makeRun(runs, {
    experiment: '语料',
    id: '2026-1-aaaa',
    config: { rate: 0.1 },
    rows: base(2),
    createdAt: '2026-11-21T00:00:00.000Z',
  });
  await makeRun(runs, {
    experiment: '语料',
    id: '2026-2-bbbb',
    config: { rate: 0.2 },
    rows: base(1),
    createdAt: '2026-11-22T00:00:00.000Z',
  });
  await makeRun(runs, {
    id: '2026-3-cccc',
    state: 'running',
    owner: thisProcess,
    createdAt: '2026-11-23T00:00:00.000Z',
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(runs, { recursive: true, force: true });
});

const call = (...args: string[]): Promise<number> => main([...args, '--runs', runs]);

describe('trainbook runs', () => {
  it('lists, with and without its subcommand, as a table or JSON', async () => {
    expect(await call('runs')).toBe(0);
    const lines = printed.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/^quickstart\/2026-3-cccc\s+running 0\/2 /u);
    expect(lines[2]).toMatch(/^语料\/2026-2-bbbb {8}done /u); // 16 columns, of 22
    expect(lines[4]).toBe('3 runs');
    printed.stdout = '';
    expect(await call('runs', 'list', '--where', 'rate>0.1', '--json')).toBe(0);
    expect(JSON.parse(printed.stdout)).toMatchObject([
      { name: '语料/2026-2-bbbb', metrics: [{ stage: 'base', name: 'loss', last: { value: 1 } }] },
    ]);
  });

  it('compares by ends of ids, and refuses what is not clear', async () => {
    expect(await call('runs', 'compare', 'aaaa', 'bbbb')).toBe(0);
    expect(printed.stdout).toContain('config: 1 value differs, 3 are the same');
    expect(printed.stdout).toMatch(/rate +0\.1 +0\.2\n/u);
    expect(printed.stdout).toMatch(/base\.loss +2 +1 +−1 \(−50\.0%\)/u);
    expect(await call('runs', 'compare', '2026', 'aaaa')).toBe(1);
    expect(printed.stderr).toMatch(/3 runs are meant[^]*语料\/2026-1-aaaa/u);
    expect(await call('runs', 'compare', 'aaaa')).toBe(2);
    expect(printed.stderr).toContain('two runs or more');
  });

  it('removes with --yes alone where nobody can be asked, and never what is running', async () => {
    expect(await call('runs', 'remove', 'aaaa')).toBe(1);
    expect(printed.stderr).toContain('--yes removes without asking');
    expect(await readdir(join(runs, '语料'))).toHaveLength(2);
    expect(await call('runs', 'remove', 'aaaa', 'cccc', '--yes')).toBe(1);
    expect(printed.stderr).toContain('quickstart/2026-3-cccc is running');
    expect(await readdir(join(runs, '语料'))).toEqual(['2026-2-bbbb']);
    expect(await readdir(join(runs, 'quickstart'))).toEqual(['2026-3-cccc']);
  });

  it.each<[string[], RegExp]>([
    [['runs', 'frobnicate'], /unknown command: frobnicate; there are list, compare, remove/u],
    [['runs', 'list', 'x'], /too many arguments: x/u],
    [['runs', '--frob'], /Unknown option '--frob'/u],
    [['runs', '--state', 'gone'], /Expected one of/u],
    [['runs', '--limit', '0'], /--limit needs an integer of at least 1/u],
    [['store', 'gcc'], /unknown command: gcc/u],
    [['sql'], /QUERY/u],
    [['watch', '--port', '70000'], /--port needs a number from 0 to 65535/u],
  ])('wrong usage: %s', async (args, message) => {
    expect(await main(args)).toBe(2);
    expect(printed.stderr).toMatch(message);
    expect(printed.stderr).toContain('USAGE');
    expect(printed.stdout).toBe('');
  });

  it('has --help for each subcommand', async () => {
    for (const words of [
      ['runs'],
      ['runs', 'list'],
      ['runs', 'compare'],
      ['runs', 'remove'],
      ['store', 'gc'],
      ['store', 'sizes'],
    ]) {
      printed.stdout = '';
      expect(await main([...words, '--help'])).toBe(0);
      expect(printed.stdout.replaceAll(/\x1b\[\d+m/gu, '')).toContain(`USAGE trainbook ${words.join(' ')}`);
    }
  });
});

it('trainbook store, and its gc', async () => {
  expect(await call('store')).toBe(0);
  expect(printed.stdout).toMatch(/the store is empty|in all/u);
  printed.stdout = '';
  expect(await call('store', 'gc', '--dry-run', '--json')).toBe(0);
  expect(JSON.parse(printed.stdout)).toMatchObject({ dryRun: true, bytes: 0, removed: [] });
});

it('trainbook sql prints a table, CSV or JSON', async () => {
  const query = 'SELECT run, value FROM metrics WHERE step = 2 ORDER BY value';
  expect(await call('sql', query)).toBe(0);
  expect(printed.stdout).toBe('run               value\n语料/2026-2-bbbb      1\n语料/2026-1-aaaa      2\n(2 rows)\n');
  printed.stdout = '';
  expect(await call('sql', `${query} LIMIT 1`, '--json')).toBe(0);
  expect(JSON.parse(printed.stdout)).toEqual([{ run: '语料/2026-2-bbbb', value: 1 }]);
  printed.stdout = '';
  expect(await call('sql', `SELECT 'a,"b"' AS "x,y", NULL AS z`, '--csv')).toBe(0);
  expect(printed.stdout).toBe('"x,y",z\n"a,""b""",\n');
  expect(await call('sql', 'SELECT nope')).toBe(1);
  expect(printed.stderr).toMatch(/LINE 1: SELECT nope/u);
});

describe('tables', () => {
  it('count the columns that a terminal shows', () => {
    expect(textWidth('abc')).toBe(3);
    expect(textWidth('语料库')).toBe(6);
    expect(textWidth('é')).toBe(1); // e and a combining accent
    expect(textWidth('ｶﾅ한글')).toBe(6);
    expect(textWidth('👩‍🚀!')).toBe(3);
    expect(cutToWidth('语料库', 5)).toBe('语料…');
    expect(cutToWidth('语料库', 6)).toBe('语料库');
    expect(printable('a\x1b[31mb\n')).toBe('a\\u001b[31mb⏎');
  });

  it('keep to the width of the terminal: the widest column gives way, then the last ones', () => {
    const table = {
      columns: ['name', 'value', 'note'],
      rows: [
        ['语料'.repeat(10), '1.5', 'x'.repeat(30)],
        ['b', '12', ''],
      ],
    };
    for (const width of [30, 40, 60, 100]) {
      for (const line of textTable(table, width)) expect(textWidth(line)).toBeLessThanOrEqual(width);
    }
    expect(textTable(table, 18).at(-1)).toBe('(no room for note)');
    expect(textTable(table)[2]).toBe(`b${' '.repeat(39)}     12`);
  });
});
