import { defineCommand } from 'citty';
import { isCalled, metricNames } from '../experiment/metric-names.js';
import { nearest } from '../experiment/nearest.js';
import { listRuns, runNames } from '../experiment/run-index/run-entry.js';
import type { RunEntry, RunList } from '../experiment/run-index/run-entry.js';
import { selectRuns } from '../experiment/run-index/select-runs.js';
import { checkName, configLeaves, parseCondition, runFields, valueOf } from '../experiment/run-index/where.js';
import type { Json } from '../files.js';
import { TrainbookError } from '../error.js';
import { formatNumber, formatSeconds } from '../report/format.js';
import { runsFolder, runsOption } from './runs-folder.js';
import { terminalWidth, textTable } from './text-table.js';
import { everyValue, integerOption, UsageError } from './usage.js';

const states = ['running', 'done', 'failed', 'interrupted'] as const;

export const list = defineCommand({
  meta: { name: 'list', description: 'List runs, newest first' },
  args: {
    experiment: { type: 'string', valueHint: 'name', description: 'Of this experiment only' },
    state: { type: 'enum', options: [...states], description: 'In this state only' },
    where: {
      type: 'string',
      valueHint: 'condition',
      description:
        "Such as 'train.learningRate>=1e-3' or 'loss<2': a config path, a metric's last value (loss.best, loss.min), a fact of a stage, state, seed, seconds; may be repeated, all must hold",
    },
    sort: { type: 'string', valueHint: 'name', description: 'By a name as in --where, the lowest first' },
    descending: { type: 'boolean', description: 'The highest first' },
    limit: { type: 'string', valueHint: 'number', description: 'At most so many' },
    show: {
      type: 'string',
      valueHint: 'names',
      description: 'More columns, by names as in --where, with commas between',
    },
    ...runsOption,
    json: { type: 'boolean', description: 'Print the runs as one JSON value' },
  },
  async run({ args, rawArgs }) {
    const folder = runsFolder(args);
    const limit = integerOption('limit', args.limit);
    if (limit !== undefined && limit < 1)
      throw new UsageError(`--limit needs an integer of at least 1, not '${limit}'`);
    const where = everyValue(rawArgs, 'where').map(parseCondition);
    const found = await listRuns(folder, args.experiment);
    if (args.experiment !== undefined && found.runs.length === 0) await refuseExperiment(folder, args.experiment);
    const shown = [...(args.show === undefined ? [] : args.show.split(',')), ...where.map(({ name }) => name)];
    if (args.sort !== undefined) shown.push(args.sort);
    for (const name of shown) checkName(found.runs, name);
    const runs = selectRuns(found.runs, {
      where,
      ...(args.state === undefined ? {} : { state: args.state }),
      ...(args.sort === undefined ? {} : { sort: args.sort }),
      descending: args.descending === true,
      ...(limit === undefined ? {} : { limit }),
    });
    for (const { folder: unreadable, reason } of found.unreadable) {
      process.stderr.write(`runs: passed over ${unreadable}: ${reason}\n`);
    }
    process.stdout.write(args.json === true ? `${JSON.stringify(runs.map(asJson))}\n` : listText(found, runs, shown));
    return 0;
  },
});

async function refuseExperiment(folder: string, experiment: string): Promise<never> {
  const names = new Set((await runNames(folder)).map((name) => name.split('/')[0] ?? ''));
  const close = nearest(experiment, names);
  throw new TrainbookError({
    what: 'runs: there is no run of this experiment',
    received: experiment,
    expected: names.size === 0 ? `runs in ${folder}` : `one of ${[...names].join(', ')}`,
    ...(close === undefined ? {} : { fix: `did you mean ${close}?` }),
  });
}

/** A run as `--json` prints it. */
export function asJson({ done, owner, ...run }: RunEntry): object {
  return {
    ...run,
    ...(owner === undefined ? {} : { process: owner.pid, host: owner.host }),
    done,
    metrics: run.metrics.flatMap(({ stage, metrics }) => metrics.map((metric) => ({ stage, ...metric }))),
  };
}

function listText({ runs: all }: RunList, runs: readonly RunEntry[], more: readonly string[]): string {
  if (all.length === 0) return 'no runs yet: npx trainbook run experiments/quickstart.ts makes one\n';
  if (runs.length === 0) return `none of ${all.length} runs\n`;
  const names = columnsOf(runs, more);
  const table = textTable(
    {
      columns: ['run', 'state', 'seed', 'created (UTC)', 'time', ...names],
      rows: runs.map((run) => [
        run.name,
        stateText(run),
        String(run.seed),
        run.createdAt.slice(0, 16).replace('T', ' '),
        run.seconds === undefined ? '—' : formatSeconds(run.seconds),
        ...names.map((name) => cell(valueOf(run, name))),
      ]),
    },
    terminalWidth(),
  );
  const count = runs.length === all.length ? `${all.length} runs` : `${runs.length} of ${all.length} runs`;
  return `${table.join('\n')}\n${count}\n`;
}

function stateText({ state, done, stages }: RunEntry): string {
  return state === 'done' ? state : `${state} ${done.length}/${stages.length}`;
}

/** Metrics that a list shows unasked, where a run has them, as long as there are few. */
const usual = [metricNames.loss, metricNames.heldOutLoss, metricNames.accuracy];

function columnsOf(runs: readonly RunEntry[], more: readonly string[]): string[] {
  const have = (name: string): boolean =>
    runs.some((run) => run.metrics.some(({ metrics }) => metrics.some((metric) => metric.name === name)));
  const grouped = runs
    .flatMap((run) => run.metrics.flatMap(({ metrics }) => metrics.map(({ name }) => name)))
    .filter((name) => name.includes('/') && isCalled(name, metricNames.accuracy));
  const columns = [...more, ...usual.filter(have), ...grouped.slice(0, 1), ...varied(runs)];
  const own: readonly string[] = [...runFields].filter((field) => field !== 'memory');
  return [...new Set(columns)].filter((name) => !own.includes(name));
}

/** Config values that tell runs of one experiment apart, the first few. */
function varied(runs: readonly RunEntry[]): string[] {
  if (new Set(runs.map(({ experiment }) => experiment)).size !== 1) return [];
  const values = new Map<string, Set<string>>();
  for (const run of runs) {
    for (const [path, value] of configLeaves(run.config)) {
      const seen = values.get(path) ?? new Set<string>();
      values.set(path, seen.add(JSON.stringify(value)));
    }
  }
  return [...values].flatMap(([path, { size }]) => (size > 1 ? [path] : [])).slice(0, 4);
}

/** A value in a table; `—` where a run has none. */
export function cell(value: Json | undefined): string {
  if (value === undefined) return '—';
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
