import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TrainbookError } from '../../error.js';
import type { Json } from '../../files.js';
import { datasetsFolder } from '../dataset.js';
import type { Document } from '../document.js';
import { isJointStep } from '../joint-step.js';
import type { JointStep } from '../joint-step.js';
import { nextName, READ } from '../ledger/ledger.js';
import { isLocalStep } from '../local-step.js';
import type { LocalStep } from '../local-step.js';
import { isPipeline } from '../pipeline.js';
import type { Reading } from '../pipeline.js';
import type { Made, Step, Verdict } from '../step.js';

/** A step as it runs over shards, by its name in the ledger. */
export interface NamedStep {
  readonly name: string;
  readonly step: LocalStep | JointStep;
}

/** The names of steps in the ledger: a step that is used again gets a number. */
export function ledgerNames(steps: readonly { readonly name: string }[]): readonly string[] {
  const names = [READ];
  for (const { name } of steps) names.push(nextName(name, names));
  return names;
}

export function namedSteps(steps: readonly Step[]): readonly NamedStep[] {
  const names = ledgerNames(steps);
  return steps.map((step, index) => ({
    name: names[index + 1] ?? step.name,
    step: isLocalStep(step) || isJointStep(step) ? step : wholeStep(step),
  }));
}

/**
 * A step that is neither local nor joint, as a joint one: all documents are brought to one place, in canonical order, and its verdicts
 * are what is decided. So it runs; but its memory grows with the corpus.
 */
export function wholeStep(step: Step): JointStep {
  return {
    name: step.name,
    judge: (documents) => step.judge(documents),
    tell: () => undefined,
    find: () => [],
    decide: async (_found, documents) => {
      const all = Array.from({ length: documents.count }, (_, number) => documents.read(number));
      const verdicts = await step.judge(all);
      if (verdicts.length !== all.length) {
        throw new Error(`${step.name} gave ${verdicts.length} verdicts for ${all.length} documents`);
      }
      return verdicts.map((verdict, number): [number, Json] => [number, asDecision(verdict, all[number])]);
    },
    judgeOne: (document, decision) => asVerdict(document, decision),
    ...(step.made === undefined ? {} : { made: step.made }),
  };
}

/** A document that goes on as it is does not travel. */
function asDecision(verdict: Verdict, document: Document | undefined): Json {
  const decision = 'keep' in verdict && verdict.keep === document ? { ...verdict, keep: null } : verdict;
  return decision as unknown as Json;
}

function asVerdict(document: Document, decision: Json | undefined): Verdict {
  const verdict = decision as unknown as Verdict | { readonly keep: null };
  return 'keep' in verdict && verdict.keep === null ? { ...verdict, keep: document } : verdict;
}

/** Where another thread finds a step: by how it was made, or as one of the pipeline that a file exports. */
export type Whereabouts = Made | { readonly file: string; readonly index: number };

/** Steps that neither say how they are made nor lie in a file stay in their thread: undefined. */
export function whereabouts(steps: readonly Step[], file?: string): readonly (Whereabouts | undefined)[] {
  return steps.map(({ made }, index) => made ?? (file === undefined ? undefined : { file, index }));
}

/** The steps, made here. One that does not travel is refused when it is called. */
export async function makeSteps(
  places: readonly (Whereabouts | undefined)[],
  names: readonly string[],
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (const [index, place] of places.entries()) {
    if (place === undefined) steps.push(unreachable(names[index] ?? ''));
    else steps.push(await ('file' in place ? stepOfFile(place.file, place.index) : madeStep(place)));
  }
  return steps;
}

async function madeStep({ module, name, options }: Made): Promise<Step> {
  const make = ((await import(module)) as Record<string, unknown>)[name];
  if (typeof make !== 'function') throw new Error(`${module} exports no function ${name}`);
  return (make as (...options: readonly unknown[]) => Step)(...options);
}

async function stepOfFile(file: string, index: number): Promise<Step> {
  const { steps } = await importPipeline(file);
  const step = steps[index];
  if (step === undefined) throw new Error(`${file} has only ${steps.length} steps`);
  return step;
}

/** What a pipeline is made of. */
export interface Parts {
  readonly reading: Reading;
  readonly steps: readonly Step[];
}

let registered = false;

/**
 * The pipeline that a file exports as its default, TypeScript or JavaScript.
 *
 * @throws TrainbookError for a file that is not there or exports no pipeline
 */
export async function importPipeline(file: string): Promise<Parts> {
  if (!existsSync(file)) {
    throw new TrainbookError({
      what: 'data run: no such file',
      received: file,
      expected: "a file with: export default load('corpus/*.jsonl').through(…)",
    });
  }
  if (!registered) {
    const { register } = await import('tsx/esm/api');
    // in a clone the paths of tsconfig.json lead `trainbook` to src/, for the type check: here it would be a second copy
    register(existsSync(join(dirname(datasetsFolder()), 'src', 'cli.ts')) ? { tsconfig: false } : {});
    registered = true;
  }
  const { default: found } = (await import(pathToFileURL(file).href)) as { default?: unknown };
  // its parts: a pipeline itself would be awaited, and so be run
  if (isPipeline(found) && found.reading !== undefined) return { reading: found.reading, steps: found.steps };
  throw new TrainbookError({
    what: `data run: ${file} exports no pipeline`,
    received: found === undefined ? 'no default export' : `a default export of type ${typeof found}`,
    expected: "export default load('corpus/*.jsonl').through(…)",
  });
}

function unreachable(name: string): Step {
  return {
    name,
    judge: () => {
      throw new Error(`${name} holds a function that does not travel to this thread`);
    },
  };
}
