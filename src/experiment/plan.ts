import type { PlannedStage } from './event.js';
import { findTrace, stageOf } from './session.js';
import type { Identity } from './session.js';
import { readTraces } from './traces.js';

/**
 * About how many seconds a stage will take: the newest trace of a stage of this name (of this experiment, if it has one),
 * scaled by the stage's own estimates of both; without a trace that estimate; undefined without either.
 */
async function estimateSeconds(identity: Identity, name: string): Promise<number | undefined> {
  const own = await stageOf(identity.experiment, name).estimate?.(identity.config as never);
  const traces = await readTraces(identity.store.folder, name);
  const last = traces.find((trace) => trace.experiment === identity.experiment.name) ?? traces[0];
  if (last === undefined) return own;
  return own === undefined || last.estimate === undefined || last.estimate <= 0
    ? last.seconds
    : (last.seconds * own) / last.estimate;
}

/**
 * What a run would do, stage by stage, and why; runs nothing. A stage after one that runs is taken to run too, though it
 * is found cached in the end if the artifact it reads comes out the same.
 */
export async function planStages(identity: Identity, stages: readonly string[]): Promise<PlannedStage[]> {
  const artifacts = new Map<string, string>();
  const plan: PlannedStage[] = [];
  for (const stage of stages) {
    const found = await findTrace(identity, stage, (name) => Promise.resolve(artifacts.get(name)));
    if ('trace' in found) {
      artifacts.set(stage, found.trace.artifact);
      plan.push({ stage, action: 'cached', reason: `as in run ${found.trace.run}`, seconds: 0 });
    } else {
      plan.push({ stage, action: 'run', reason: found.reason, seconds: await estimateSeconds(identity, stage) });
    }
  }
  return plan;
}

/** The seconds of all stages together; undefined if one of them is not known. */
export function totalSeconds(plan: readonly PlannedStage[]): number | undefined {
  return plan.reduce<number | undefined>(
    (total, { seconds }) => (total === undefined || seconds === undefined ? undefined : total + seconds),
    0,
  );
}
