import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { TrainbookError } from '../../error.js';
import { hash, noteRead } from '../../files.js';
import type { Corpus } from '../corpus.js';
import type { Document } from '../document.js';
import { Ledger } from '../ledger/ledger.js';
import type { Fate } from '../ledger/ledger.js';
import { readLedger } from '../ledger/stored-ledger.js';
import type { ReadDocument } from '../read/read.js';
import type { ShardCard } from './shard-card.js';

/** The files of documents that were kept, or of those that were dropped. */
export function partsOf({ files }: ShardCard, kind: 'kept' | 'dropped'): ShardCard['files'] {
  const start = kind === 'kept' ? 'part-' : 'dropped/part-';
  return files.filter(({ file }) => file.startsWith(start));
}

/** A corpus on shards, in memory, with its whole ledger. */
export async function readShards(folder: string, card: ShardCard): Promise<Corpus> {
  const documents: Document[] = [];
  for (const part of partsOf(card, 'kept')) documents.push(...(await readPart(folder, part)));
  const dropped: Document[] = [];
  for (const part of partsOf(card, 'dropped')) dropped.push(...(await readPart(folder, part)).map(withoutReason));
  const stored = await readLedger(folder);
  const fates: Fate[] = [];
  for await (const fate of stored.fates()) fates.push(fate);
  return {
    documents,
    ledger: new Ledger(fates, stored.steps),
    ...(partsOf(card, 'dropped').length === 0 ? {} : { dropped }),
  };
}

/** The documents of one shard as a pipeline reads them: with their ids. */
export async function* readWritten(
  folder: string,
  part: ShardCard['files'][number],
): AsyncGenerator<ReadDocument, undefined> {
  let row = 0;
  for (const document of await readPart(folder, part)) {
    yield { document, verdict: { keep: document }, place: { file: join(folder, part.file), row: ++row } };
  }
}

/** @throws TrainbookError if its bytes are not those that were written */
async function readPart(folder: string, part: ShardCard['files'][number]): Promise<readonly Document[]> {
  const path = join(folder, part.file);
  noteRead(path);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined || hash(bytes) !== part.hash) {
    throw new TrainbookError({
      what: 'load: a shard is not the one that was written',
      received: `${path}: ${bytes === undefined ? 'not there' : `${bytes.length} bytes with hash ${hash(bytes)}`}`,
      expected: `${part.bytes} bytes with hash ${part.hash}`,
      fix: 'run its pipeline again with { again: true } (--again)',
    });
  }
  const text = (part.file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Document);
}

function withoutReason(document: Document): Document {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== 'dropped')) as unknown as Document;
}
