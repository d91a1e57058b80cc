import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Judged } from '../data/audit/judged.js';
import type { Corpus } from '../data/corpus.js';
import type { Document } from '../data/document.js';
import type { Source } from '../data/read/inputs.js';
import type { Step } from '../data/step.js';
import { TrainbookError } from '../error.js';
import { UsageError } from './usage.js';

/** Documents with what was said of them, to go through as often as needed. */
export interface JudgedDocuments {
  /** In one line: the data, and the steps. */
  readonly from: string;
  readonly steps: readonly string[];
  judged(): AsyncIterable<Judged>;
}

/** The options by which `data review` and `data read` are told what to look at. */
export const judgedOptions = {
  from: {
    type: 'positional',
    required: false,
    description:
      'A folder that a pipeline wrote, the file of a pipeline, or data (a data set, file, folder or glob) that goes through --step',
    default: 'c4_demo',
  },
  step: { type: 'string', valueHint: 'name', description: 'A step of trainbook, such as deduplicate (personalData)' },
  options: {
    type: 'string',
    valueHint: 'JSON',
    description: `What the step is made with, such as '{"threshold":0.9}'`,
  },
} as const;

/** A step where none is named: what a review is most often about. */
const usual = { name: 'personalData', options: { action: 'mask' } };

/**
 * What was said of the documents: read from a folder that a pipeline wrote, or by running the steps again.
 *
 * @throws TrainbookError for data or steps that are not there
 */
export async function judgedDocuments(
  from: string,
  step: string | undefined,
  options: string | undefined,
): Promise<JudgedDocuments> {
  const { isWrittenFolder, judgedInFolder, writtenSteps } = await import('../data/audit/written-folder.js');
  if (step === undefined && existsSync(from) && (await isWrittenFolder(from))) {
    return { from, steps: await writtenSteps(from), judged: () => judgedInFolder(from) };
  }
  const isFile = /\.[cm]?[jt]s$/u.test(from) && step === undefined;
  const { reading, steps } = isFile
    ? await pipelineIn(from)
    : { reading: { source: from }, steps: [await stepNamed(step ?? usual.name, options, step === undefined)] };
  return runAgain(from, reading, steps);
}

/** What a pipeline reads, and how. */
interface Reading {
  readonly source: Source;
  readonly from?: unknown;
  readonly options?: object;
}

/** Every document with the last thing that was said of it: all steps run once, in memory. */
async function runAgain(from: string, reading: Reading, steps: readonly Step[]): Promise<JudgedDocuments> {
  const { load } = await import('../data/read/load.js');
  const read: (source: Source, options: object) => PromiseLike<Corpus> = load;
  const place = reading.from === undefined ? {} : { from: reading.from };
  let { documents } = await read(reading.source, { ...reading.options, ...place });
  const judged: Judged[] = [];
  const before = new Map<Document, Judged>();
  for (const step of steps) {
    const verdicts = await step.judge(documents);
    const kept: Document[] = [];
    for (const [index, verdict] of verdicts.entries()) {
      const document = documents[index];
      if (document === undefined) continue;
      if ('drop' in verdict) judged.push({ document, verdict, step: step.name });
      else {
        kept.push(verdict.keep);
        // Of several steps that change a document, what is shown is the text before the first of them.
        const first = before.get(document);
        const changes = {
          ...(first !== undefined && 'keep' in first.verdict ? first.verdict.changes : {}),
          ...verdict.changes,
        };
        const text = first?.document ?? document;
        before.set(verdict.keep, { document: text, verdict: { ...verdict, changes } });
      }
    }
    documents = kept;
  }
  for (const document of documents) judged.push(before.get(document) ?? { document, verdict: { keep: document } });
  const names = steps.map(({ name }) => name);
  return {
    from: `${from} through ${names.join(', ')}`,
    steps: ['read', ...names],
    // eslint-disable-next-line @typescript-eslint/require-await -- as it is read from files
    async *judged() {
      yield* judged;
    },
  };
}

/** The pipeline that a file exports, in its parts: a pipeline itself would be run where it is awaited. */
async function pipelineIn(file: string): Promise<{ readonly reading: Reading; readonly steps: readonly Step[] }> {
  const path = resolve(file);
  const refuse = (received: string): TrainbookError =>
    new TrainbookError({
      what: `data: ${file} is no pipeline`,
      received,
      expected: "a file with: export default load('corpus/*.jsonl').through(…)",
    });
  if (!existsSync(path)) throw refuse('no such file');
  const [{ register }, { isClone }] = await Promise.all([import('tsx/esm/api'), import('../setup/project.js')]);
  register(isClone() ? { tsconfig: false } : {});
  const { default: found } = (await import(pathToFileURL(path).href)) as {
    default?: { readonly reading?: Reading; readonly steps?: readonly Step[] };
  };
  if (found?.reading === undefined || found.steps === undefined) throw refuse('no default export that is one');
  return { reading: found.reading, steps: found.steps };
}

/** A step that trainbook has by that name. */
async function stepNamed(name: string, json: string | undefined, isUsual: boolean): Promise<Step> {
  let options: unknown = isUsual ? usual.options : undefined;
  if (json !== undefined) {
    try {
      options = JSON.parse(json);
    } catch {
      throw new UsageError(`--options needs JSON, not '${json}'`);
    }
  }
  const [clean, deduplicate] = await Promise.all([
    import('../data/clean/index.js'),
    import('../data/deduplicate/index.js'),
  ]);
  const makers: Readonly<Record<string, unknown>> = { ...clean, ...deduplicate };
  const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
  const made: unknown = typeof make === 'function' ? (make as (options?: unknown) => unknown)(options) : undefined;
  if (typeof made === 'object' && made !== null && 'judge' in made) return made as Step;
  throw new TrainbookError({
    what: 'data: no step of this name',
    received: name,
    expected:
      'a function of trainbook that makes a step from options, such as normalise, personalData, sensitiveWords or deduplicate',
    fix: 'or give the file of a pipeline, or a folder that one wrote',
  });
}
