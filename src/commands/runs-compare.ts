import { basename } from 'node:path';
import { defineCommand } from 'citty';
import { compareRuns } from '../experiment/run-index/compare-runs.js';
import type { Compared, RunComparison } from '../experiment/run-index/compare-runs.js';
import { findRun } from '../experiment/run-index/find-run.js';
import { entryOf, runNames } from '../experiment/run-index/run-entry.js';
import type { RunEntry } from '../experiment/run-index/run-entry.js';
import { TrainbookError } from '../error.js';
import { formatNumber, formatSeconds } from '../report/format.js';
import { runsFolder, runsOption } from './runs-folder.js';
import { asJson, cell } from './runs-list.js';
import { terminalWidth, textTable } from './text-table.js';
import { everyWord, repeated, UsageError } from './usage.js';

const args = {
  ids: {
    type: 'positional',
    required: true,
    valueHint: repeated,
    description: 'Two runs or more: their ids, or a beginning or end of an id that no other run has',
  },
  ...runsOption,
  json: { type: 'boolean', description: 'Print the comparison as one JSON value' },
} as const;

export const compare = defineCommand({
  meta: { name: 'compare', description: 'What differs between runs, and what came of it' },
  args,
  async run({ args: { json, ...given }, rawArgs }) {
    const words = everyWord(args, rawArgs);
    if (words.length < 2) throw new UsageError('runs compare needs two runs or more');
    const folder = runsFolder(given);
    const compared = compareRuns(await findEntries(folder, words));
    process.stdout.write(json === true ? `${JSON.stringify(comparisonJson(compared))}\n` : comparisonText(compared));
    return 0;
  },
});

/** The runs that words on the command line stand for, each once. */
async function findEntries(folder: string, words: readonly string[]): Promise<RunEntry[]> {
  const all = await runNames(folder);
  const names = new Set(words.map((word) => findRun(all, word, folder)));
  return Promise.all(
    [...names].map(async (name) => {
      const entry = await entryOf(folder, name);
      if (entry !== undefined && 'id' in entry) return entry;
      throw new TrainbookError({
        what: `runs: run ${name} cannot be read`,
        received: entry?.reason ?? 'an empty folder',
      });
    }),
  );
}

function comparisonJson({ runs, ...rest }: RunComparison): object {
  const plain = (compared: readonly Compared<unknown>[]): object[] =>
    compared.map((each) => ({ ...each, values: each.values.map((value) => value ?? null) }));
  return {
    runs: runs.map(asJson),
    differences: plain(rest.differences),
    numSameValues: rest.numSameValues,
    metrics: plain(rest.metrics),
    facts: plain(rest.facts),
  };
}

function comparisonText({ runs, differences, numSameValues, metrics, facts }: RunComparison): string {
  const width = terminalWidth();
  const heads = shortNames(runs);
  const section = (title: string, columns: readonly string[], rows: readonly string[][]): string[] =>
    rows.length === 0 ? [] : ['', title, ...textTable({ columns, rows }, width)];
  const about = [
    ['run', ...runs.map(({ name }) => name)],
    ['state', ...runs.map(({ state }) => state)],
    ['created (UTC)', ...runs.map(({ createdAt }) => createdAt.slice(0, 16).replace('T', ' '))],
    ['time', ...runs.map(({ seconds }) => (seconds === undefined ? '—' : formatSeconds(seconds)))],
  ];
  const config = differences.map(({ name, values }) => [
    name,
    ...values.map((value) => (name === 'code' ? cell(value).slice(0, 12) : cell(value))),
  ]);
  const isPair = runs.length === 2;
  const numbers = metrics.map(({ name, values, best }) => [
    name,
    ...values.map((value, index) => {
      const bestValue = best[index];
      const last = cell(value);
      return bestValue === undefined || bestValue === value ? last : `${last} (best ${formatNumber(bestValue)})`;
    }),
    ...(isPair ? [changeText(values[0], values[1])] : []),
  ]);
  const told = facts
    .filter(({ values }) => new Set(values).size > 1)
    .map(({ name, values }) => [
      name,
      ...values.map((value) => cell(value)),
      ...(isPair ? [changeText(values[0], values[1])] : []),
    ]);
  const change = isPair ? ['change'] : [];
  return [
    ...textTable({ columns: ['', ...heads], rows: about }, width),
    '',
    `config: ${numberOfDifferences(differences.length)}, ${numSameValues} are the same`,
    ...(config.length === 0 ? [] : textTable({ columns: ['', ...heads], rows: config }, width)),
    ...section('metrics: the last value', ['', ...heads, ...change], numbers),
    ...section('facts that differ', ['', ...heads, ...change], told),
    '',
  ].join('\n');
}

function numberOfDifferences(count: number): string {
  return count === 0 ? 'no value differs' : count === 1 ? '1 value differs' : `${count} values differ`;
}

function changeText(from: unknown, to: unknown): string {
  if (typeof from !== 'number' || typeof to !== 'number' || !Number.isFinite(to - from)) return '';
  const change = to - from;
  const share = from === 0 ? '' : ` (${change < 0 ? '−' : '+'}${Math.abs((100 * change) / from).toFixed(1)}%)`;
  return `${change < 0 ? '' : '+'}${formatNumber(change)}${share}`;
}

/** The ends of ids where they tell the runs apart, else letters. */
function shortNames(runs: readonly RunEntry[]): string[] {
  const ends = runs.map(({ id }) => basename(id).split('-').at(-1) ?? id);
  return new Set(ends).size === runs.length ? ends : runs.map((_, index) => String.fromCharCode(65 + (index % 26)));
}
