import { mkdirSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { hashFile } from '../../files.js';
import { openFate } from '../ledger/ledger.js';
import { readInput } from '../read/inputs.js';
import type { Input } from '../read/inputs.js';
import { bucketOf, entryLine } from './entry.js';
import { taskFile } from './marker.js';
import type { Done } from './marker.js';
import { SectionWriter } from './section-file.js';
import type { Work } from './work.js';

/** A file as it was when it was read. */
export interface InputState {
  readonly bytes: number;
  readonly modified: number;
  readonly hash: string;
}

export interface ReadFacts {
  readonly documents: number;
  readonly kept: number;
  readonly bytes: number;
  /** By the number of the input. */
  readonly inputs: Readonly<Record<string, InputState & { readonly documents: number }>>;
}

/** Reads some files whole and sorts their documents into buckets. */
export async function readTask(work: Work, task: number): Promise<Done> {
  const { folder, plan, inputs, read } = work;
  const name = taskFile('read', task, 'buckets');
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  const writer = new SectionWriter(join(folder, name), plan.shards);
  try {
    const states: Record<string, InputState & { documents: number }> = {};
    let [documents, kept, bytes] = [0, 0, 0];
    for (const index of plan.tasks[task] ?? []) {
      const input = inputs[index];
      if (input === undefined) throw new Error(`no input ${index}`);
      const before = await stateOf(input);
      let rows = 0;
      for await (const found of readInput(input, read)) {
        const fate = openFate(found);
        rows++;
        const isKept = 'keep' in found.verdict;
        const document = 'keep' in found.verdict ? found.verdict.keep : found.document;
        writer.add(bucketOf(document.id, plan.shards), entryLine({ document, fate }));
        if (isKept) kept++;
      }
      const { size, mtimeMs } = await stat(inputFile(input));
      if (size !== before.bytes || mtimeMs !== before.modified || size !== plan.inputs[index]?.bytes) {
        throw changed(input);
      }
      states[index] = { ...before, documents: rows };
      documents += rows;
      bytes += before.bytes;
    }
    const facts: ReadFacts = { documents, kept, bytes, inputs: states };
    return { files: { [name]: writer.end() }, facts: facts as unknown as Done['facts'] };
  } catch (error) {
    writer.discard();
    throw error;
  }
}

/** Where an input lies. */
export function inputFile({ path, dataset }: Input): string {
  return dataset === undefined ? path : join(dataset.folder, path);
}

async function stateOf(input: Input): Promise<InputState> {
  const path = inputFile(input);
  const { size, mtimeMs } = await stat(path).catch(() => {
    throw changed(input);
  });
  return { bytes: size, modified: mtimeMs, hash: await hashFile(path) };
}

/**
 * Whether an input is as it was when it was read. One that was only touched is.
 *
 * @throws TrainbookError if it is not
 */
export async function checkUnchanged(input: Input, state: InputState): Promise<void> {
  const path = inputFile(input);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw changed(input);
  if (found.size === state.bytes && found.mtimeMs === state.modified) return;
  if (found.size !== state.bytes || (await hashFile(path)) !== state.hash) throw changed(input);
}

function changed(input: Input): TrainbookError {
  return new TrainbookError({
    what: 'write: a file was changed or removed since the work on it began',
    received: inputFile(input),
    expected: 'the same bytes: a part of the documents are of what it was',
    fix: 'bring it back, or begin anew with { again: true } (--again)',
  });
}
