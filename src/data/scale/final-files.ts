import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Ledger, READ } from '../ledger/ledger.js';
import type { StepCount } from '../ledger/ledger.js';
import { ledgerParquet } from '../ledger/parquet.js';
import { compareEntries } from './entry.js';
import type { Entry } from './entry.js';
import type { JudgeFacts } from './judge-task.js';
import { writeWhole } from './marker.js';
import type { Done } from './marker.js';
import type { WrittenFile } from './section-file.js';
import type { Work } from './work.js';

// The result in its folder, here of 4 shards:
//
//   part-00000-of-00004.jsonl.gz                 documents that were kept, a line each, in canonical order through all shards
//   dropped/part-00000-of-00004.jsonl.gz         those that were not, as they were then, and why
//   ledger/documents-00000-of-00004.parquet      a row for each document that was read
//   ledger/events-00000-of-00004.parquet         a row for each thing that was done to one
//   counts.json  card.json                       what each step did; what the result is and where it comes from

/** Fast, and within a tenth of the size that the usual level 6 gives. */
const GZIP_LEVEL = 3;

export interface FinalFacts extends JudgeFacts {
  readonly counts: readonly StepCount[];
  /** Documents read of each source. */
  readonly sources: Readonly<Record<string, number>>;
  /** Documents kept in each language, and of each source. */
  readonly languages: Readonly<Record<string, number>>;
  readonly keptSources: Readonly<Record<string, number>>;
}

export function shardName(shard: number, of: number): string {
  return `${String(shard).padStart(5, '0')}-of-${String(of).padStart(5, '0')}`;
}

/** Writes the files of one shard. */
export async function writeFinal(
  { folder, plan, steps }: Work,
  shard: number,
  kept: readonly Entry[],
  dropped: readonly Entry[],
  judged: JudgeFacts,
): Promise<Done> {
  mkdirSync(join(folder, 'dropped'), { recursive: true });
  mkdirSync(join(folder, 'ledger'), { recursive: true });
  const name = shardName(shard, plan.shards);
  const ending = plan.gzip ? 'jsonl.gz' : 'jsonl';
  const write = (path: string, bytes: Uint8Array): Readonly<Record<string, WrittenFile>> => ({
    [path]: writeWhole(folder, path, bytes),
  });
  const pack = (lines: readonly object[]): Uint8Array => {
    const bytes = Buffer.concat(lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)));
    return plan.gzip ? gzipSync(bytes, { level: GZIP_LEVEL }) : bytes;
  };
  const files = { ...write(`part-${name}.${ending}`, pack(kept.map(({ document }) => document))) };
  const ofDropped = [...dropped].sort(compareEntries);
  if (plan.dropped) {
    const lines = ofDropped.map(({ document, fate }) => {
      const last = fate.events.at(-1);
      return { ...document, dropped: { step: last?.step, ...last?.dropped } };
    });
    Object.assign(files, write(`dropped/part-${name}.${ending}`, pack(lines)));
  }
  const fates = [...kept, ...ofDropped].sort(compareEntries).map(({ fate }) => fate);
  const { documents, events } = await ledgerParquet(fates, shard);
  Object.assign(files, write(`ledger/documents-${name}.parquet`, documents));
  Object.assign(files, write(`ledger/events-${name}.parquet`, events));
  const ledger = new Ledger(fates, [READ, ...steps.map((step) => step.name)]);
  const facts: FinalFacts = {
    ...judged,
    counts: ledger.counts(),
    sources: ledger.sources,
    languages: countBy(kept, ({ document }) => document.language ?? 'not known'),
    keptSources: countBy(kept, ({ document }) => document.source),
  };
  return { files, facts: facts as unknown as Done['facts'] };
}

function countBy(entries: readonly Entry[], nameOf: (entry: Entry) => string): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(nameOf(entry), (counts.get(nameOf(entry)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
