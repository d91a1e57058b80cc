import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { KilledTraining, KilledTrainingLine } from './kills-worker.js';

/** When a process is killed. */
export type Kill =
  /** So long after it was started. */
  | { readonly after: 'start'; readonly milliseconds: number }
  /** So long after the first step that it says it has done. */
  | { readonly after: 'first step'; readonly milliseconds: number }
  /** As soon as a checkpoint begins to be written. */
  | { readonly after: 'first file of a checkpoint' };

/** What a training came to, over all its processes. */
export interface KilledOutcome {
  /** The hash of the last weights. */
  readonly weights: string;
  /** What was said of checkpoints; a step may come twice. */
  readonly checkpoints: readonly (readonly [step: number, hash: string])[];
  /** Processes that were killed before they ended. */
  readonly numKilled: number;
  /** Those among them that left a checkpoint half-written. */
  readonly numHalfWritten: number;
  /** How far each killed process had come; 0 before its first step. */
  readonly lastSteps: readonly number[];
  /** Milliseconds from the start of the last process to its first step, and to its end. */
  readonly firstStepAfter: number;
  readonly endAfter: number;
}

const worker = fileURLToPath(new URL('kills-worker.ts', import.meta.url));

/**
 * Trains, is killed by SIGKILL, starts again, until no kill is left and it ends by itself.
 *
 * @param environment Variables beside the process's own.
 * @throws Error if a process ends in another way, with what it said.
 * @example
 * const { weights } = await trainKilled(training, [{ after: 'start', milliseconds: 2500 }]);
 */
export async function trainKilled(
  training: KilledTraining,
  kills: readonly Kill[],
  environment: Readonly<Record<string, string>> = {},
): Promise<KilledOutcome> {
  await mkdir(training.folder, { recursive: true });
  const checkpoints: [number, string][] = [];
  const lastSteps: number[] = [];
  let numHalfWritten = 0;
  for (const kill of [...kills, undefined]) {
    const part = await onePart(training, kill, environment);
    checkpoints.push(...part.checkpoints);
    if (part.weights !== undefined) {
      const { weights, firstStepAfter, endAfter } = part;
      const numKilled = lastSteps.length;
      return { weights, checkpoints, numKilled, numHalfWritten, lastSteps, firstStepAfter, endAfter };
    }
    lastSteps.push(part.lastStep);
    if ((await readdir(training.folder)).some((name) => name.endsWith('.tmp'))) numHalfWritten++;
  }
  throw new Error('internal: the last process was not killed and did not end');
}

interface Part {
  readonly weights: string | undefined;
  readonly checkpoints: readonly [number, string][];
  readonly lastStep: number;
  readonly firstStepAfter: number;
  readonly endAfter: number;
}

/** One process, to its end or its kill. */
async function onePart(
  training: KilledTraining,
  kill: Kill | undefined,
  environment: Readonly<Record<string, string>>,
): Promise<Part> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', worker, JSON.stringify(training)], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timers: NodeJS.Timeout[] = [];
  const killIn = (milliseconds: number): void =>
    void timers.push(setTimeout(() => child.kill('SIGKILL'), milliseconds));
  const watching =
    kill?.after === 'first file of a checkpoint'
      ? watch(training.folder, (_, name) => name?.endsWith('.tmp') === true && child.kill('SIGKILL'))
      : undefined;
  if (kill?.after === 'start') killIn(kill.milliseconds);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  const checkpoints: [number, string][] = [];
  let weights: string | undefined;
  let lastStep = 0;
  let firstStepAfter = NaN;
  const lines = createInterface({ input: child.stdout }).on('line', (text) => {
    const line = parsed(text);
    if (line === undefined) return;
    if ('weights' in line) weights = line.weights;
    else if ('checkpoint' in line) checkpoints.push([line.checkpoint, line.hash]);
    else {
      if (lastStep === 0) {
        firstStepAfter = performance.now() - started;
        if (kill?.after === 'first step') killIn(kill.milliseconds);
      }
      lastStep = line.step;
    }
  });
  const allRead = new Promise((resolve) => lines.once('close', resolve));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('close', (...end) => {
      resolve(end);
    });
  });
  await allRead;
  timers.forEach(clearTimeout);
  watching?.close();
  if (weights === undefined && signal !== 'SIGKILL') {
    throw new Error(`the training ended with ${signal ?? `code ${code ?? 0}`}\n${errors.trim()}`);
  }
  return { weights, checkpoints, lastStep, firstStepAfter, endAfter: performance.now() - started };
}

/** Other lines, and one that a kill cut short, are passed over. */
function parsed(text: string): KilledTrainingLine | undefined {
  try {
    return JSON.parse(text) as KilledTrainingLine;
  } catch {
    return undefined;
  }
}

/** Checkpoints that are not those of a training that was never killed, of the same steps. */
export function differing(
  { checkpoints }: Pick<KilledOutcome, 'checkpoints'>,
  whole: Pick<KilledOutcome, 'checkpoints'>,
): number[] {
  const expected = new Map(whole.checkpoints);
  return checkpoints.filter(([step, hash]) => expected.get(step) !== hash).map(([step]) => step);
}
