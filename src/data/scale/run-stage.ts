import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OnProgress } from '../../progress.js';
import type { Claims } from './claim.js';
import { factsFile } from './joint-tasks.js';
import { readDone, taskFile, writeWhole } from './marker.js';
import { runTask } from './run-task.js';
import { stepsOfStage } from './stage.js';
import type { Stage } from './stage.js';
import { StageProgress } from './stage-progress.js';
import { numTasks } from './work.js';
import type { Job, Work } from './work.js';
import type { Share } from './write-options.js';

export interface StageRun {
  readonly work: Work;
  readonly job: Job;
  readonly stage: Stage;
  readonly workers: number;
  readonly claims: Claims;
  readonly inPool: (stage: number, task: number) => Promise<void>;
  readonly progress: OnProgress;
}

export interface StageOptions {
  readonly signal?: AbortSignal;
  readonly share?: Share;
  /** Whether to wait for tasks that others do. */
  readonly waits: boolean;
}

/** Between two looks whether others are done. */
const POLL_MILLISECONDS = 200;

/**
 * Does the tasks of a stage that are not done: this process's share of them, or all that no other process does just now. Gives whether
 * the whole stage is done.
 */
export async function runStage(run: StageRun, { signal, share, waits }: StageOptions): Promise<boolean> {
  const { work, job, stage, claims, inPool } = run;
  const { folder, plan } = work;
  const index = work.stages.indexOf(stage);
  const total = numTasks(stage, plan);
  if (isWhole(folder)) return true;
  mkdirSync(dirname(join(folder, taskFile(stage.name, 0, 'done'))), { recursive: true });
  const open = new Set<number>();
  for (let task = 0; task < total; task++) if (readDone(folder, stage.name, task) === undefined) open.add(task);
  if (open.size > 0) {
    const staying = stepsOfStage(stage).find((step) => job.steps[step] === undefined);
    // what is decided once is decided with the very step that the user made
    const here = run.workers === 1 || staying !== undefined || stage.kind === 'decide' || stage.kind === 'finish';
    const remark =
      staying === undefined || run.workers === 1
        ? undefined
        : `${plan.steps[staying]?.name ?? ''} is a function of this thread: it works alone`;
    const bytes = stage.kind === 'read' ? plan.inputs.reduce((sum, input) => sum + input.bytes, 0) : undefined;
    const told = new StageProgress(run.progress, taskName(stage, plan.steps), total - open.size, total, bytes, remark);
    const isOurs = (task: number): boolean => share === undefined || task % share.of === share.index;
    const running = new Map<number, Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    const start = (task: number): void => {
      const claim = join(folder, taskFile(stage.name, task, 'claim'));
      const done = (here ? runTask(work, index, task) : inPool(index, task)).then(
        () => {
          open.delete(task);
          told.add(1);
        },
        (error: unknown) => {
          failure ??= { error };
        },
      );
      running.set(
        task,
        done.finally(() => {
          running.delete(task);
          claims.release(claim);
        }),
      );
    };
    const most = here ? 1 : run.workers + 1; // one waits, so that no thread does
    while (open.size > 0) {
      signal?.throwIfAborted();
      if (isWhole(folder)) break;
      if (failure !== undefined) break;
      for (const task of open) {
        if (running.size >= most) break;
        if (!isOurs(task) || running.has(task)) continue;
        if (!claims.take(join(folder, taskFile(stage.name, task, 'claim')))) continue;
        start(task);
      }
      if (running.size > 0) {
        const others = sleep(5 * POLL_MILLISECONDS, undefined, { ref: false });
        await Promise.race([...running.values(), others]);
      } else if (!waits) break;
      else await sleep(POLL_MILLISECONDS, undefined, signal === undefined ? {} : { signal });
      if (running.size === 0 || share !== undefined) told.add(closeDone(work, stage, open, running));
    }
    await Promise.allSettled(running.values());
    if (isWhole(folder)) return true;
    if (failure !== undefined) throw failure.error;
    if (open.size > 0) return false;
  }
  if (!existsSync(join(folder, factsFile(stage.name))) && !isWhole(folder)) {
    const facts = Array.from({ length: total }, (_, task) => readDone(folder, stage.name, task)?.facts ?? null);
    writeWhole(folder, factsFile(stage.name), Buffer.from(JSON.stringify(facts)));
  }
  return true;
}

/** Whether another process was the first to finish: it then removes what lies between the stages. */
export function isWhole(folder: string): boolean {
  return existsSync(join(folder, 'card.json'));
}

/** Tasks that others did meanwhile are done; gives how many. */
function closeDone(
  { folder }: Work,
  stage: Stage,
  open: Set<number>,
  running: ReadonlyMap<number, Promise<void>>,
): number {
  let count = 0;
  for (const task of open) {
    if (running.has(task) || readDone(folder, stage.name, task) === undefined) continue;
    open.delete(task);
    count++;
  }
  return count;
}

/** `find-1: deduplicate`. */
function taskName(stage: Stage, steps: readonly { readonly name: string }[]): string {
  const names = stepsOfStage(stage).map((step) => steps[step]?.name ?? '');
  return names.length === 0 ? stage.name : `${stage.name}: ${names.join(', ')}`;
}
