import { z } from 'zod';
import type { Cursor } from '../cursor.js';
import { flatten } from '../flatten.js';
import type { RunFacts } from '../run-facts.js';
import type { Delivery, Sink } from '../sink.js';
import { sendAblation } from './ablation.js';
import { filesOf, sendFiles } from './artifacts.js';
import { MlflowClient } from './client.js';
import type { MlflowServer } from './client.js';
import { sendDatasets } from './datasets.js';
import { sendMetrics } from './metrics.js';
import { limits, mlflowName, shortened } from './names.js';
import { modelStage, registerModel, sendModel } from './registry.js';
import { endTwins, findOrMakeRun, tagList } from './run.js';
import type { RemoteRun, Tags } from './run.js';

export interface MlflowOptions {
  /** The experiment's name on the server; that of the run if not given. */
  readonly experiment?: string;
  /** Sends the weights of the run's model too. */
  readonly weights?: boolean;
  /** Registers the model of a finished run under this name. */
  readonly register?: { readonly name: string; readonly stage?: string };
  /** Milliseconds until a request counts as not answered. */
  readonly patience?: number;
}

const states = { running: 'RUNNING', done: 'FINISHED', failed: 'FAILED', interrupted: 'KILLED' } as const;

/**
 * Runs on an MLflow tracking server, over its REST API: params, metrics, tags, data, files, nested runs for ablations, registered
 * models.
 *
 * @example
 * const sink = mlflowSink(mlflowServer('http://127.0.0.1:5000', process.env));
 * await sendRun(run.folder, sink, { signal });
 */
export function mlflowSink(server: MlflowServer, options: MlflowOptions = {}): Sink {
  const target = options.experiment === undefined ? server.uri : `${server.uri} ${options.experiment}`;
  let isChecked = false;
  return {
    name: 'mlflow',
    target,
    repeats: 'differing',
    async send(delivery) {
      const client = new MlflowClient(server, delivery.signal, options.patience);
      if (!isChecked) await client.checkVersion();
      isChecked = true;
      await sendRunTo(client, target, delivery, options);
    },
    link(cursor) {
      const [experiment, run] = [cursor.remote('experiment'), cursor.remote('run')];
      if (experiment === undefined || run === undefined) return undefined;
      return `${server.uri}/#/experiments/${experiment}/runs/${run}`;
    },
  };
}

async function sendRunTo(
  client: MlflowClient,
  target: string,
  delivery: Delivery,
  options: MlflowOptions,
): Promise<void> {
  const { run, cursor, feed, isLive } = delivery;
  const experimentName = options.experiment ?? run.spec.experiment;
  const remote = await findOrMakeRun(client, cursor, {
    experimentName,
    identity: run.identity,
    name: run.spec.runId,
    startTime: Date.parse(run.spec.createdAt),
    tags: tagsOf(run),
    bytes: await feed.size(),
  });
  await sendParams(client, remote.id, cursor, run);
  await sendMembership(client, remote.id, target, experimentName, delivery);
  await sendMetrics(client, remote.id, cursor, feed, remote.knownTo);
  await sendDatasets(client, remote.id, cursor, run);
  const isOver = !isLive && run.status.state !== 'running';
  if (isOver) await sendEnd(client, remote, delivery, options);
  await sendState(client, remote.id, cursor, run, isOver);
}

export function tagsOf({ spec, path, environment }: RunFacts): Tags {
  const { git, packages = {} } = environment;
  return {
    'mlflow.source.name': spec.file ?? '',
    'mlflow.source.type': 'LOCAL',
    'mlflow.source.git.commit': git?.commit ?? '',
    'trainbook.run': path,
    'trainbook.experiment': spec.experiment,
    'trainbook.code': spec.code,
    'trainbook.numeric-class': spec.numericClass,
    'trainbook.seed': String(spec.seed),
    'trainbook.version': packages['trainbook'] ?? '',
    'trainbook.dirty': git?.dirty === true ? 'true' : '',
  };
}

/** The config as params, and the seed; they never change. What is too long is whole in the file `spec.json`. */
async function sendParams(client: MlflowClient, id: string, cursor: Cursor, { spec }: RunFacts): Promise<void> {
  const leaves = flatten(spec.config);
  if (!leaves.has('seed')) leaves.set('seed', spec.seed);
  const params = [...leaves]
    .map(([path, value]) => ({ key: mlflowName(path), value: shortened(String(value), limits.param) }))
    .filter(({ value }) => value !== '');
  await cursor.once('params', JSON.stringify(params), async () => {
    for (let from = 0; from < params.length; from += limits.paramsInBatch) {
      const batch = params.slice(from, from + limits.paramsInBatch);
      await client.post(z.object({}), 'runs/log-batch', { run_id: id, params: batch });
    }
  });
}

/** Nests a run of an ablation in the ablation's own. */
async function sendMembership(
  client: MlflowClient,
  id: string,
  target: string,
  experimentName: string,
  { run: { membership }, cursor, isLive }: Delivery,
): Promise<void> {
  if (membership === undefined) return;
  const { spec, arm, seed } = membership;
  const content = JSON.stringify([spec.name, spec.id, arm.name, seed]);
  if (isLive && cursor.has('membership', content)) return;
  const parent = await sendAblation(client, membership, experimentName, target);
  await cursor.once('membership', content, async () => {
    const tags = tagList({
      'mlflow.parentRunId': parent,
      'mlflow.runName': `${arm.name}, seed ${seed}`,
      'trainbook.ablation': `${spec.name}/${spec.id}`,
      'trainbook.arm': arm.name,
    });
    await client.post(z.object({}), 'runs/log-batch', { run_id: id, tags });
  });
}

/** What goes when a run has its end: its files, and its model where that is asked for. */
async function sendEnd(
  client: MlflowClient,
  remote: RemoteRun,
  { cursor, run, note }: Delivery,
  { weights = false, register }: MlflowOptions,
): Promise<void> {
  await endTwins(client, cursor, remote);
  const numLeft = await sendFiles(client, remote, cursor, run.folder, await filesOf(run.folder));
  if (numLeft > 0)
    note(`${numLeft} files were not sent: the server keeps artifacts at ${remote.artifacts}, out of our reach`);
  if (run.status.state !== 'done') return;
  if (weights && register === undefined) await sendModel(client, remote, cursor, run, modelStage(run, undefined));
  if (register !== undefined) {
    const { name, version } = await registerModel(client, remote, cursor, run, register);
    await cursor.save({ remote: { model: `${name} version ${version}` } });
  }
}

async function sendState(
  client: MlflowClient,
  id: string,
  cursor: Cursor,
  { status }: RunFacts,
  isOver: boolean,
): Promise<void> {
  const state = isOver ? states[status.state] : 'RUNNING';
  // a run that was killed has no end: that of its last sign of life is not known
  const end = isOver ? { end_time: status.endedAt === undefined ? Date.now() : Date.parse(status.endedAt) } : {};
  const error = isOver ? (status.error ?? '') : '';
  await cursor.once('state', JSON.stringify([state, status.endedAt ?? '']), async () => {
    if (error !== '') {
      await client.post(z.object({}), 'runs/log-batch', { run_id: id, tags: tagList({ 'trainbook.error': error }) });
    }
    await client.post(z.object({}), 'runs/update', { run_id: id, status: state, ...end });
  });
}
