import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainbookError } from '../../../error.js';
import type { Cursor } from '../cursor.js';
import type { RunFacts } from '../run-facts.js';
import { sendFiles } from './artifacts.js';
import { Refusal } from './client.js';
import type { MlflowClient } from './client.js';
import type { RemoteRun } from './run.js';

const versionSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  run_id: z.string().default(''),
  tags: z.array(z.object({ key: z.string(), value: z.string().default('') })).default([]),
});
const versionsSchema = z.object({ model_versions: z.array(versionSchema).default([]) });

/** The stage whose model a run is known for: the one named, else the last that made a model. */
export function modelStage(run: RunFacts, stage: string | undefined): RunFacts['lineage'][number] {
  const models = run.lineage.filter(({ kind }) => kind === 'model' || kind === 'encoder');
  const found = stage === undefined ? models.at(-1) : run.lineage.find((each) => each.stage === stage);
  if (found !== undefined) return found;
  throw new TrainbookError({
    what: `mlflow: run ${run.path} has no model to register`,
    received: stage === undefined ? 'no stage that made a model' : `stage ${stage}`,
    expected:
      run.lineage.length === 0
        ? 'a run that has finished'
        : `one of ${run.lineage.map((each) => each.stage).join(', ')}`,
  });
}

/** Uploads what a stage made, weights and all, to `models/<stage>/` of the run. */
export async function sendModel(
  client: MlflowClient,
  remote: RemoteRun,
  cursor: Cursor,
  run: RunFacts,
  { stage, artifact }: RunFacts['lineage'][number],
): Promise<void> {
  const folder = join(run.runsFolder, 'store', artifact);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) {
    throw new TrainbookError({
      what: `mlflow: what stage ${stage} of run ${run.path} made is not in the store`,
      received: folder,
      expected: 'the artifact that its lineage names',
      fix: 'npx trainbook run makes it again',
    });
  }
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    );
  const numLeft = await sendFiles(client, remote, cursor, folder, files.sort(), `models/${stage}`);
  if (numLeft === 0) return;
  throw new TrainbookError({
    what: 'mlflow: this server does not take files over its own address',
    received: `artifacts at ${remote.artifacts}`,
    expected: 'artifacts at mlflow-artifacts:/…',
    fix: 'start it with --artifacts-destination, or make a new experiment that has no place of its own',
  });
}

/**
 * Registers the model of a run: a version whose source is the run's uploaded artifact, with the run and the artifact's hash as tags.
 * A version of the same run and artifact that is there stays the only one.
 */
export async function registerModel(
  client: MlflowClient,
  remote: RemoteRun,
  cursor: Cursor,
  run: RunFacts,
  { name, stage }: { readonly name: string; readonly stage?: string },
): Promise<{ readonly name: string; readonly version: string }> {
  const made = modelStage(run, stage);
  await sendModel(client, remote, cursor, run, made);
  await client.post(z.object({}), 'registered-models/create', { name }).catch((error: unknown) => {
    if (!(error instanceof Refusal && error.code === 'RESOURCE_ALREADY_EXISTS')) throw error;
  });
  const filter = `name = '${name.replaceAll("'", String.raw`\'`)}' AND run_id = '${remote.id}'`;
  const { model_versions } = await client.get(versionsSchema, 'model-versions/search', { filter, max_results: '1000' });
  const before = model_versions.find(({ tags }) =>
    tags.some(({ key, value }) => key === 'trainbook.artifact' && value === made.artifact),
  );
  if (before !== undefined) return { name, version: before.version };
  const tags = {
    'trainbook.run': run.path,
    'trainbook.stage': made.stage,
    'trainbook.artifact': made.artifact,
    'trainbook.parents': made.parents.join(' '),
    'trainbook.code': run.spec.code,
    'trainbook.numeric-class': run.spec.numericClass,
  };
  const { model_version } = await client.post(z.object({ model_version: versionSchema }), 'model-versions/create', {
    name,
    source: `${remote.artifacts}/models/${made.stage}`,
    run_id: remote.id,
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  });
  return { name, version: model_version.version };
}
