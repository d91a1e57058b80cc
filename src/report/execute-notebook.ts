import { spawn } from 'node:child_process';
import { basename, dirname, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';

export interface ExecuteNotebookOptions {
  /** The Python that has nbconvert, such as `.venv/bin/python`. */
  readonly python: string;
  /** A kernel's name as `jupyter kernelspec list` shows it: `trainbook` or `tslab`. */
  readonly kernel: string;
  /** Values that take the place of the chapter's own in `parameters({ ... })` of `trainbook/notebook`. */
  readonly parameters?: Readonly<Record<string, Json>>;
  /** The longest that one cell may take. */
  readonly timeoutSeconds: number;
  /** Where the executed notebook is written. */
  readonly output: string;
  /** Environment variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends the kernel and the run. */
  readonly signal?: AbortSignal;
}

/** The part of nbconvert's message that says what went wrong in which cell: its own stack trace is left out. */
function cellError(stderr: string): string {
  const start = stderr.indexOf('nbclient.exceptions.');
  return (start < 0 ? stderr.split('\n').slice(-15).join('\n') : stderr.slice(start)).trim();
}

/**
 * Runs every cell of a notebook in a fresh kernel, in the notebook's own folder, and writes the notebook with its outputs.
 * The parameters travel in the environment variable `TRAINBOOK_PARAMETERS`; no cell is added.
 *
 * @returns the seconds that it took
 * @throws TrainbookError with the failing cell and its message
 *
 * @example
 * await executeNotebook('notebooks/01-quickstart.ipynb', {
 *   python: '.venv/bin/python', kernel: 'trainbook', parameters: { steps: 20 }, timeoutSeconds: 120, output: 'runs/01.ipynb',
 * });
 */
export async function executeNotebook(
  path: string,
  options: ExecuteNotebookOptions,
): Promise<{ readonly seconds: number }> {
  const begun = performance.now();
  const args = [
    ...['-m', 'nbconvert', '--to', 'notebook', '--execute', resolve(path)],
    `--ExecutePreprocessor.kernel_name=${options.kernel}`,
    `--ExecutePreprocessor.timeout=${options.timeoutSeconds}`,
    ...['--output-dir', dirname(resolve(options.output)), '--output', basename(options.output)],
  ];
  const parameters =
    options.parameters === undefined ? {} : { TRAINBOOK_PARAMETERS: JSON.stringify(options.parameters) };
  const child = spawn(options.python, args, {
    env: { ...process.env, ...options.environment, ...parameters },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((settle, reject) => {
    child.once('error', (cause) => {
      reject(
        new TrainbookError({
          what: `executeNotebook: cannot start ${options.python}`,
          received: cause.message,
          expected: 'a Python that has nbconvert',
          fix: 'npx trainbook setup',
          cause,
        }),
      );
    });
    child.once('close', settle);
  });
  if (code !== 0) {
    const missing = /No module named '?(\S+?)'?$/m.exec(stderr)?.[1];
    throw new TrainbookError({
      what: `executeNotebook: ${path} did not run to its end on the kernel ${options.kernel}`,
      received: missing === undefined ? cellError(stderr) : `Python has no module ${missing}`,
      expected: 'every cell succeeds',
      fix: missing === undefined ? 'open the notebook and run the cell that is named above' : 'npx trainbook setup',
    });
  }
  return { seconds: (performance.now() - begun) / 1000 };
}
