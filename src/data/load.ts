import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TrainbookError } from '../error.js';
import type { Corpus } from './corpus.js';
import { datasetNamesOf, findDataset, readDatasetFile } from './dataset.js';
import { expandGlob, filesBelow, isGlob } from './glob.js';
import { openLedger } from './ledger.js';
import { Pipeline } from './pipeline.js';
import { readDocuments } from './read.js';
import type { ReadDocument } from './read.js';

/**
 * What to read: a data set by name (`shakespeare`), a file, a folder, a glob (`corpus/*.jsonl.gz`), several of them, or the
 * names of `shares`, so that a config names its data once (shares of 0 are not read).
 */
export type Source = string | readonly string[] | { readonly shares: Readonly<Record<string, number>> };

/**
 * Reads documents. JSON Lines (`.jsonl`, `.ndjson`) hold one document a row, its text in the field `text`; `title`, `domain`
 * and `language` are taken where they are strings, the rest goes to `meta`. Plain text (`.txt`, `.text`, `.md`) is cut into passages
 * of whole paragraphs (see `passages`), or where it has lines `<|endoftext|>`, there. Each may be gzipped (`.gz`).
 *
 * Bytes that are not UTF-8 are replaced by U+FFFD and counted in the ledger; documents without text are dropped there.
 *
 * @throws TrainbookError when awaited: for a name or file that is not there, a file of another kind, JSON that is none (with its
 *   line), a gzip stream that ends too early, a changed data set, and where there is no document at all.
 * @example
 * const corpus = await load({ shares: { shakespeare: 0.6, brown: 0.4 } }).through(normalise());
 * const mine = await load('my.txt');
 */
export function load(source: Source): Pipeline {
  return new Pipeline(async () => {
    const read: ReadDocument[] = [];
    const seen = new Set<string>();
    for (const name of namesOf(source)) {
      for (const found of await readSource(name, seen)) read.push(found);
    }
    const documents = read.flatMap(({ verdict }) => ('keep' in verdict ? [verdict.keep] : []));
    if (documents.length === 0) {
      throw new TrainbookError({
        what: 'load: no documents with text',
        received: `${read.length} documents, all empty, in ${namesOf(source).join(', ')}`,
        expected: 'at least one document',
        fix: 'give files with text',
      });
    }
    return { documents, ledger: openLedger(read) } satisfies Corpus;
  });
}

function namesOf(source: Source): readonly string[] {
  if (typeof source === 'string') return [source];
  if (!('shares' in source)) return [...new Set(source)];
  return Object.entries(source.shares).flatMap(([name, share]) => (share > 0 ? [name] : []));
}

/** The documents of one name; files in `seen` are passed over, and those read now put there. */
async function readSource(name: string, seen: Set<string>): Promise<readonly ReadDocument[]> {
  const dataset = await findDataset(name);
  if (dataset !== undefined) {
    const { card } = dataset;
    const origin = { source: card.name, domain: card.domain ?? card.name, language: card.language };
    const parts = card.files.map(async (file) =>
      readDocuments(await readDatasetFile(dataset, file), file.file, origin),
    );
    return (await Promise.all(parts)).flat();
  }
  const read: ReadDocument[] = [];
  for (const path of await filesOf(name)) {
    if (seen.has(resolve(path))) continue;
    seen.add(resolve(path));
    const slashed = path.replaceAll('\\', '/');
    for (const found of readDocuments(await readBytes(path), path, { source: slashed, domain: slashed }))
      read.push(found);
  }
  return read;
}

async function filesOf(name: string): Promise<readonly string[]> {
  const kind = await stat(name).catch(() => undefined);
  if (kind?.isFile() === true) return [name];
  const files = kind?.isDirectory() === true ? await filesBelow(name) : isGlob(name) ? await expandGlob(name) : [];
  if (files.length > 0) return files;
  throw new TrainbookError({
    what: kind?.isDirectory() === true ? 'load: the folder has no files' : 'load: no such data set, file or folder',
    received: name,
    expected: `a path, a glob, or one of the data sets ${(await datasetNamesOf('documents')).join(', ')}`,
    fix: `check the spelling; paths start at ${process.cwd()}`,
  });
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new TrainbookError({
      what: 'load: cannot read the file',
      received: path,
      expected: 'a file that may be read',
      fix: String(cause),
      cause,
    });
  }
}
