import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineCommand } from 'citty';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { packageRoot } from '../setup/project.js';
import { UsageError } from './usage.js';

/** A figure of a benchmark. */
export interface Measurement {
  /** What was measured, in words. */
  readonly figure: string;
  /** A median where there is a spread. */
  readonly value: number | string;
  readonly unit?: string;
  /** The lowest and the highest of the blocks. */
  readonly spread?: readonly [lowest: number, highest: number];
  /** What the project wants to reach. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

/** What a benchmark found, or why it measured nothing. */
export type Outcome =
  { readonly measurements: readonly Measurement[]; readonly notes?: readonly string[] } | { readonly skipped: string };

/** A Python with PyTorch, to compare with. */
export interface Peer {
  readonly python: string;
  /** PyTorch's. */
  readonly version: string;
}

export interface BenchContext {
  /** Sizes so small that the figures mean nothing: for tests. */
  readonly quick: boolean;
  readonly peer: Peer | undefined;
  /** An empty folder that is removed afterwards. */
  readonly folder: string;
  /** A line for who waits. */
  readonly say: (line: string) => void;
}

/** A workload, defined once for us and for peers, and how it is measured. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  /** Config, batch, length, dtype, threads, weights: all that decides what is measured. */
  workload(quick: boolean): Json;
  run(context: BenchContext): Promise<Outcome>;
}

/** What `experiments/bench/index.ts` exports. */
export interface BenchTable {
  readonly benchmarks: readonly Benchmark[];
  /** The machine that the figures belong to, by name. */
  readonly machine: (peer: Peer | undefined) => Readonly<Record<string, Json>>;
  /** @throws TrainbookError where a Python was named and has no PyTorch */
  readonly findPeer: (named: string | undefined) => Promise<Peer | undefined>;
}

interface Report {
  readonly name: string;
  readonly title: string;
  readonly workload: Json;
  /** Load of the machine over the last minute, before and after. */
  readonly load: readonly [before: number, after: number];
  readonly seconds: number;
  readonly measurements: readonly Measurement[];
  readonly notes: readonly string[];
  readonly skipped?: string;
  readonly error?: string;
}

export const bench = defineCommand({
  meta: { name: 'bench', description: 'Measure speed and memory, beside PyTorch where it is installed' },
  args: {
    names: {
      type: 'positional',
      required: false,
      description: 'Benchmarks, separated by commas; all of experiments/bench/ if not given',
    },
    quick: { type: 'boolean', description: 'Tiny sizes that measure nothing, to see that all runs' },
    'peer-python': {
      type: 'string',
      valueHint: 'path',
      description: 'A Python with PyTorch, or `none` (TRAINBOOK_PEER_PYTHON, else python3)',
    },
    device: {
      type: 'string',
      valueHint: 'name',
      description: 'The device of those that measure one, such as cuda:0 (TRAINBOOK_DEVICE)',
    },
    json: { type: 'boolean', description: 'Print the figures as one JSON value' },
    package: {
      type: 'string',
      valueHint: 'file.tar.gz',
      description: 'Measure nothing: write an archive that measures a GPU where there is no network and no TensorFlow',
    },
  },
  async run({ args }) {
    if (args.package !== undefined) return packed(args.package, args.names);
    if (args.device !== undefined) process.env['TRAINBOOK_DEVICE'] = args.device; // for the processes that measure
    // compiled fast, to run slowly, which does not matter there; for this process and those that measure
    if (args.quick === true) process.env['XLA_FLAGS'] ??= '--xla_backend_optimization_level=0';
    const { benchmarks, machine, findPeer } = await loadTable();
    const chosen = choose(benchmarks, args.names);
    const peer = await findPeer(args['peer-python']);
    const about = machine(peer);
    const json = args.json === true;
    const print = (text: string): void => void process.stdout.write(json ? '' : `${text}\n`);
    print(Object.entries(about).map(asWords).join('; '));
    const reports: Report[] = [];
    for (const benchmark of chosen) {
      const report = await measure(benchmark, { quick: args.quick === true, peer });
      reports.push(report);
      print(`\n${formatReport(report)}`);
    }
    if (json) process.stdout.write(`${JSON.stringify({ machine: about, benchmarks: reports })}\n`);
    return reports.some(({ error }) => error !== undefined) ? 1 : 0;
  },
});

