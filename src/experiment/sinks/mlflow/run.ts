import { z } from 'zod';
import { TrainbookError } from '../../../error.js';
import type { Cursor } from '../cursor.js';
import { Unreachable } from '../sink.js';
import { Refusal } from './client.js';
import type { MlflowClient } from './client.js';
import { limits, shortened } from './names.js';

const infoSchema = z.looseObject({
  run_id: z.string(),
  artifact_uri: z.string().default(''),
  lifecycle_stage: z.string().default('active'),
});
const runSchema = z.looseObject({ info: infoSchema });
const foundSchema = z.object({ runs: z.array(runSchema).default([]) });
const experimentSchema = z.object({
  experiment: z.looseObject({ experiment_id: z.string(), lifecycle_stage: z.string().default('active') }),
});

export type Tags = Readonly<Record<string, string>>;

/** Tags as MLflow takes them; those without text are left out. */
export function tagList(tags: Tags): { key: string; value: string }[] {
  return Object.entries(tags)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => ({ key, value: shortened(value, limits.tag) }));
}

/** The id of an experiment by its name; makes one that is missing. */
export async function experimentId(client: MlflowClient, name: string): Promise<string> {
  const find = async (): Promise<string | undefined> => {
    try {
      const { experiment } = await client.get(experimentSchema, 'experiments/get-by-name', { experiment_name: name });
      if (experiment.lifecycle_stage === 'active') return experiment.experiment_id;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
    throw new TrainbookError({
      what: 'mlflow: the experiment was deleted on the server',
      received: name,
      expected: 'an experiment that takes runs',
      fix: 'restore it in MLflow, or set MLFLOW_EXPERIMENT_NAME to another name',
    });
  };
  const found = await find();
  if (found !== undefined) return found;
  try {
    const made = z.object({ experiment_id: z.string() });
    return (await client.post(made, 'experiments/create', { name })).experiment_id;
  } catch (error) {
    // another process was quicker
    const meanwhile = error instanceof Refusal && error.code === 'RESOURCE_ALREADY_EXISTS' ? await find() : undefined;
    if (meanwhile === undefined) throw error;
    return meanwhile;
  }
}

/** The tag by which a run of ours is found again. */
const identityTag = 'trainbook.identity';

async function findRuns(
  client: MlflowClient,
  experiment: string,
  identity: string,
): Promise<z.infer<typeof infoSchema>[]> {
  const { runs } = await client.post(foundSchema, 'runs/search', {
    experiment_ids: [experiment],
    filter: `tags.\`${identityTag}\` = '${identity}'`,
    run_view_type: 'ALL',
    max_results: 100,
  });
  // one of a set that each process would choose
  return runs.map(({ info }) => info).sort((a, b) => (a.run_id < b.run_id ? -1 : 1));
}

export interface RemoteRun {
  readonly id: string;
  readonly artifacts: string;
  readonly experiment: string;
  /** Metrics of bytes before this the server may have, though the cursor does not know. */
  readonly knownTo: number;
}

export interface WantedRun {
  readonly experimentName: string;
  readonly identity: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly tags: Tags;
  /** Bytes of the run's metrics now. */
  readonly bytes: number;
}

/**
 * The run on the server that stands for ours: the one that the cursor names, else one with our tag, else a new one. A request to
 * make one may be carried out though its answer is lost, late even; so after such a request twins are looked for, and all but one
 * are deleted: they are empty.
 */
export async function findOrMakeRun(client: MlflowClient, cursor: Cursor, wanted: WantedRun): Promise<RemoteRun> {
  const known = cursor.remote('run');
  if (known !== undefined) return remoteRun(cursor, known);
  const experiment = await experimentId(client, wanted.experimentName);
  const adopt = async (info: z.infer<typeof infoSchema>, knownTo: number): Promise<RemoteRun> => {
    const remote = { run: info.run_id, artifacts: info.artifact_uri, experiment, knownTo: String(knownTo) };
    await cursor.save({ remote });
    return remoteRun(cursor, info.run_id);
  };
  const active = (await findRuns(client, experiment, wanted.identity)).filter(isActive);
  const [found] = active;
  if (found !== undefined) {
    if (cursor.remote('unclear') !== undefined) await deleteTwins(client, active.slice(1));
    return adopt(found, wanted.bytes);
  }
  try {
    const { run } = await client.post(z.object({ run: runSchema }), 'runs/create', {
      experiment_id: experiment,
      run_name: wanted.name,
      start_time: wanted.startTime,
      tags: tagList({ ...wanted.tags, [identityTag]: wanted.identity }),
    });
    return await adopt(run.info, 0);
  } catch (error) {
    if (error instanceof Unreachable && error.unclear) await cursor.save({ remote: { unclear: wanted.identity } });
    throw error;
  }
}

/** Looks for twins once more, at the end of a run whose making was unclear. */
export async function endTwins(client: MlflowClient, cursor: Cursor, run: RemoteRun): Promise<void> {
  const identity = cursor.remote('unclear');
  if (identity === undefined || identity === '') return;
  const twins = (await findRuns(client, run.experiment, identity)).filter(isActive);
  await deleteTwins(
    client,
    twins.filter((twin) => twin.run_id !== run.id),
  );
  await cursor.save({ remote: { unclear: '' } });
}

const isActive = ({ lifecycle_stage }: z.infer<typeof infoSchema>): boolean => lifecycle_stage === 'active';

async function deleteTwins(client: MlflowClient, twins: readonly z.infer<typeof infoSchema>[]): Promise<void> {
  for (const { run_id } of twins) await client.post(z.object({}), 'runs/delete', { run_id });
}

function remoteRun(cursor: Cursor, id: string): RemoteRun {
  const [artifacts = '', experiment = '', knownTo = '0'] = ['artifacts', 'experiment', 'knownTo'].map((name) =>
    cursor.remote(name),
  );
  return { id, artifacts, experiment, knownTo: Number(knownTo) };
}
