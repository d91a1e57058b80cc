import { resolve } from 'node:path';
import { fold, key } from '../engine/key.js';
import type { Group } from '../engine/group.js';
import type { ExperimentDefinition } from './experiment.js';
import { receiveOrder } from './leading.js';
import { configOf } from './run.js';
import type { RunOptions } from './run.js';
import { stageOf } from './session.js';
import { Store } from './store.js';

/**
 * What members of a group other than 0 do while that one runs an experiment: the stages that take `group`, along with it, and nothing else.
 * They write no record, no artifact and no metrics; the runs folder is one that all members see.
 *
 * @example
 * if (group.index > 0) await followRun(quickstart, options, group);
 */
export async function followRun(experiment: ExperimentDefinition, options: RunOptions, group: Group): Promise<void> {
  const config = configOf(experiment, options);
  const { seed = 1, signal = new AbortController().signal } = options;
  const codecs = options.codecs ?? (await import('./codecs.js')).codecs;
  const store = new Store(resolve(options.runsFolder ?? 'runs', 'store'), codecs);
  for (;;) {
    const order = await receiveOrder(group);
    if (order.do === 'end') return;
    if (order.do === 'wait') continue;
    const artifacts: Record<string, unknown> = {};
    for (const [name, hash] of Object.entries(order.artifacts)) artifacts[name] = await store.get(hash);
    const tools = {
      config: structuredClone(config),
      key: fold(key(seed), order.stage),
      checkpoints: order.checkpoints,
      metrics: () => undefined,
      progress: () => undefined,
      signal,
      group,
    };
    let result: unknown;
    try {
      result = await stageOf(experiment, order.stage).run({ ...tools, ...artifacts } as never);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) throw error; // members agree on an interrupt, and the run ends
    } finally {
      for (const value of Object.values(artifacts)) store.dispose(value);
    }
    if (result !== undefined && !Object.values(artifacts).includes(result)) store.dispose(result);
  }
}
