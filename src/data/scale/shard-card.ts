import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../error.js';
import { readJson } from '../../files.js';
import type { Json } from '../../files.js';

const count = z.int().nonnegative();
const counts = z.record(z.string(), z.number());
const file = z.strictObject({ file: z.string(), bytes: count, hash: z.string() });

/**
 * The card of a corpus on shards: what it is, and where it comes from. It is the last file that is written: a folder that has it
 * is whole.
 *
 * @example
 * { kind: 'shards', format: 1, plan: '81c2…', hash: '5f0c…', shards: 4, rows: 341, bytes: 1048576, languages: { en: 341 },
 *   sources: [{ source: 'brown', read: 500, kept: 341, licence: '…' }], pipeline: [{ name: 'normalise', … }], code: '…',
 *   inputs: [{ path: 'samples.jsonl.gz', dataset: 'brown', bytes: 1009420, hash: '9a9e…', documents: 500 }],
 *   files: [{ file: 'part-00000-of-00004.jsonl.gz', bytes: 104857, hash: '77ab…' }, …] }
 */
export const shardCardSchema = z.strictObject({
  kind: z.literal('shards'),
  format: z.literal(1),
  /** The identity of what was asked: inputs, steps, options, code. */
  plan: z.string(),
  /** The identity of what came out: of all files. */
  hash: z.string(),
  shards: z.int().positive(),
  rows: count,
  /** Of the texts, unpacked. */
  bytes: count,
  languages: counts,
  sources: z.array(z.strictObject({ source: z.string(), read: count, kept: count, licence: z.string().optional() })),
  pipeline: z.array(
    z.strictObject({
      name: z.string(),
      made: z.string().optional(),
      options: (z.json() as z.ZodType<Json>).optional(),
      code: z.string(),
    }),
  ),
  code: z.string(),
  inputs: z.array(
    z.strictObject({
      path: z.string(),
      dataset: z.string().optional(),
      bytes: count,
      hash: z.string(),
      documents: count,
    }),
  ),
  files: z.array(file),
});
export type ShardCard = z.infer<typeof shardCardSchema>;

const countsSchema = z.strictObject({
  steps: z.array(
    z.strictObject({
      step: z.string(),
      documentsIn: count,
      documentsOut: count,
      changed: count,
      changes: counts,
      dropped: counts,
    }),
  ),
  sources: counts,
});

/** `counts.json`: what each step did, and documents read of each source. */
export type CountsFile = z.infer<typeof countsSchema>;

/** The card of a folder of shards; undefined where it has none. */
export async function findShardCard(folder: string): Promise<ShardCard | undefined> {
  const path = join(folder, 'card.json');
  if (!existsSync(path)) return undefined;
  const card = shardCardSchema.safeParse(await readJson(path));
  return card.success ? card.data : undefined;
}

export async function readCounts(folder: string): Promise<CountsFile> {
  const path = join(folder, 'counts.json');
  const found = countsSchema.safeParse(await readJson(path));
  if (found.success) return found.data;
  throw new TrainbookError({
    what: `${path} is not the counts of a corpus on shards`,
    received: z.prettifyError(found.error),
    expected: 'what each step did, as trainbook writes it',
    fix: 'run the pipeline again with { again: true } (--again)',
  });
}
