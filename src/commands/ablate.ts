import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { TrainbookError } from '../error.js';
import { readAblation } from '../experiment/ablations/cells.js';
import { compareArms } from '../experiment/ablations/comparison.js';
import { joinAblation, openAblation, withSeeds } from '../experiment/ablations/open-ablation.js';
import type { OpenAblation } from '../experiment/ablations/open-ablation.js';
import type { AblationRecord } from '../experiment/ablations/record.js';
import { workOn } from '../experiment/ablations/run-ablation.js';
import type { AblationEvent } from '../experiment/ablations/run-ablation.js';
import { packageRoot } from '../setup/project.js';
import { loadAblation } from './ablate-file.js';
import { ablationEvents, planText, resultTable } from './ablate-text.js';
import { ownProgram } from './own-program.js';
import { interruptSignal } from './interrupt-signal.js';
import { alongOf } from './run-file.js';
import { endLine, sinkArgs, sinkTargets } from './sink-options.js';
import { integerOption, UsageError } from './usage.js';

export const ablate = defineCommand({
  meta: { name: 'ablate', description: 'Run an ablation: every arm with every seed; cells that are done stay done' },
  args: {
    file: { type: 'positional', required: true, description: 'The ablation, such as experiments/norm-ablation.ts' },
    workers: {
      type: 'string',
      valueHint: 'number',
      description: 'Worker processes, or tasks at once; without, this process runs all',
    },
    'cores-per-worker': {
      type: 'string',
      valueHint: 'number',
      description: 'Cores for each (all, shared by the workers)',
    },
    'memory-per-worker': {
      type: 'string',
      valueHint: '2GiB',
      description: 'Memory for each; one that needs more has failed',
    },
    seeds: { type: 'string', valueHint: '1,2,3', description: 'Seeds in place of those in the file' },
    retry: { type: 'boolean', description: 'Run cells that failed before once more' },
    backend: { type: 'enum', options: ['local', 'slurm', 'kubernetes'], description: 'Where cells run (local)' },
    image: { type: 'string', valueHint: 'name', description: 'With --backend kubernetes: the image of the containers' },
    claim: {
      type: 'string',
      valueHint: 'name',
      description: 'With --backend kubernetes: the volume claim with the project',
    },
    folder: { type: 'string', valueHint: 'path', description: 'With --cell: the folder of the ablation' },
    cell: {
      type: 'string',
      valueHint: 'index',
      description: 'Run this one cell, from 0; what tasks of a cluster call',
    },
    'dry-run': { type: 'boolean', description: 'Show what would run and about how long; run nothing' },
    ...sinkArgs,
    json: { type: 'boolean', description: 'Print the result as one JSON value' },
  },
  async run({ args }) {
    const options = parse(args);
    const signal = interruptSignal();
    const loaded = await loadAblation(args.file, signal);
    const { place, project } = loaded;
    const { cell, folder, seeds, json, backend, atOnce } = options;
    const write = (text: string): boolean => process.stdout.write(text);
    const say = (text: string): void => {
      if (!json) write(`${text}\n`);
    };
    if (cell !== undefined && folder !== undefined) {
      return runOneCell(await joinAblation(loaded.ablation, resolve(folder), place), cell);
    }
    const ablation = seeds === undefined ? loaded.ablation : withSeeds(loaded.ablation, seeds);
    const { planAblation } = await import('../experiment/ablations/plan-ablation.js');
    const plan = await planAblation(ablation, place);
    say(planText({ ...ablation, experiment: ablation.experiment.name }, plan, atOnce));
    if (args['dry-run'] === true) {
      if (json) write(`${JSON.stringify({ ablation: ablation.name, baseline: ablation.baseline, ...plan })}\n`);
      return 0;
    }
    const { isTTY, columns } = process.stdout as { isTTY?: boolean; columns?: number };
    const screen = { write, isTerminal: isTTY === true, columns: columns ?? 80 };
    const show = json ? () => undefined : ablationEvents(screen, ablation);
    const open = await openAblation(ablation, place);
    const runsFolder = dirname(dirname(dirname(open.folder)));
    const along = await alongOf(sinkTargets(args, process.env), say);
    const onEvent = (event: AblationEvent): void => {
      show(event);
      const run = event.type === 'cell-end' ? event.result.run : undefined;
      if (run !== undefined) along?.ended(join(runsFolder, run));
    };
    // A cluster's machine has trainbook where this one has it: in the project, or as the clone that it is.
    const command = [
      'node',
      join(packageRoot, 'bin', 'trainbook.mjs'),
      'ablate',
      resolve(args.file),
      '--folder',
      open.folder,
      '--cell',
    ];
    const task = { ...options.slots, command, project, ...(options.workers === undefined ? {} : { atOnce }) };
    if (backend === 'kubernetes') {
      const { writeKubernetesJob } = await import('../experiment/ablations/kubernetes.js');
      const { image, claim } = options;
      const path = await writeKubernetesJob(open, { ...task, image, claim });
      say(
        `manifest: ${path}\nsubmit it: kubectl apply -f ${relative(process.cwd(), path)}\nthen: npx trainbook ablate ${args.file} shows the table`,
      );
      if (json)
        write(
          `${JSON.stringify({ ablation: ablation.name, folder: open.folder, state: 'written', manifest: path })}\n`,
        );
      return 0;
    }
    let state: string;
    if (backend === 'slurm') {
      const { runOnSlurm } = await import('../experiment/ablations/slurm.js');
      const outcome = await runOnSlurm(open, task, onEvent);
      if (outcome.state === 'written')
        say(`there is no sbatch here; submit it where there is: sbatch ${outcome.script}`);
      if (outcome.job !== undefined) say(`job ${outcome.job} goes on; scancel ${outcome.job} ends it`);
      state = outcome.state;
    } else {
      ({ state } = await workOn(open, {
        onEvent,
        retry: options.retry,
        ...(options.workers === undefined
          ? {}
          : { startWorkers: await localWorkers(args.file, options.workers, options.slots) }),
      }));
    }
    const record = await readAblation(open.folder);
    const sent = (await along?.end()) ?? [];
    const numFailed = record.cells.filter((each) => each.state === 'failed').length;
    if (json) write(`${JSON.stringify({ ...summary(record, state, numFailed), ...(along && { sinks: sent }) })}\n`);
    const waiting = sent.filter((end) => end.state === 'waiting');
    for (const end of waiting) say(endLine(end, relative(runsFolder, end.folder)));
    if (sent.length > waiting.length) say(`sent: ${sent.length - waiting.length} of ${sent.length} runs`);
    say(`\n${resultTable(record)}\n\nablation: ${open.folder}`);
    return (state === 'done' && numFailed === 0) || state === 'written' ? 0 : 1;
  },
});

