import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rankingLineSchema } from './ranking-line.js';

/** What was read of one file so far. */
interface ReadFile {
  bytes: number;
  /** By sample and dimension: whether a ranking stands. */
  readonly ranked: Map<string, { readonly sample: string; readonly stands: boolean }>;
}

/**
 * Looks again and again at which samples the other annotators of a folder have ranked; of each file only what was added is read. Lines that are
 * no rankings are for their own annotator to mend.
 *
 * @param own The file that is not looked at.
 * @param samples The hash of the file of samples that is judged.
 */
export function followOthers(folder: string, own: string, samples: string): () => Promise<ReadonlySet<string>> {
  const files = new Map<string, ReadFile>();
  return async () => {
    const names = await readdir(folder);
    for (const name of names) {
      const path = join(folder, name);
      if (!name.endsWith('.jsonl') || name.startsWith('.') || path === own) continue;
      const read = files.get(path) ?? { bytes: 0, ranked: new Map() };
      files.set(path, read);
      await readOn(path, read, samples);
    }
    return new Set(
      [...files.values()].flatMap(({ ranked }) =>
        [...ranked.values()].flatMap(({ sample, stands }) => (stands ? [sample] : [])),
      ),
    );
  };
}

async function readOn(path: string, read: ReadFile, samples: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const added = Buffer.alloc(Math.max(0, size - read.bytes));
    const { bytesRead } = await file.read(added, 0, added.length, read.bytes);
    const whole = added.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
    for (const text of added.toString('utf8', 0, whole).split('\n')) {
      const line = parsed(text);
      if (line === undefined || line.samples.hash !== samples) continue;
      const { sample, dimension, ranking } = line;
      read.ranked.set(JSON.stringify([sample, dimension]), { sample, stands: ranking !== null });
    }
    read.bytes += whole;
  } finally {
    await file.close();
  }
}

function parsed(text: string) {
  try {
    return rankingLineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
