import { dirname, join, resolve } from 'node:path';
import { TrainbookError } from '../error.js';
import { codecs } from '../experiment/codecs.js';
import { DamagedArtifact, Store } from '../experiment/store.js';
import type { Model } from '../model/model.js';
import { readRun } from '../report/records.js';
import type { Lineage } from '../report/records.js';
import type { Tokenizer } from '../tokens/tokenizer.js';

type LineageStage = Lineage['stages'][number];

/** Where a run's model and its tokenizer are in the store. */
export interface ModelPlace {
  readonly stage: string;
  readonly model: string;
  readonly tokenizer: string;
}

/** A run's model with the tokenizer that it was trained on. */
export interface RunModel {
  readonly stage: string;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
}

/**
 * The last model of a run and the tokenizer that it was made from; of several tokenizers the last before the model, where its
 * lineage names none.
 *
 * @throws TrainbookError if no stage that makes them has finished
 */
export function findModel({ stages }: Lineage): ModelPlace {
  const model = stages.findLast(({ kind }) => kind === 'model');
  if (model === undefined) throw unfinished('model', stages);
  const before = stages.slice(0, stages.indexOf(model)).filter(({ kind }) => kind === 'tokenizer');
  const ancestors = ancestorsOf(model, stages);
  const tokenizer = before.findLast(({ artifact }) => ancestors.has(artifact)) ?? before.at(-1);
  if (tokenizer === undefined) throw unfinished('tokenizer', stages);
  return { stage: model.stage, model: model.artifact, tokenizer: tokenizer.artifact };
}

/** What an artifact was made from, and what that was made from. */
function ancestorsOf(stage: LineageStage, stages: readonly LineageStage[]): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = ({ parents }: LineageStage): void => {
    for (const parent of parents) {
      if (found.has(parent)) continue;
      found.add(parent);
      for (const each of stages) if (each.artifact === parent) visit(each);
    }
  };
  visit(stage);
  return found;
}

function unfinished(kind: string, stages: readonly LineageStage[]): TrainbookError {
  const done = stages.map((each) => `${each.stage} (${each.kind})`).join(', ');
  return new TrainbookError({
    what: `chat: no stage of this run that makes a ${kind} has finished`,
    received: done === '' ? 'no finished stage' : done,
    expected: `a stage that returns a ${kind}`,
    fix: 'run the experiment to its end: npx trainbook run goes on where it was cut off',
  });
}

/**
 * Loads the model of a run from the store beside it: `runs/<experiment>/<run id>` and `runs/store`.
 *
 * @throws TrainbookError if the folder is no run, no model has finished, or the store has lost it
 * @example
 * const { model, tokenizer } = await loadRunModel('runs/quickstart/2026-11-21-143502-3f9c');
 */
export async function loadRunModel(runFolder: string): Promise<RunModel> {
  const folder = resolve(runFolder);
  const { lineage } = await readRun(folder, 'chat');
  const place = findModel(lineage ?? { format: 1, stages: [] });
  const store = new Store(join(dirname(dirname(folder)), 'store'), codecs);
  try {
    const tokenizer = (await store.get(place.tokenizer)) as Tokenizer;
    return { stage: place.stage, tokenizer, model: (await store.get(place.model)) as Model };
  } catch (error) {
    if (!(error instanceof DamagedArtifact)) throw error;
    throw new TrainbookError({
      what: 'chat: the store beside this run does not have its model any more',
      received: error.message,
      expected: `an artifact in ${store.folder}`,
      fix: 'run the experiment again: what is missing is computed anew',
      cause: error,
    });
  }
}
