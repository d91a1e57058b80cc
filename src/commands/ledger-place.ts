import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { corpusCodec, splitCorpusCodec } from '../data/corpus-codec.js';
import type { Figure } from '../figure.js';
import type { Ledger, StepCount } from '../data/ledger/ledger.js';
import { ledgerParquet } from '../data/ledger/parquet.js';
import { openLedgerDatabase } from '../data/ledger/sql.js';
import type { LedgerDatabase } from '../data/ledger/sql.js';
import { readLedger } from '../data/ledger/stored-ledger.js';
import { findShardCard } from '../data/scale/shard-card.js';
import { findRun } from '../experiment/run-index/find-run.js';
import { readLineage } from '../experiment/run-index/lineage.js';
import { runNames } from '../experiment/run-index/run-entry.js';
import { TrainbookError } from '../error.js';
import { readJson } from '../files.js';
import { runsFolder, runsOption } from './runs-folder.js';

/** Which corpus a command of `data` asks. */
export const placeArgs = {
  place: {
    type: 'positional',
    required: false,
    description: 'A folder that trainbook data run wrote, or a run (the newest one that has a corpus)',
  },
  ...runsOption,
} as const;

/** A ledger, wherever it lies. */
export interface PlacedLedger {
  readonly where: string;
  readonly sources: Readonly<Record<string, number>>;
  counts(): readonly StepCount[];
  sankey(): Figure;
  why(prefix: string): string | Promise<string>;
  database(): Promise<LedgerDatabase>;
}

/**
 * The ledger of a folder of shards, or of the last corpus that a run made.
 *
 * @throws TrainbookError where there is none
 */
export async function findLedger(place: string | undefined, runs: string | undefined): Promise<PlacedLedger> {
  const folder = place ?? '.';
  if ((await findShardCard(folder)) !== undefined) return { where: folder, ...(await readLedger(folder)) };
  const all = runsFolder({ runs });
  const names = await runNames(all);
  const newest = [...names].sort((a, b) => ((a.split('/')[1] ?? '') < (b.split('/')[1] ?? '') ? 1 : -1));
  for (const name of place === undefined ? newest : [findRun(names, place, all)]) {
    const ledger = await ledgerOfRun(all, name);
    if (ledger !== undefined) return ledger;
  }
  throw new TrainbookError({
    what: 'data: there is no corpus',
    received: place ?? `${names.length} runs in ${all}`,
    expected: 'a folder that trainbook data run wrote, or a run with a stage that gives a corpus',
    fix: 'npx trainbook data run pipeline.ts --out data/clean writes one',
  });
}

async function ledgerOfRun(runs: string, name: string): Promise<PlacedLedger | undefined> {
  for (const { artifact, stage } of [...((await readLineage(join(runs, name))) ?? [])].reverse()) {
    const folder = join(runs, 'store', artifact);
    const kind = await kindOf(folder);
    if (kind !== 'corpus' && kind !== 'split-corpus') continue;
    const { ledger } = kind === 'corpus' ? await corpusCodec.read(folder) : (await splitCorpusCodec.read(folder)).train;
    return inMemory(ledger, `${name}, stage ${stage}`);
  }
  return undefined;
}

async function kindOf(folder: string): Promise<unknown> {
  const value = await readJson(join(folder, 'artifact.json')).catch(() => undefined);
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}

function inMemory(ledger: Ledger, where: string): PlacedLedger {
  return {
    where,
    sources: ledger.sources,
    counts: () => ledger.counts(),
    sankey: () => ledger.sankey(),
    why: (prefix) => ledger.why(prefix),
    database: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'trainbook-ledger-'));
      await writeTables(ledger, folder);
      const database = await openLedgerDatabase([folder]);
      const close = (): void => {
        database.close();
        void rm(folder, { recursive: true, force: true });
      };
      return { ...database, close };
    },
  };
}

/** `documents.parquet` and `events.parquet`. */
async function writeTables(ledger: Ledger, folder: string): Promise<void> {
  const { documents, events } = await ledgerParquet(ledger.fates);
  await writeFile(join(folder, 'documents.parquet'), documents);
  await writeFile(join(folder, 'events.parquet'), events);
}
