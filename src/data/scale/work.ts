import type { Input } from '../read/inputs.js';
import type { ReadOptions } from '../read/options.js';
import type { Step } from '../step.js';
import type { Plan } from './plan.js';
import { stagesOf } from './stage.js';
import type { Stage } from './stage.js';
import { makeSteps, namedSteps } from './steps.js';
import type { NamedStep, Whereabouts } from './steps.js';

/** What a thread must know to do any task: it travels. */
export interface Job {
  readonly folder: string;
  readonly plan: Plan;
  readonly inputs: readonly Input[];
  readonly read: ReadOptions;
  readonly steps: readonly (Whereabouts | undefined)[];
}

/** A job in a thread, its steps made. */
export interface Work {
  readonly folder: string;
  readonly plan: Plan;
  readonly inputs: readonly Input[];
  readonly read: ReadOptions;
  readonly steps: readonly NamedStep[];
  readonly stages: readonly Stage[];
}

/** @param steps where they are at hand; else they are made */
export async function openWork({ folder, plan, inputs, read, ...job }: Job, steps?: readonly Step[]): Promise<Work> {
  const made =
    steps ??
    (await makeSteps(
      job.steps,
      plan.steps.map(({ name }) => name),
    ));
  const named = namedSteps(made);
  return { folder, plan, inputs, read, steps: named, stages: stagesOf(named) };
}

export function numTasks({ kind }: Stage, plan: Plan): number {
  if (kind === 'read') return plan.tasks.length;
  return kind === 'judge' || kind === 'find' ? plan.shards : 1;
}