/** Writes the archive and says what to do with it. */
async function packed(path: string, names: string | undefined): Promise<number> {
  const { packBenchmarks } = await import('./bench-package.js');
  const bytes = await packBenchmarks(path, names, (line) => void process.stderr.write(`${line}\n`));
  process.stdout.write(
    `${path}: ${(bytes / 2 ** 20).toFixed(1)} MiB. On the other machine: tar -xzf ${basename(path)} && trainbook-bench/run.sh cuda:0\n`,
  );
  return 0;
}

/** The recipes are TypeScript beside the experiments (JavaScript in a package); they take trainbook from the build that runs this command. */
async function loadTable(): Promise<BenchTable> {
  const folder = join(packageRoot, 'experiments', 'bench');
  const compiled = join(folder, 'index.js');
  if (existsSync(compiled)) return (await import(pathToFileURL(compiled).href)) as BenchTable;
  const path = join(folder, 'index.ts');
  if (!existsSync(path)) {
    throw new TrainbookError({
      what: 'bench: the recipes are not here',
      received: path,
      expected: 'a clone of the repository',
    });
  }
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: false });
  return (await import(pathToFileURL(path).href)) as BenchTable;
}

function choose(benchmarks: readonly Benchmark[], names: string | undefined): readonly Benchmark[] {
  if (names === undefined) return benchmarks;
  return names.split(',').map((name) => {
    const found = benchmarks.find((benchmark) => benchmark.name === name);
    if (found !== undefined) return found;
    throw new UsageError(
      `no benchmark '${name}'; there are ${benchmarks.map((benchmark) => benchmark.name).join(', ')}`,
    );
  });
}

/** A benchmark that fails is reported; those after it run all the same. */
async function measure(benchmark: Benchmark, choices: Pick<BenchContext, 'quick' | 'peer'>): Promise<Report> {
  const { name, title } = benchmark;
  const say = (line: string): void => void process.stderr.write(`${name}: ${line}\n`);
  const folder = await mkdtemp(join(tmpdir(), 'trainbook-bench-'));
  const before = load();
  const started = performance.now();
  const outcome = await benchmark.run({ ...choices, folder, say }).catch((error: unknown) => ({
    error: error instanceof Error ? error.message : String(error),
  }));
  await rm(folder, { recursive: true, force: true });
  return {
    name,
    title,
    workload: benchmark.workload(choices.quick),
    load: [before, load()],
    seconds: (performance.now() - started) / 1000,
    measurements: [],
    notes: [],
    ...outcome,
  };
}

function load(): number {
  return Number((loadavg()[0] ?? NaN).toFixed(2));
}

function asWords([name, value]: readonly [string, Json]): string {
  return `${name}: ${Array.isArray(value) ? value.join(' ') : typeof value === 'object' ? JSON.stringify(value) : String(value)}`;
}

/** A benchmark's figures as a table in words. */
export function formatReport({ name, title, load: [before, after], seconds, ...found }: Report): string {
  const rows = found.measurements.map((measurement) => [
    measurement.figure,
    [formatFigure(measurement.value), measurement.unit ?? ''].join(' ').trim(),
    measurement.spread?.map(formatFigure).join(' … ') ?? '',
    formatGoal(measurement),
  ]);
  const table = [['', 'median', 'spread', 'goal'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    `${name}: ${title}`,
    ...(rows.length > 0 ? lines : []),
    ...found.notes,
    ...(found.skipped === undefined ? [] : [`skipped: ${found.skipped}`]),
    ...(found.error === undefined ? [] : [`failed: ${found.error}`]),
    `(${seconds.toFixed(0)} s, load of the machine ${before} before and ${after} after)`,
  ].join('\n');
}

function formatFigure(value: number | string): string {
  if (typeof value === 'string') return value;
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(4)));
}

function formatGoal({ value, goal }: Measurement): string {
  if (goal === undefined || typeof value === 'string') return '';
  const [words, met] =
    'atMost' in goal
      ? [`at most ${formatFigure(goal.atMost)}`, value <= goal.atMost]
      : [`at least ${formatFigure(goal.atLeast)}`, value >= goal.atLeast];
  return `${words}: ${met ? 'met' : 'NOT met'}`;
}
