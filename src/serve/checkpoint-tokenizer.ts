import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../error.js';
import { codecs } from '../experiment/codecs.js';
import { Store } from '../experiment/store.js';
import { readJson } from '../files.js';
import { readRun } from '../report/records.js';
import type { Tokenizer } from '../tokens/tokenizer.js';

// runs/store/checkpoints/base/<identity>/step-00000100/ is a checkpoint; <identity>.json says which run it belongs to:
// {"run":"quickstart/2026-11-21-143502-3f9c","createdAt":"…","reads":{…}}
const noteSchema = z.looseObject({ run: z.string() });

/**
 * The tokenizer of the run that wrote a checkpoint: a checkpoint itself holds none.
 *
 * @throws TrainbookError if the checkpoint lies outside a run's store, or the run has no tokenizer.
 */
export async function loadCheckpointTokenizer(folder: string): Promise<Tokenizer> {
  const identity = dirname(resolve(folder));
  const note = noteSchema.safeParse(await readJson(`${identity}.json`).catch(() => undefined));
  const checkpoints = dirname(dirname(identity));
  if (!note.success || basename(checkpoints) !== 'checkpoints') {
    throw new TrainbookError({
      what: `loadPretrained: the checkpoint ${folder} has no tokenizer`,
      received: 'no tokenizer.json in it, and no note beside it that names its run',
      expected: 'tokenizer.json in the checkpoint, or a checkpoint in the store of a run',
      fix: 'await saveTokenizer(tokenizer, folder) puts the tokenizer there',
    });
  }
  const store = dirname(checkpoints);
  const run = resolve(dirname(store), note.data.run);
  const { lineage } = await readRun(run, 'loadPretrained');
  const made = lineage?.stages.findLast(({ kind }) => kind === 'tokenizer');
  if (made === undefined) {
    throw new TrainbookError({
      what: `loadPretrained: the run of the checkpoint ${folder} has made no tokenizer`,
      received: join(run, 'lineage.json'),
      expected: 'a finished stage that returns a tokenizer',
    });
  }
  return (await new Store(store, codecs).get(made.artifact)) as Tokenizer;
}
