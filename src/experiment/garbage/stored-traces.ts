import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomic } from '../../files.js';
import { withLock } from '../lock.js';
import { isBeingRun } from './references.js';

/** What of a trace decides whether it is wanted; of other formats as much as they have. */
const traceSchema = z.looseObject({ id: z.string(), artifact: z.string(), run: z.string() });
export type StoredTrace = z.infer<typeof traceSchema>;

/** A line of `traces/<stage>.jsonl`. */
export interface TraceLine {
  readonly text: string;
  /** Undefined for one of a format that is not known here: it stays. A line that is no JSON, torn by a kill, goes. */
  readonly trace: StoredTrace | undefined;
  readonly isTorn: boolean;
}

export async function stagesWithTraces(store: string): Promise<string[]> {
  const names = await readdir(join(store, 'traces')).catch((): string[] => []);
  return names.filter((name) => name.endsWith('.jsonl')).map((name) => name.slice(0, -'.jsonl'.length));
}

const pathOf = (store: string, stage: string): string => join(store, 'traces', `${stage}.jsonl`);

export async function readTraceLines(store: string, stage: string): Promise<TraceLine[]> {
  const content = await readFile(pathOf(store, stage), 'utf8').catch(() => '');
  return content
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => {
      try {
        const value: unknown = JSON.parse(text);
        return { text, trace: traceSchema.safeParse(value).data, isTorn: false };
      } catch {
        return { text, trace: undefined, isTorn: true };
      }
    });
}

/**
 * Rewrites a stage's traces without those that are not wanted; gives the bytes that this freed, or undefined where a live
 * process runs the stage and may append one at any time. Whoever begins the stage must take the lock that we hold.
 */
export async function compactTraces(
  store: string,
  stage: string,
  isWanted: (line: TraceLine) => Promise<boolean>,
): Promise<number | undefined> {
  const locks = join(store, 'locks', stage);
  return withLock(join(locks, 'lock'), async () => {
    if (await isBeingRun(join(locks, 'claims'))) return undefined;
    const lines = await readTraceLines(store, stage);
    const kept: string[] = [];
    for (const line of lines) if (await isWanted(line)) kept.push(line.text);
    if (kept.length === lines.length) return 0;
    const path = pathOf(store, stage);
    const { size } = await stat(path);
    const content = kept.map((line) => `${line}\n`).join('');
    await writeAtomic(path, content);
    return Math.max(0, size - Buffer.byteLength(content));
  });
}
