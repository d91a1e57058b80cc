import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import { checkParameters, ownParameters } from '../report/chapter-parameters.js';
import { executeNotebook } from '../report/execute-notebook.js';
import { formatSeconds } from '../report/format.js';
import type { Notebook } from '../report/notebook-file.js';
import { environmentProgram } from '../setup/environment.js';
import { projectRoot } from '../setup/project.js';
import { ensureSetUp } from './setup.js';
import { integerOption, parseValue, UsageError } from './usage.js';

/** The outcome of one notebook. */
export interface Outcome {
  readonly notebook: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** The executed notebook. */
  readonly output: string;
  /** The values it was executed with. */
  readonly parameters: Readonly<Record<string, Json>>;
  readonly error?: string;
}

const kernels: ('trainbook' | 'tslab')[] = ['trainbook', 'tslab'];

/** Options that all commands on notebooks have. */
export const chapterArgs = {
  files: {
    type: 'positional',
    required: false,
    description: 'Notebooks, separated by commas; all of notebooks/ if not given',
  },
  kernel: { type: 'enum', options: kernels, default: 'trainbook', description: 'The kernel' },
  timeout: {
    type: 'string',
    valueHint: 'seconds',
    default: '600',
    description: 'The longest that one cell may take',
  },
} as const;

/** What of those options was given. */
export interface ChapterOptions {
  readonly kernel: string;
  readonly timeoutSeconds: number;
  /** What the code of the package is known by; kept in the executed notebooks. */
  readonly build?: string;
  /** How many are executed at once. Default: 1. */
  readonly jobs?: number;
}

export function chapterOptions(args: { readonly kernel: string; readonly timeout: string }): ChapterOptions {
  return { kernel: args.kernel, timeoutSeconds: integerOption('timeout', args.timeout) ?? 600 };
}

/** The notebooks that were named between commas; those of `notebooks/`, in the order of their names, where none was. */
export function chapterPaths(files: string | undefined): string[] {
  if (files !== undefined) return files.split(',').map((name) => resolve(name));
  const folder = join(projectRoot(), 'notebooks');
  const found = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ipynb'))
    .map(({ name }) => join(folder, name))
    .sort();
  if (found.length === 0) throw new UsageError('no notebooks in notebooks/');
  return found;
}

/** The values with which a chapter is executed in tests, at most 60 s; they stand in its metadata. */
export const shortParameters = ({ metadata }: Notebook): Readonly<Record<string, Json>> => metadata.trainbook?.ci ?? {};

/** The texts of a notebook's cells of code. */
export const codeOf = ({ cells }: Notebook): string[] =>
  cells.filter((cell) => cell.cell_type === 'code').map(({ source }) => source);

/**
 * Values of `--set name=value` for a chapter, checked against the parameters that it names.
 *
 * @throws TrainbookError for a name that it has not, or a value of another type
 */
export async function givenParameters(
  path: string,
  notebook: Notebook,
  pairs: readonly string[],
): Promise<Record<string, Json>> {
  if (pairs.length === 0) return {};
  const own = await ownParameters(codeOf(notebook));
  const given: Record<string, Json> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--set needs name=value, not '${pair}'`);
    const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
    // What looks like a number is a text where the chapter's own value is one.
    given[name] = typeof own?.get(name) === 'string' ? text : (parseValue(text) as Json);
  }
  checkParameters(basename(path), own, given);
  return given;
}

/** Where executed notebooks are kept. */
export const executedPath = (path: string): string => join(projectRoot(), 'runs', 'notebooks', basename(path));

/** A chapter and the values that take the place of its own. */
export interface Chapter {
  readonly path: string;
  readonly parameters: Readonly<Record<string, Json>>;
}

/** Executes chapters, so many at once; a failure does not stop those after it. Gives the outcomes in the order of the chapters. */
export async function executeChapters(
  chapters: readonly Chapter[],
  options: ChapterOptions,
  onOutcome: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  await ensureSetUp();
  const python = environmentProgram(projectRoot(), 'python');
  const { jobs = 1, ...rest } = options;
  const outcomes: Outcome[] = [];
  const waiting = [...chapters.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, chapter] = next;
      const outcome = await outcomeOf(chapter, { ...rest, python });
      outcomes[place] = outcome;
      onOutcome(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, chapters.length) }, work));
  return outcomes;
}

async function outcomeOf(
  { path, parameters }: Chapter,
  options: Omit<ChapterOptions, 'jobs'> & { readonly python: string },
): Promise<Outcome> {
  const output = executedPath(path);
  await mkdir(join(output, '..'), { recursive: true });
  const begun = performance.now();
  const about = { notebook: path, output };
  return executeNotebook(path, { ...options, output, parameters }).then(
    (executed): Outcome => ({ ...about, passed: true, ...executed }),
    (error: unknown): Outcome => {
      if (!(error instanceof TrainbookError)) throw error;
      const seconds = (performance.now() - begun) / 1000;
      return { ...about, passed: false, seconds, parameters, error: error.message };
    },
  );
}

/** An outcome for a reader: `✓ 01-quickstart.ipynb in 41.2 s with steps 12, warmupSteps 3`. */
export function outcomeText({ notebook, passed, seconds, parameters, error }: Outcome): string {
  const used = Object.entries(parameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const line = `${passed ? '✓' : '✗'} ${basename(notebook)} in ${formatSeconds(seconds)}${used.length === 0 ? '' : ` with ${used.join(', ')}`}\n`;
  return error === undefined ? line : `${line}${error}\n`;
}
