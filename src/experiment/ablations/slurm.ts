import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson, writeAtomic } from '../../files.js';
import { tryLock } from '../lock.js';
import { cellLock, isFinal, readCell, readCells, writeCell } from './cells.js';
import { standings } from './halving.js';
import type { OpenAblation } from './open-ablation.js';
import type { Cell } from './record.js';
import type { AblationEvent } from './run-ablation.js';
import { placeOf, runCell } from './run-cell.js';

const run = promisify(execFile);

/** What each task of the array gets, and how it is started. */
export interface TaskOptions {
  /** The words that run one cell; its number is added to them. */
  readonly command: readonly string[];
  /** The folder that it runs in. */
  readonly project: string;
  readonly cores: number;
  readonly memoryBytes?: number;
  /** Tasks at once. */
  readonly atOnce?: number;
}

const quoted = (word: string): string => (/^[\w./:=@%+-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** `[0, 1, 2, 5]` as Slurm writes it: `0-2,5`. */
export function indexList(indexes: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

/** The script that `sbatch` takes: an array with one task a cell. */
export function slurmScript(
  { spec, folder }: Pick<OpenAblation, 'spec' | 'folder'>,
  cells: readonly number[],
  { command, project, cores, memoryBytes, atOnce }: TaskOptions,
): string {
  const options = [
    `--job-name=${quoted(spec.name.replaceAll(/\s/gu, '-'))}`,
    `--array=${indexList(cells)}${atOnce === undefined ? '' : `%${atOnce}`}`,
    `--cpus-per-task=${cores}`,
    ...(memoryBytes === undefined ? [] : [`--mem=${Math.ceil(memoryBytes / 2 ** 20)}M`]),
    `--output=${quoted(join(folder, 'slurm', '%A_%a.log'))}`,
    // A task that is to be stopped saves first: SIGTERM 60 seconds before its end.
    '--signal=TERM@60',
  ];
  return [
    '#!/bin/bash',
    ...options.map((option) => `#SBATCH ${option}`),
    '',
    `export TRAINBOOK_THREADS="\${SLURM_CPUS_PER_TASK:-${cores}}"`,
    `cd ${quoted(project)} || exit 1`,
    `exec ${command.map(quoted).join(' ')} "$SLURM_ARRAY_TASK_ID"`,
    '',
  ].join('\n');
}

const submissionSchema = z.object({ job: z.string(), cells: z.array(z.int()) });
type Submission = z.infer<typeof submissionSchema>;

const submissionPath = (folder: string): string => join(folder, 'slurm', 'submitted.json');

async function isThere(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    (error: unknown) => (error as NodeJS.ErrnoException).code !== 'ENOENT',
  );
}

/** Whether some task of a job waits or runs. A job that the queue does not know any more has ended. */
async function isQueued(job: string): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await run('squeue', ['--noheader', '--jobs', job, '--format', '%T'])).stdout.trim() !== '';
    } catch (error) {
      const text = String((error as { stderr?: unknown }).stderr ?? error);
      if (/invalid job id/iu.test(text)) return false;
      if (attempt === 10) throw new TrainbookError({ what: 'ablate: squeue does not answer', received: text.trim() });
      await sleep(1000 * attempt); // the controller is busy
    }
  }
}

/** How tasks ended, in Slurm's words, by their number in the array; nothing where accounting is not kept. */
async function endStates(job: string): Promise<ReadonlyMap<number, string>> {
  const { stdout } = await run('sacct', ['-n', '-P', '-X', '-j', job, '--format', 'JobID,State']).catch(() => ({
    stdout: '',
  }));
  return new Map(
    stdout.split('\n').flatMap((line) => {
      const [id = '', state = ''] = line.split('|');
      const index = /_(\d+)$/u.exec(id)?.[1];
      return index === undefined ? [] : [[Number(index), state.split(' ')[0] ?? ''] as const];
    }),
  );
}

