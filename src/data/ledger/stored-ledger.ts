import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';
import { findShardCard, readCounts } from '../scale/shard-card.js';
import { stories } from './ledger.js';
import type { Fate, StepCount } from './ledger.js';
import { fatesOf } from './parquet.js';
import { sankey } from './sankey.js';
import { openLedgerDatabase } from './sql.js';
import type { LedgerDatabase } from './sql.js';

/** The ledger of a corpus on shards: it stays on disk, and is read where it is asked. */
export interface StoredLedger {
  readonly folder: string;
  readonly steps: readonly string[];
  /** How many documents were read of each source. */
  readonly sources: Readonly<Record<string, number>>;
  counts(): readonly StepCount[];
  sankey(): Figure;
  /**
   * The story of the documents whose id begins with `prefix`: reads the shard that has them.
   *
   * @throws TrainbookError if no document's id begins so, or more than ten
   */
  why(prefix: string): Promise<string>;
  /** All fates, shard by shard. */
  fates(): AsyncIterable<Fate>;
  /** The tables `documents` and `events`, for SQL. To be closed. */
  database(): Promise<LedgerDatabase>;
}

/**
 * The ledger in the folder of a corpus on shards.
 *
 * @throws TrainbookError if there is none
 * @example
 * const ledger = await readLedger('out');
 * console.log(await ledger.why('3f2a'));
 */
export async function readLedger(folder: string): Promise<StoredLedger> {
  const card = await findShardCard(folder);
  if (card === undefined) {
    throw new TrainbookError({
      what: 'readLedger: the folder holds no corpus on shards',
      received: folder,
      expected: 'a folder with card.json, that trainbook data run writes last',
    });
  }
  const { shards } = card;
  const counts = await readCounts(folder);
  return {
    folder,
    steps: counts.steps.map(({ step }) => step),
    sources: counts.sources,
    counts: () => counts.steps,
    sankey: () => sankey({ sources: counts.sources, counts: () => counts.steps }),
    why: async (prefix) => {
      const found: Fate[] = [];
      for (const shard of shardsOf(prefix, shards)) {
        for (const fate of await readShard(folder, shard, shards)) if (fate.id.startsWith(prefix)) found.push(fate);
      }
      return stories(found, prefix);
    },
    async *fates() {
      for (let shard = 0; shard < shards; shard++) yield* await readShard(folder, shard, shards);
    },
    database: () => openLedgerDatabase([join(folder, 'ledger')]),
  };
}

/** The shards that hold ids with this beginning: shards divide the ids in order. */
function shardsOf(prefix: string, shards: number): readonly number[] {
  if (!/^[0-9a-f]*$/u.test(prefix)) return [];
  const shardOf = (digits: string): number => Math.floor((Number.parseInt(digits, 16) / 2 ** 32) * shards);
  const first = shardOf(prefix.slice(0, 8).padEnd(8, '0'));
  const last = shardOf(prefix.slice(0, 8).padEnd(8, 'f'));
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function readShard(folder: string, shard: number, of: number): Promise<readonly Fate[]> {
  const name = `${String(shard).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.parquet`;
  const [documents, events] = await Promise.all(
    ['documents', 'events'].map((table) => readRows(join(folder, 'ledger', `${table}-${name}`))),
  );
  return fatesOf(documents ?? [], events ?? []);
}

async function readRows(path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  try {
    const [{ parquetReadObjects }, bytes] = await Promise.all([import('hyparquet'), readFile(path)]);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    return await parquetReadObjects({ file });
  } catch (cause) {
    throw new TrainbookError({
      what: 'readLedger: cannot read a table',
      received: `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: 'a whole Parquet file, as trainbook writes it',
      fix: 'run the pipeline again with { again: true } (--again)',
      cause,
    });
  }
}
