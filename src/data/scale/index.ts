// Scale: the same steps over shards, in any number of processes.
export { writeShards } from './write.js';
export { openShards } from './open-shards.js';
export type { ShardCard } from './shard-card.js';
export type { ShardedCorpus } from './sharded-corpus.js';
export type { Share, WriteOptions } from './write-options.js';
