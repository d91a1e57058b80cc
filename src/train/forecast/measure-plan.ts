import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

/**
 * Memory and time of a training's steps, measured: some steps of AdamW on random tokens in a process of its own, since a process keeps what
 * it once took. The first step compiles and is not counted.
 *
 * @throws TrainbookError if the process fails, for lack of memory for instance.
 * @example
 * const { peakBytes, secondsPerStep } = await measurePlan(architecture, { batchSize: 16, recompute: true });
 */
export async function measurePlan(
  { config }: Pick<Decoder, 'config'>,
  plan: StepPlan,
  { steps = 3 }: { readonly steps?: number } = {},
): Promise<MeasuredPlan> {
  const input: MeasuredPlanInput = { config, plan, steps };
  const child = spawn(process.execPath, [...program(), JSON.stringify(input)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  const ended = await new Promise<string | number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve(signal ?? code ?? 0);
    });
  });
  if (ended === 0) return JSON.parse(output.trim().split('\n').at(-1) ?? '') as MeasuredPlan;
  throw new TrainbookError({
    what: 'measurePlan: the process that took the steps failed',
    received: `${ended === 'SIGKILL' ? 'killed, as the system does where memory runs out' : ended}: ${errors.trim().split('\n').slice(-8).join('\n    ')}`,
    expected: 'a plan that this machine can carry',
    fix: 'fitPlan(architecture, plan, { memory }) proposes one that fits',
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