function summary(record: AblationRecord, state: string, numFailed: number): object {
  const { spec, folder } = record;
  const { name, id, measure, better, baseline } = spec;
  return { ablation: name, id, folder, state, measure, better, baseline, numFailed, arms: compareArms(record) };
}

/** What a worker gets. */
interface Slots {
  readonly cores: number;
  readonly memoryBytes?: number;
}

interface Options {
  readonly workers: number | undefined;
  readonly atOnce: number;
  readonly slots: Slots;
  readonly seeds: readonly number[] | undefined;
  readonly backend: 'local' | 'slurm' | 'kubernetes';
  readonly image: string;
  readonly claim: string;
  readonly folder: string | undefined;
  readonly cell: number | undefined;
  readonly retry: boolean;
  readonly json: boolean;
}

function parse(args: Readonly<Record<string, unknown>>): Options {
  const text = (name: string): string | undefined => args[name] as string | undefined;
  const positive = (name: string): number | undefined => {
    const value = integerOption(name, text(name));
    if (value === undefined || value > 0) return value;
    throw new UsageError(`--${name} needs an integer > 0, not '${text(name) ?? ''}'`);
  };
  const backend = (text('backend') ?? 'local') as Options['backend'];
  const [workers, cores, cell] = [
    positive('workers'),
    positive('cores-per-worker'),
    integerOption('cell', text('cell')),
  ];
  const memoryBytes = bytes(text('memory-per-worker'));
  const machine = availableParallelism();
  if (backend === 'local' && (workers ?? 1) * (cores ?? 1) > machine) {
    throw new UsageError(
      `${workers ?? 1} workers with ${cores ?? 1} cores each need more than the ${machine} cores of this machine`,
    );
  }
  if ((cell === undefined) !== (args['folder'] === undefined)) throw new UsageError('--cell and --folder go together');
  const [image = '', claim = ''] = [text('image'), text('claim')];
  if (backend === 'kubernetes' && (image === '' || claim === '')) {
    throw new UsageError('--backend kubernetes needs --image and --claim: what runs, and the volume with the project');
  }
  const atOnce = workers ?? 1;
  const seeds = text('seeds')
    ?.split(',')
    .map((each) => integerOption('seeds', each) ?? 0);
  return {
    workers,
    atOnce,
    slots: {
      cores: cores ?? (backend === 'local' ? Math.max(1, Math.floor(machine / atOnce)) : 1),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    },
    seeds,
    backend,
    image,
    claim,
    folder: text('folder'),
    cell,
    retry: args['retry'] === true,
    json: args['json'] === true,
  };
}

