import { basename, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { defineCommand } from 'citty';
import { readJson, type Json } from '../files.js';
import { readNotebook, type Notebook } from '../report/notebook-file.js';
import { writeSite } from '../report/site/write-site.js';
import { packageRoot } from '../setup/project.js';
import {
  chapterArgs,
  chapterOptions,
  chapterPaths,
  executeChapters,
  executedPath,
  outcomeText,
  shortParameters,
  type Chapter,
} from './chapters.js';

export const site = defineCommand({
  meta: {
    name: 'site',
    description: 'Make a static site of executed notebooks; those that are not up to date are executed first',
  },
  args: {
    ...chapterArgs,
    out: {
      type: 'string',
      valueHint: 'folder',
      default: join('runs', 'site'),
      description: 'Where the site is written',
    },
    title: { type: 'string', default: 'trainbook', description: 'The title of the site' },
    short: { type: 'boolean', description: 'Execute with the small values of the notebooks’ metadata (trainbook.ci)' },
    again: { type: 'boolean', description: 'Execute all, also those that are up to date' },
    json: { type: 'boolean', description: 'Print the path of the site as one JSON value' },
  },
  async run({ args }) {
    const paths = chapterPaths(args.files);
    const options = chapterOptions(args);
    const build = await buildStamp();
    const stale: Chapter[] = [];
    for (const path of paths) {
      const notebook = await readNotebook(path);
      const parameters = args.short === true ? shortParameters(notebook) : {};
      const isDone = args.again !== true && (await isUpToDate(path, notebook, { parameters, build, ...options }));
      if (!isDone) stale.push({ path, parameters });
    }
    const outcomes = await executeChapters(stale, { ...options, build }, (outcome) => {
      if (args.json !== true || !outcome.passed) process.stderr.write(outcomeText(outcome));
    });
    if (outcomes.some(({ passed }) => !passed)) return 1;
    const lead = 'Chapters that were executed from the first cell to the last: what is shown is what they gave.';
    const index = await writeSite(paths.map(executedPath), resolve(args.out), { title: args.title, lead });
    process.stdout.write(
      args.json === true
        ? `${JSON.stringify({ index, chapters: paths.map((path) => basename(path)) })}\n`
        : `${index}\n`,
    );
    return 0;
  },
});

/** What the code of this package is known by: in a clone a hash of its sources, else its version. */
async function buildStamp(): Promise<string> {
  const read = async (name: string, ...path: string[]): Promise<string | undefined> => {
    const content = await readJson(join(packageRoot, ...path)).catch(() => undefined);
    const value: unknown = typeof content === 'object' && content !== null ? Reflect.get(content, name) : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  return (await read('sources', 'dist', 'build.json')) ?? (await read('version', 'package.json')) ?? '';
}

interface Execution {
  readonly kernel: string;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly build: string;
}

/** Whether a chapter was executed as it is now: the same cells, code of the package and kernel, and with these values. */
async function isUpToDate(path: string, chapter: Notebook, { kernel, parameters, build }: Execution): Promise<boolean> {
  const done = await readNotebook(executedPath(path)).catch(() => undefined);
  const executed = done?.metadata.trainbook?.executed;
  if (done === undefined || executed === undefined) return false;
  const texts = ({ cells }: Notebook): string[] => cells.map(({ cell_type, source }) => `${cell_type} ${source}`);
  const same = executed.kernel === kernel && executed.build === build && isDeepStrictEqual(executed.given, parameters);
  return same && isDeepStrictEqual(texts(done), texts(chapter));
}
