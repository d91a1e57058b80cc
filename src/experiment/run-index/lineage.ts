import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../../files.js';

const lineageSchema = z.looseObject({
  stages: z.array(z.looseObject({ stage: z.string(), artifact: z.string(), parents: z.array(z.string()) })),
});

/** One artifact that a run made or found, and what it was made of. */
export interface LineageArtifact {
  readonly stage: string;
  readonly artifact: string;
  readonly parents: readonly string[];
}

/** What a run's `lineage.json` names; nothing where there is none yet, undefined where it cannot be read. */
export async function readLineage(folder: string): Promise<readonly LineageArtifact[] | undefined> {
  const path = join(folder, 'lineage.json');
  try {
    return lineageSchema.parse(await readJson(path)).stages;
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } };
    return cause?.code === 'ENOENT' ? [] : undefined;
  }
}

/** All artifacts that a run needs: those it made or found, and their parents. */
export function artifactsOf(lineage: readonly LineageArtifact[]): ReadonlySet<string> {
  return new Set(lineage.flatMap(({ artifact, parents }) => [artifact, ...parents]));
}
