import { defineCommand } from 'citty';
import { readNotebook } from '../report/notebook-file.js';
import {
  chapterArgs,
  chapterOptions,
  chapterPaths,
  executeChapters,
  givenParameters,
  outcomeText,
  shortParameters,
  type Chapter,
  type ChapterOptions,
} from './chapters.js';
import { everyValue, integerOption, UsageError, type Command } from './usage.js';

const json = { type: 'boolean', description: 'Print the outcomes as one JSON value' } as const;

/** Executes, tells of each, and gives the exit code. */
async function runAll(chapters: readonly Chapter[], options: ChapterOptions, asJson: boolean): Promise<number> {
  const outcomes = await executeChapters(chapters, options, (outcome) => {
    if (!asJson) process.stdout.write(outcomeText(outcome));
  });
  if (asJson) process.stdout.write(`${JSON.stringify({ outcomes })}\n`);
  return outcomes.every(({ passed }) => passed) ? 0 : 1;
}

const run = defineCommand({
  meta: { name: 'run', description: 'Execute notebooks from the first cell to the last, into runs/notebooks/' },
  args: {
    ...chapterArgs,
    set: {
      type: 'string',
      valueHint: 'name=value',
      description: 'A value in place of one in the cell of parameters, such as steps=100; may be given several times',
    },
    short: { type: 'boolean', description: 'With the small values of the notebook’s metadata (trainbook.ci)' },
    json,
  },
  async run({ args, rawArgs }) {
    const pairs = everyValue(rawArgs, 'set');
    const chapters: Chapter[] = [];
    for (const path of chapterPaths(args.files)) {
      const notebook = await readNotebook(path);
      const given = await givenParameters(path, notebook, pairs);
      chapters.push({ path, parameters: { ...(args.short === true ? shortParameters(notebook) : {}), ...given } });
    }
    return runAll(chapters, chapterOptions(args), args.json === true);
  },
});

const check = defineCommand({
  meta: { name: 'check', description: 'Execute notebooks in their short form, as continuous integration does' },
  args: {
    ...chapterArgs,
    jobs: { type: 'string', valueHint: 'number', default: '1', description: 'How many are executed at once' },
    json,
  },
  async run({ args }) {
    const chapters: Chapter[] = [];
    for (const path of chapterPaths(args.files)) {
      chapters.push({ path, parameters: shortParameters(await readNotebook(path)) });
    }
    const jobs = integerOption('jobs', args.jobs) ?? 1;
    if (jobs < 1) throw new UsageError(`--jobs needs a number of at least 1, not '${args.jobs}'`);
    return runAll(chapters, { ...chapterOptions(args), jobs }, args.json === true);
  },
});

export const notebooks = defineCommand({
  meta: { name: 'notebooks', description: 'Execute notebooks without a browser; make a site of them' },
  subCommands: {
    run: run as Command,
    check: check as Command,
    site: () => import('./notebooks-site.js').then(({ site }) => site as Command),
  },
});
