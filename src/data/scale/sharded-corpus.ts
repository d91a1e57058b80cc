import type { StoredLedger } from '../ledger/stored-ledger.js';
import type { ShardCard } from './shard-card.js';

/** A corpus that lies on shards in a folder, whole. `load(folder)` reads its documents. */
export interface ShardedCorpus {
  readonly folder: string;
  /** Of all its bytes. */
  readonly hash: string;
  readonly card: ShardCard;
  readonly ledger: StoredLedger;
}
