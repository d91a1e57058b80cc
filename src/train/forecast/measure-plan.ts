import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { localGroup, threadsOfEach } from '../../engine/collectives/local-group.js';
import { type Membership, toEnvironment } from '../../engine/collectives/membership.js';
import { TrainbookError } from '../../error.js';
import type { Decoder } from '../../model/decoder.js';
import type { DecoderConfig } from '../../model/decoder-options.js';
import type { PlanOptions } from '../plan.js';

/** The fields of a plan that decide what a step takes. */
export type StepPlan = Pick<
  PlanOptions,
  'batchSize' | 'microBatch' | 'precision' | 'recompute' | 'lossChunks' | 'optimizerState'
>;

/** What steps took. */
export interface MeasuredPlan {
  readonly secondsPerStep: number;
  /** Highest memory of steps after the first, above what the process had with the library loaded. Absent where the system does not tell. */
  readonly peakBytes?: number;
  /** Of each step, all on one batch, the first one included. */
  readonly losses: readonly number[];
}

/** What the process is told. */
export interface MeasuredPlanInput {
  readonly config: DecoderConfig;
  readonly plan: StepPlan;
  readonly steps: number;
}

/** How steps are measured. */
export interface MeasureOptions {
  /** Steps after the first, which compiles and is not counted; default 3. */
  readonly steps?: number;
  /** So many processes share each batch and the cores, as by `trainbook launch`; default 1. The memory is that of one of them. */
  readonly processes?: number;
}

/**
 * Memory and time of a training's steps, measured: some steps of AdamW on random tokens in a process of its own, since a process keeps what
 * it once took; or in several that share each batch.
 *
 * @throws TrainbookError if a process fails, for lack of memory for instance.
 * @example
 * const { peakBytes, secondsPerStep } = await measurePlan(architecture, { batchSize: 16, recompute: true });
 * const shared = await measurePlan(architecture, { batchSize: 16 }, { processes: 2 });
 */
export async function measurePlan(
  { config }: Pick<Decoder, 'config'>,
  plan: StepPlan,
  { steps = 3, processes = 1 }: MeasureOptions = {},
): Promise<MeasuredPlan> {
  if (plan.batchSize % processes !== 0) {
    throw new TrainbookError({
      what: 'measurePlan: the processes cannot have equal parts of the batch',
      received: `${plan.batchSize} rows for ${processes} processes`,
      expected: 'a batchSize that the processes divide',
    });
  }
  const input: MeasuredPlanInput = { config, plan, steps };
  const members = processes === 1 ? [undefined] : await localGroup(processes);
  const outcomes = await Promise.all(members.map((membership) => takeSteps(input, membership)));
  const failed = outcomes.find(({ ended }) => ended !== 0);
  const output = outcomes[0]?.output ?? '';
  if (failed === undefined) return JSON.parse(output.trim().split('\n').at(-1) ?? '') as MeasuredPlan;
  const { ended, errors } = failed;
  throw new TrainbookError({
    what: 'measurePlan: the process that took the steps failed',
    received: `${ended === 'SIGKILL' ? 'killed, as the system does where memory runs out' : ended}: ${errors.trim().split('\n').slice(-8).join('\n    ')}`,
    expected: 'a plan that this machine can carry',
    fix: 'fitPlan(architecture, plan, { memory }) proposes one that fits',
  });
}

/** How a process ended, and what it wrote. */
interface StepsOutcome {
  readonly ended: string | number;
  readonly output: string;
  readonly errors: string;
}

function takeSteps(input: MeasuredPlanInput, membership: Membership | undefined): Promise<StepsOutcome> {
  const shared = membership && {
    ...toEnvironment(membership),
    TRAINBOOK_THREADS: process.env['TRAINBOOK_THREADS'] ?? String(threadsOfEach(membership.hosts.length)),
  };
  const child = spawn(process.execPath, [...program(), JSON.stringify(input)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...shared },
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ ended: signal ?? code ?? 0, output, errors });
    });
  });
}

/** JavaScript beside this file; in a checkout that runs from its sources TypeScript, which tsx reads. */
function program(): string[] {
  if (import.meta.url.endsWith('.js')) return [fileOf('measured-training.js')];
  return ['--import', import.meta.resolve('tsx'), fileOf('measured-training.ts')];
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
