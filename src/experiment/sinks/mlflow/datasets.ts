import { z } from 'zod';
import { join } from 'node:path';
import { readTraces } from '../../traces.js';
import type { Cursor } from '../cursor.js';
import type { RunFacts } from '../run-facts.js';
import type { MlflowClient } from './client.js';
import { limits, shortened } from './names.js';

export interface MlflowDataset {
  readonly name: string;
  readonly digest: string;
  readonly source_type: string;
  readonly source: string;
  readonly profile?: string;
}

/**
 * The data that a run began with: what stages without parents made of files, or of nothing. The digest is the artifact's hash;
 * the source has the hash of each file that the stage read, as its trace says.
 */
export async function datasetsOf(run: RunFacts): Promise<MlflowDataset[]> {
  const roots = run.lineage.filter(({ kind, parents }) => parents.length === 0 && kind !== 'model');
  const datasets = roots.map(async ({ stage, artifact, kind }): Promise<MlflowDataset | undefined> => {
    const traces = await readTraces(join(run.runsFolder, 'store'), stage);
    const files = traces.find((trace) => trace.artifact === artifact)?.reads.files ?? {};
    const summary = run.summaries[stage];
    if (Object.keys(files).length === 0 && !/corpus|table|dataset/u.test(kind)) return undefined;
    const source = JSON.stringify({ artifact: `store/${artifact}`, files });
    const profile = JSON.stringify(summary?.facts ?? {});
    return {
      name: `${run.spec.experiment}/${stage}`,
      digest: artifact,
      source_type: 'trainbook',
      // many files: their hashes are in the artifact's hash
      source: source.length <= limits.datasetSource ? source : JSON.stringify({ artifact: `store/${artifact}` }),
      profile: shortened(profile, limits.datasetProfile),
    };
  });
  return (await Promise.all(datasets)).flatMap((dataset) => dataset ?? []);
}

/** Notes the data as inputs of the run; the server knows those that it has by name and digest. */
export async function sendDatasets(client: MlflowClient, id: string, cursor: Cursor, run: RunFacts): Promise<void> {
  for (const dataset of await datasetsOf(run)) {
    const tags = [{ key: 'mlflow.data.context', value: 'training' }];
    await cursor.once(`dataset ${dataset.name}`, JSON.stringify(dataset), async () => {
      await client.post(z.object({}), 'runs/log-inputs', { run_id: id, datasets: [{ tags, dataset }] });
    });
  }
}