export interface SlurmOutcome {
  /** `written`: there is no `sbatch` here; the script is to be submitted by hand. */
  readonly state: 'done' | 'written' | 'interrupted';
  readonly script: string;
  /** The job that goes on, where the user stopped following it. */
  readonly job?: string;
}

/**
 * Writes the script of an array with one task for each cell that is to run, submits it and follows it to its end. With successive
 * halving each rung is an array of its own. Started again, it follows the job that it submitted before.
 */
export async function runOnSlurm(
  open: OpenAblation,
  task: TaskOptions,
  onEvent: (event: AblationEvent) => void,
  pollSeconds = 5,
): Promise<SlurmOutcome> {
  const { folder, spec, place } = open;
  const script = join(folder, 'slurm', 'array.sh');
  await mkdir(join(folder, 'slurm'), { recursive: true });
  const tries = new Map<number, number>();
  const shown = new Set<number>();
  const show = async (): Promise<Cell[]> => {
    const cells = await readCells(folder, spec);
    cells.forEach((result, cell) => {
      if (!isFinal(result) || shown.has(cell)) return;
      shown.add(cell);
      onEvent({ type: 'cell-end', cell, result });
    });
    return cells;
  };
  for (;;) {
    const all = standings(spec, await show());
    for (const [index, { next }] of all.entries()) if (next === 'stop') await runCell(open, index, onEvent);
    const indexes = all.flatMap(({ next }, index) => (next === 'run' ? [index] : []));
    if (indexes.length === 0) {
      if ((await show()).every(isFinal)) return { state: 'done', script };
      continue; // arms were stopped: the next rung is open now
    }
    const before = submissionSchema.safeParse(await readJson(submissionPath(folder)).catch(() => undefined)).data;
    let current: Submission | undefined = before !== undefined && (await isQueued(before.job)) ? before : undefined;
    if (current === undefined) {
      await writeAtomic(script, slurmScript(open, indexes, task));
      if (!(await isThere('sbatch'))) return { state: 'written', script };
      const { stdout } = await run('sbatch', ['--parsable', script]);
      current = { job: stdout.trim().split(';')[0] ?? '', cells: indexes };
      await writeAtomic(submissionPath(folder), JSON.stringify(current));
      onEvent({ type: 'message', text: `submitted job ${current.job} with ${indexes.length} tasks` });
    } else onEvent({ type: 'message', text: `job ${current.job} is in the queue: following it` });
    const { job } = current;
    while (await isQueued(job)) {
      if (place.signal?.aborted === true) return { state: 'interrupted', script, job };
      await show();
      await sleep(1000 * pollSeconds, undefined, { signal: place.signal }).catch(() => undefined);
    }
    await judge(
      open,
      current,
      all.map((each) => ('rung' in each ? each.rung : 0)),
      tries,
    );
  }
}

/** Looks at the cells of a job that has ended: one without a result failed by Slurm's word, or when it ended so twice. */
async function judge(
  { folder, spec }: OpenAblation,
  { job, cells }: Submission,
  rungs: readonly number[],
  tries: Map<number, number>,
): Promise<void> {
  const states = await endStates(job);
  for (const index of cells) {
    const place = placeOf(spec, index);
    const cell = await readCell(folder, spec, place);
    if (isFinal(cell) || (cell.rungs?.length ?? 0) > (rungs[index] ?? 0)) continue;
    const state = states.get(index);
    const times = (tries.get(index) ?? 0) + 1;
    tries.set(index, times);
    const isSure = state === 'OUT_OF_MEMORY' || state === 'TIMEOUT' || state === 'CANCELLED';
    if (!isSure && times < 2) continue;
    const release = await tryLock(cellLock(folder, place));
    if (release === undefined) continue;
    const log = join(folder, 'slurm', `${job}_${index}.log`);
    const error = `Slurm: ${state ?? 'the task ended without a result'} (see ${log})`;
    await writeCell(folder, place, { ...cell, state: 'failed', error });
    await release();
  }
}
