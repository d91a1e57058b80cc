import { createHash } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeAtomic } from '../../files.js';
import { parseRows } from '../metrics.js';
import { digestRows, extendDigest, metricsDigestSchema } from './metric-digest.js';
import type { MetricsDigest } from './metric-digest.js';

// runs/store/cache/runs/quickstart/2026-11-21-143502-3f9c.json: what the large files of a run come down to, so that a list
// of runs need not read them. Metrics are known by the file's stamp; where it has only grown since, the new lines alone are
// read. In doubt all is read again: nothing is ever known from here alone.

const factsSchema = z.object({
  stage: z.string(),
  seconds: z.number(),
  cached: z.boolean(),
  facts: z.record(z.string(), z.union([z.string(), z.number()])),
});
/** What a finished stage shows of itself, in words and numbers. */
export type StageFacts = z.infer<typeof factsSchema>;

const cacheSchema = z.object({
  format: z.literal(1),
  /** By the names of the files in `stages/`. */
  stages: z.record(z.string(), z.object({ stamp: z.string(), facts: factsSchema })),
  metrics: z
    .object({
      stamp: z.string(),
      inode: z.string(),
      /** Bytes of whole lines that the digest is of. */
      bytes: z.number(),
      /** Of the last of these bytes: a file that has grown still has them. */
      tail: z.string(),
      digest: metricsDigestSchema,
    })
    .optional(),
});
type Cache = z.infer<typeof cacheSchema>;
type CachedMetrics = NonNullable<Cache['metrics']>;

const summarySchema = z.looseObject({
  stage: z.string(),
  seconds: z.number(),
  cached: z.boolean(),
  summary: z.looseObject({ facts: z.record(z.string(), z.union([z.string(), z.number()])) }),
});

export interface RunDigest {
  readonly stages: readonly StageFacts[];
  readonly metrics: MetricsDigest;
}

const tailBytes = 4096;

/** Of a run's folder what its stages and metrics come down to. `cachePath` may be missing, damaged or not writable. */
export async function digestRun(folder: string, cachePath: string): Promise<RunDigest> {
  const cached = cacheSchema.safeParse(await readJson(cachePath).catch(() => undefined)).data;
  const [stages, metrics] = await Promise.all([
    digestStages(folder, cached?.stages ?? {}),
    digestMetrics(join(folder, 'metrics.jsonl'), cached?.metrics),
  ]);
  const now: Cache = { format: 1, stages, ...(metrics.keep === undefined ? {} : { metrics: metrics.keep }) };
  if (cached === undefined || stampsOf(now) !== stampsOf(cached)) {
    await writeAtomic(cachePath, JSON.stringify(now)).catch(() => undefined); // a list is not worth a failure
  }
  return { stages: Object.values(stages).map(({ facts }) => facts), metrics: metrics.digest };
}

const stampsOf = ({ stages, metrics }: Cache): string =>
  JSON.stringify([metrics?.stamp, Object.entries(stages).map(([name, { stamp }]) => [name, stamp])]);

async function digestStages(folder: string, cached: Cache['stages']): Promise<Cache['stages']> {
  const names = await readdir(join(folder, 'stages')).catch((): string[] => []);
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map(async (name): Promise<[string, Cache['stages'][string]][]> => {
        const path = join(folder, 'stages', name);
        const stamp = stampOf(await stat(path, { bigint: true }).catch(() => undefined));
        const known = cached[name];
        if (known !== undefined && known.stamp === stamp) return [[name, known]];
        const record = summarySchema.safeParse(await readJson(path).catch(() => undefined)).data;
        if (record === undefined) return []; // the report says what is wrong with it
        const { stage, seconds, cached: isCached, summary } = record;
        return [[name, { stamp, facts: { stage, seconds, cached: isCached, facts: summary.facts } }]];
      }),
  );
  return Object.fromEntries(found.flat());
}

interface Stamped {
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly size: bigint;
  readonly ino: bigint;
}

const stampOf = (found: Stamped | undefined): string =>
  found === undefined ? 'none' : `${found.mtimeNs}:${found.ctimeNs}:${found.size}:${found.ino}`;

interface Digested {
  readonly digest: MetricsDigest;
  /** What may be remembered; nothing where the last line has no end yet. */
  readonly keep: CachedMetrics | undefined;
}

async function digestMetrics(path: string, cached: CachedMetrics | undefined): Promise<Digested> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return { digest: [], keep: undefined };
  try {
    const found = await file.stat({ bigint: true });
    const stamp = stampOf(found);
    if (cached !== undefined && cached.stamp === stamp && BigInt(cached.bytes) === found.size) {
      return { digest: cached.digest, keep: cached };
    }
    const about = { stamp, inode: String(found.ino) };
    const grown = cached?.inode === about.inode && (await growth(file, Number(found.size), cached));
    if (cached !== undefined && grown) {
      const digest = extendDigest(cached.digest, parseRows(grown.toString('utf8')));
      if (digest !== undefined) {
        const bytes = cached.bytes + grown.length;
        return { digest, keep: { ...about, bytes, tail: await tailOf(file, bytes), digest } };
      }
    }
    return await digestWhole(path, about);
  } finally {
    await file.close();
  }
}

/** Whole lines beyond those that the cache is of; undefined unless the file ends in a line's end and begins as it did. */
async function growth(file: FileHandle, size: number, { bytes, tail }: CachedMetrics): Promise<Buffer | undefined> {
  if (size <= bytes || (await tailOf(file, bytes)) !== tail) return undefined;
  const added = await readAt(file, bytes, size - bytes);
  return added.length === size - bytes && added.at(-1) === 0x0a ? added : undefined;
}

async function tailOf(file: FileHandle, bytes: number): Promise<string> {
  const start = Math.max(0, bytes - tailBytes);
  return createHash('sha256')
    .update(await readAt(file, start, bytes - start))
    .digest('hex');
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

async function digestWhole(path: string, about: Pick<CachedMetrics, 'stamp' | 'inode'>): Promise<Digested> {
  const content = await readFile(path);
  const digest = digestRows(parseRows(content.toString('utf8')));
  const isWhole = content.length === 0 || content.at(-1) === 0x0a;
  if (!isWhole) return { digest, keep: undefined };
  const tail = createHash('sha256').update(content.subarray(-tailBytes)).digest('hex');
  // Lines that came after the look at the stamp are in the digest: `bytes` says so, and the stamp will not be the same.
  return { digest, keep: { ...about, bytes: content.length, tail, digest } };
}
