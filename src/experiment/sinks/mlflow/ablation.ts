import { z } from 'zod';
import { readAblation } from '../../ablations/cells.js';
import type { Membership } from '../../ablations/membership.js';
import type { Arm } from '../../ablations/record.js';
import { withLock } from '../../lock.js';
import { hash } from '../../../files.js';
import { Cursor } from '../cursor.js';
import { sendFiles } from './artifacts.js';
import type { MlflowClient } from './client.js';
import { limits, mlflowName, shortened } from './names.js';
import { findOrMakeRun } from './run.js';
import type { RemoteRun } from './run.js';

/**
 * Brings the run that stands for a whole ablation up to its folder, and gives its id: the runs of its cells are nested in it. Several
 * processes send cells at once: one at a time sees to this run.
 */
export async function sendAblation(
  client: MlflowClient,
  { folder, spec }: Pick<Membership, 'folder' | 'spec'>,
  experimentName: string,
  target: string,
): Promise<string> {
  const lock = `${Cursor.pathOf(folder, 'mlflow', target)}.lock`;
  const send = async (): Promise<string> => {
    const cursor = await Cursor.open(folder, 'mlflow', target);
    const startTime = Date.parse(spec.createdAt);
    const run = await findOrMakeRun(client, cursor, {
      experimentName,
      identity: hash(JSON.stringify(['ablation', spec.name, spec.id, spec.createdAt])),
      name: `${spec.name} ${spec.id}`,
      startTime,
      tags: {
        'trainbook.ablation': `${spec.name}/${spec.id}`,
        'trainbook.experiment': spec.experiment,
        'trainbook.code': spec.code,
        'trainbook.numeric-class': spec.numericClass,
        'mlflow.source.name': spec.file ?? '',
        'mlflow.source.type': 'LOCAL',
      },
      bytes: 0,
    });
    const params = paramsOf(spec).map(([key, value]) => ({ key, value: shortened(value, limits.param) }));
    await cursor.once('params', JSON.stringify(params), async () => {
      await client.post(z.object({}), 'runs/log-batch', { run_id: run.id, params });
    });
    await sendFiles(client, run, cursor, folder, ['ablation.json']);
    await endAblation(client, run, cursor, { folder, arms: spec.arms, time: startTime });
    return run.id;
  };
  return withLock(lock, send, client.signal);
}

function paramsOf(spec: Membership['spec']): [string, string][] {
  return [
    ['measure', spec.measure],
    ['better', spec.better],
    ['design', spec.design.kind],
    ['seeds', JSON.stringify(spec.seeds)],
    ['arms', String(spec.arms.length)],
    ['baseline', spec.baseline],
    ...spec.axes.map(({ path, values }): [string, string] => [mlflowName(`axis ${path}`), JSON.stringify(values)]),
  ];
}

/** When each cell has its end: the mean of each arm, and that the whole is finished. */
async function endAblation(
  client: MlflowClient,
  run: RemoteRun,
  cursor: Cursor,
  { folder, arms, time }: { readonly folder: string; readonly arms: readonly Arm[]; readonly time: number },
): Promise<void> {
  const { cells } = await readAblation(folder);
  const isOver = cells.length > 0 && cells.every(({ state }) => !['waiting', 'running'].includes(state));
  const state = isOver ? 'FINISHED' : 'RUNNING';
  if (isOver) {
    const metrics = arms.flatMap(({ name: arm }) => {
      const values = cells.flatMap((cell) => (cell.arm === arm && cell.state === 'done' ? (cell.value ?? []) : []));
      const value = values.reduce((sum, each) => sum + each, 0) / values.length;
      // one time for all that is ever sent of it: a database keeps one of two equal numbers
      return values.length === 0 ? [] : [{ key: mlflowName(`mean/${arm}`), value, timestamp: time, step: 0 }];
    });
    await cursor.once('means', JSON.stringify(metrics), async () => {
      if (metrics.length > 0) await client.post(z.object({}), 'runs/log-batch', { run_id: run.id, metrics });
    });
  }
  await cursor.once('state', state, async () => {
    const end = isOver ? { end_time: Date.now() } : {};
    await client.post(z.object({}), 'runs/update', { run_id: run.id, status: state, ...end });
  });
}
