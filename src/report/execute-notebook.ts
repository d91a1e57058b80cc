import { spawn } from 'node:child_process';
import { basename, dirname, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { stripVTControlCharacters } from 'node:util';
import { TrainbookError } from '../error.js';
import { readJson, writeAtomic } from '../files.js';
import type { Json } from '../files.js';
import { notebookSchema } from './notebook-file.js';
import type { Notebook } from './notebook-file.js';
import { parametersMime } from './parameters.js';

export interface ExecuteNotebookOptions {
  /** The Python that has nbconvert, such as `.venv/bin/python`. */
  readonly python: string;
  /** A kernel's name as `jupyter kernelspec list` shows it: `trainbook` or `tslab`. */
  readonly kernel: string;
  /** Values that take the place of the chapter's own in `parameters({ ... })` of `trainbook/notebook`. */
  readonly parameters?: Readonly<Record<string, Json>>;
  /** What the code of the package is known by; kept in the executed notebook. */
  readonly build?: string;
  /** The longest that one cell may take. */
  readonly timeoutSeconds: number;
  /** Where the executed notebook is written. */
  readonly output: string;
  /** Environment variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends the kernel and the run. */
  readonly signal?: AbortSignal;
}

/** An executed notebook. */
export interface Executed {
  readonly seconds: number;
  /** The values of its cell `parameters`, those that were given and its own; also in its metadata, under `trainbook.executed`. */
  readonly parameters: Readonly<Record<string, Json>>;
}

/** The part of nbconvert's message that says what went wrong in which cell: its own stack trace is left out. */
function cellError(stderr: string): string {
  const text = stripVTControlCharacters(stderr);
  const start = text.indexOf('nbclient.exceptions.');
  return (start < 0 ? text.split('\n').slice(-15).join('\n') : text.slice(start)).trim();
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
export async function executeNotebook(path: string, options: ExecuteNotebookOptions): Promise<Executed> {
  const begun = performance.now();
  const args = [
    ...['-m', 'nbconvert', '--to', 'notebook', '--execute', resolve(path)],
    `--ExecutePreprocessor.kernel_name=${options.kernel}`,
    `--ExecutePreprocessor.timeout=${options.timeoutSeconds}`,
    ...['--output-dir', dirname(resolve(options.output)), '--output', basename(options.output)],
  ];
  const parameters = { TRAINBOOK_PARAMETERS: JSON.stringify(options.parameters ?? {}) };
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
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, parameters: await recordExecution(resolve(options.output), options) };
}

/**
 * Checks that every cell was run: a kernel that passes cells over is no success. One that numbers no cell, as tslab, says nothing of it.
 *
 * @throws TrainbookError that names the first one that was not
 */
export function checkExecuted(path: string, { cells }: Pick<Notebook, 'cells'>): void {
  const isCode = cells.filter(({ cell_type, source }) => cell_type === 'code' && source.trim() !== '');
  const place = isCode.findIndex(({ execution_count }) => execution_count == null);
  if (place < 0 || isCode.every(({ execution_count }) => execution_count == null)) return;
  throw new TrainbookError({
    what: `executeNotebook: code cell ${place + 1} of ${path} was not run`,
    received: isCode[place]?.source.split('\n')[0] ?? '',
    expected: 'every cell is run',
    fix: 'run the notebook again; its files must not change while it runs',
  });
}

/** Writes into an executed notebook's metadata what it was executed with, as its cells have said. */
async function recordExecution(
  path: string,
  { kernel, build, parameters: given = {} }: ExecuteNotebookOptions,
): Promise<Readonly<Record<string, Json>>> {
  const content = await readJson(path);
  const notebook = notebookSchema.parse(content);
  checkExecuted(path, notebook);
  const outputs = notebook.cells.flatMap((cell) => cell.outputs ?? []);
  const parameters = Object.assign({}, ...outputs.map(({ data }) => data?.[parametersMime] ?? {})) as Record<
    string,
    Json
  >;
  const { trainbook = {} } = notebook.metadata;
  const metadata = {
    ...notebook.metadata,
    trainbook: { ...trainbook, executed: { kernel, ...(build === undefined ? {} : { build }), given, parameters } },
  };
  await writeAtomic(path, `${JSON.stringify({ ...(content as object), metadata }, undefined, 1)}\n`);
  return parameters;
}
