import { readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { type Json, readJson } from '../files.js';
import { executeNotebook } from '../report/execute-notebook.js';
import { formatSeconds } from '../report/format.js';
import { environmentProgram } from '../setup/environment.js';
import { projectRoot } from '../setup/project.js';
import { ensureSetUp } from './setup.js';
import { integerOption, UsageError } from './usage.js';

/** What a notebook's metadata may say about its short form: `{ "trainbook": { "ci": { "steps": 20 } } }`. */
const metadataSchema = z.looseObject({
  metadata: z.looseObject({
    trainbook: z.looseObject({ ci: z.record(z.string(), z.json()).optional() }).optional(),
  }),
});

/** The outcome of one notebook. */
interface Outcome {
  readonly notebook: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
  readonly error?: string;
}

/** The values with which a chapter is executed in tests, at most 60 s; they stand in its metadata. */
export async function shortParameters(path: string): Promise<Record<string, Json>> {
  const parsed = metadataSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    throw new TrainbookError({
      what: `${path} is not a notebook`,
      received: parsed.error.message,
      expected: 'nbformat 4',
    });
  }
  return parsed.data.metadata.trainbook?.ci ?? {};
}

function chapters(project: string): string[] {
  const folder = join(project, 'notebooks');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ipynb'))
    .sort()
    .map((name) => join(folder, name));
}

/** The names between words, so that `trainbook notebooks a.ipynb b.ipynb` takes both. */
function named(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map((name) => resolve(name));
}

export const notebooks = defineCommand({
  meta: { name: 'notebooks', description: 'Execute notebooks from the first cell to the last, without a browser' },
  args: {
    files: {
      type: 'positional',
      required: false,
      description: 'Notebooks, separated by commas; all of notebooks/ if not given',
    },
    short: { type: 'boolean', description: 'With the small parameters of the notebook’s metadata (trainbook.ci)' },
    kernel: { type: 'enum', options: ['trainbook', 'tslab'], default: 'trainbook', description: 'The kernel' },
    timeout: {
      type: 'string',
      valueHint: 'seconds',
      default: '600',
      description: 'The longest that one cell may take',
    },
    json: { type: 'boolean', description: 'Print the outcomes as one JSON value' },
  },
  async run({ args }) {
    const timeoutSeconds = integerOption('timeout', args.timeout) ?? 600;
    await ensureSetUp();
    const project = projectRoot();
    const given = named(args.files);
    const paths = given.length > 0 ? given : chapters(project);
    if (paths.length === 0) throw new UsageError('no notebooks in notebooks/');
    const folder = join(project, 'runs', 'notebooks');
    await mkdir(folder, { recursive: true });
    const outcomes: Outcome[] = [];
    for (const path of paths) {
      const outcome = await execute(path, {
        python: environmentProgram(project, 'python'),
        kernel: args.kernel,
        timeoutSeconds,
        output: join(folder, basename(path)),
        parameters: args.short === true ? await shortParameters(path) : {},
      });
      outcomes.push(outcome);
      if (args.json !== true) process.stdout.write(outcomeText(outcome));
    }
    if (args.json === true) process.stdout.write(`${JSON.stringify({ outcomes })}\n`);
    return outcomes.every(({ passed }) => passed) ? 0 : 1;
  },
});

async function execute(path: string, options: Parameters<typeof executeNotebook>[1]): Promise<Outcome> {
  await readFile(path).catch((cause: unknown) => {
    throw new TrainbookError({ what: 'notebooks: no such notebook', received: path, expected: 'a file .ipynb', cause });
  });
  const begun = performance.now();
  const outcome = { notebook: path, output: options.output };
  try {
    const { seconds } = await executeNotebook(path, options);
    return { ...outcome, passed: true, seconds };
  } catch (error) {
    if (!(error instanceof TrainbookError)) throw error;
    return { ...outcome, passed: false, seconds: (performance.now() - begun) / 1000, error: error.message };
  }
}

function outcomeText({ notebook, passed, seconds, error }: Outcome): string {
  const line = `${passed ? '✓' : '✗'} ${basename(notebook)} in ${formatSeconds(seconds)}\n`;
  return error === undefined ? line : `${line}${error}\n`;
}
