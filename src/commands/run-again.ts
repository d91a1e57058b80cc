import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TrainbookError } from '../error.js';
import { runEnvironment } from '../experiment/environment.js';
import { FileHashes } from '../experiment/file-hashes.js';
import type { RecordedRun } from '../experiment/reproduce/recorded-run.js';
import type { Json } from '../files.js';
import { isClone } from '../setup/project.js';

/** What a run here would be computed with. */
export async function present(project: string): Promise<Readonly<Record<string, Json>>> {
  const { engineInfo, engineName } = await import('../engine/backend.js');
  const engine = JSON.parse(JSON.stringify(engineInfo())) as Json;
  const { environment } = await runEnvironment(project, engine, await FileHashes.open(), []);
  return { ...(environment as Readonly<Record<string, Json>>), numericClass: engineName() };
}

/** The words after `trainbook` that do a recorded run again: its seed, and its config whole, should defaults have changed. */
export function runCommand({ spec, stages }: RecordedRun): readonly string[] {
  const last = stages.at(-1)?.stage;
  return [
    'run',
    `./${spec.file ?? ''}`,
    '--seed',
    String(spec.seed),
    ...Object.entries(spec.config).flatMap(([name, value]) => ['--set', `${name}=${JSON.stringify(value)}`]),
    // A run that was stopped, or failed, is compared as far as it came.
    ...(last === undefined || last === spec.stages.at(-1) ? [] : ['--to', last]),
  ];
}

/** The program that runs trainbook in a project: in a clone of trainbook the clone's own, else the one that runs now. */
function program(project: string): readonly string[] {
  const own = join(project, 'bin', 'trainbook.mjs');
  if (isClone(project) && existsSync(own)) return [own];
  return [...process.execArgv, process.argv[1] ?? own];
}

/**
 * Runs a command of trainbook in a project, in a process of its own.
 *
 * @throws TrainbookError if it did not end well
 */
export async function runAgain(project: string, command: readonly string[], json: boolean): Promise<void> {
  const child = spawn(process.execPath, [...program(project), ...command], {
    cwd: project,
    stdio: ['ignore', json ? 2 : 'inherit', 'inherit'],
  });
  // Ctrl-C reaches the child too: it saves and ends, and then we clean up.
  const wait = (): void => undefined;
  process.on('SIGINT', wait);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) => {
      child.once('error', fail);
      child.once('close', (...ended) => {
        done(ended);
      });
    });
    if (code === 0) return;
    throw new TrainbookError({
      what: 'reproduce: the run did not come to its end',
      received: signal === null ? `exit code ${code ?? 1}` : `ended by ${signal}`,
      expected: 'a run that ends as the recorded one did',
      fix: 'its own message is above',
    });
  } finally {
    process.removeListener('SIGINT', wait);
  }
}
