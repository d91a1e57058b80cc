import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../files.js';
import { folderBytes } from './folder-bytes.js';
import { findReferences } from './references.js';

/** Artifacts of a stage, or of an experiment, and their bytes. */
export interface Size {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
}

export interface StoreSizes {
  readonly stages: readonly Size[];
  /** Artifacts that runs of an experiment name; one that several name counts for each. */
  readonly experiments: readonly (Size & { /** Of those that no other names. */ readonly ownBytes: number })[];
  /** What is beside the artifacts: checkpoints, executions, traces, the cache, what is being written. */
  readonly others: readonly Size[];
  readonly bytes: number;
}

const artifactSchema = z.looseObject({
  stage: z.string(),
  files: z.record(z.string(), z.looseObject({ bytes: z.number() })),
});
const artifactName = /^[0-9a-f]{32}$/u;

/** What a store takes on the disk, the largest first. */
export async function storeSizes(runsFolder: string): Promise<StoreSizes> {
  const store = join(runsFolder, 'store');
  const { experiments: users } = await findReferences(runsFolder);
  const stages = new Map<string, Size>();
  const experiments = new Map<string, StoreSizes['experiments'][number]>();
  const others: Size[] = [];
  const entries = await readdir(store, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(store, entry.name);
    if (!artifactName.test(entry.name)) {
      const count = entry.isDirectory() ? (await readdir(path).catch((): string[] => [])).length : 1;
      others.push({ name: entry.name, count, bytes: await folderBytes(path) });
      continue;
    }
    const artifact = artifactSchema.safeParse(await readJson(join(path, 'artifact.json')).catch(() => undefined)).data;
    const bytes = await folderBytes(path);
    const stage = artifact?.stage ?? '(damaged)';
    stages.set(stage, grown(stages.get(stage) ?? { name: stage, count: 0, bytes: 0 }, bytes));
    const named = [...(users.get(entry.name) ?? ['(no run)'])];
    for (const name of named) {
      const before = experiments.get(name) ?? { name, count: 0, bytes: 0, ownBytes: 0 };
      experiments.set(name, { ...grown(before, bytes), ownBytes: before.ownBytes + (named.length === 1 ? bytes : 0) });
    }
  }
  const bytes = [...stages.values(), ...others].reduce((sum, each) => sum + each.bytes, 0);
  return {
    stages: largestFirst([...stages.values()]),
    experiments: largestFirst([...experiments.values()]),
    others: largestFirst(others),
    bytes,
  };
}

const grown = (size: Size, bytes: number): Size => ({ ...size, count: size.count + 1, bytes: size.bytes + bytes });

function largestFirst<Each extends Size>(sizes: readonly Each[]): Each[] {
  return [...sizes].sort((a, b) => b.bytes - a.bytes);
}
