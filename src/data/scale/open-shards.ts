import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainbookError } from '../../error.js';
import { noteRead } from '../../files.js';
import { readLedger } from '../ledger/stored-ledger.js';
import { findShardCard } from './shard-card.js';
import type { ShardCard } from './shard-card.js';
import type { ShardedCorpus } from './sharded-corpus.js';

/**
 * A corpus on shards, with its card and ledger; its documents stay where they are.
 *
 * @throws TrainbookError if the folder has no card, or a file that it names is not there in its length
 * @example
 * const { ledger, card } = await openShards('out');
 */
export async function openShards(folder: string): Promise<ShardedCorpus> {
  const card = await findShardCard(folder);
  if (card === undefined) {
    throw new TrainbookError({
      what: 'openShards: the folder holds no corpus on shards',
      received: folder,
      expected: 'a folder with card.json, that the stage finish writes last',
      fix: 'run its pipeline to the end',
    });
  }
  noteRead(join(folder, 'card.json'));
  await checkFiles(folder, card);
  return { folder, hash: card.hash, card, ledger: await readLedger(folder) };
}

async function checkFiles(folder: string, { files }: ShardCard): Promise<void> {
  for (const { file, bytes } of files) {
    const found = await stat(join(folder, file)).catch(() => undefined);
    if (found?.size === bytes) continue;
    throw new TrainbookError({
      what: 'openShards: a file is not the one that was written',
      received: `${join(folder, file)}: ${found === undefined ? 'not there' : `${found.size} bytes`}`,
      expected: `${bytes} bytes`,
      fix: 'run the pipeline again with { again: true } (--again)',
    });
  }
}