/** `2GiB`, `512MiB`, `3e9`: bytes. */
function bytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number = '', unit = ''] = /^([\d.]+(?:e\d+)?)\s*([KMGT]i?B)?$/u.exec(text) ?? [];
  const power = 1 + 'KMGT'.indexOf(unit[0] ?? '?');
  const value = Number(number) * (unit.includes('i') ? 1024 : 1000) ** Math.max(0, power);
  if (number !== '' && value > 0) return Math.round(value);
  throw new UsageError(`--memory-per-worker needs a size such as 2GiB, not '${text}'`);
}

/** What starts the worker processes; their threads are set by the environment. */
async function localWorkers(
  file: string,
  count: number,
  { cores, memoryBytes }: Slots,
): Promise<
  (
    open: OpenAblation,
    onEvent: (event: AblationEvent) => void,
  ) => import('../experiment/ablations/run-ablation.js').Workers
> {
  const { processWorkers } = await import('../experiment/ablations/process-workers.js');
  return (open, onEvent) =>
    processWorkers(open, onEvent, {
      count,
      ...(memoryBytes === undefined ? {} : { memoryPerWorker: memoryBytes }),
      start: () =>
        spawn(process.execPath, [...ownProgram('ablate-worker'), resolve(file), open.folder], {
          stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
          env: { ...process.env, TRAINBOOK_THREADS: String(cores) },
        }),
    });
}

/** What a task of a cluster does: its exit code is 0 where the cell is done, or is another's. */
async function runOneCell(open: OpenAblation, index: number): Promise<number> {
  const { placeOf, runCell } = await import('../experiment/ablations/run-cell.js');
  const place = placeOf(open.spec, index);
  const outcome = await runCell(open, index, (event) => {
    if (event.type === 'cell-end') process.stdout.write(`${JSON.stringify(event.result)}\n`);
  });
  if (outcome === 'interrupted') return 1;
  if (outcome === 'busy') process.stdout.write('another process runs this cell, or its rung has not begun\n');
  const { readCell } = await import('../experiment/ablations/cells.js');
  const { state, error } = await readCell(open.folder, open.spec, place);
  if (state !== 'failed') return 0;
  throw new TrainbookError({ what: `ablate: cell ${index} has failed`, received: error ?? '' });
}
