import { isJointStep } from '../joint-step.js';
import type { NamedStep } from './steps.js';

/**
 * The stages of a pipeline, one after the other; the tasks of a stage are independent. For steps local₁, joint₁, local₂:
 *
 *   read      a task for some files: documents, into buckets by id
 *   judge-0   a task for each bucket: sorts its documents; local₁; joint₁ tells
 *   find-1    a task for each part of the groups: joint₁ finds
 *   decide-1  one task: joint₁ decides
 *   judge-1   a task for each bucket: joint₁ judges; local₂; writes the shard
 *   finish    one task: counts, card
 */
export type Stage =
  | { readonly kind: 'read'; readonly name: string }
  | JudgeStage
  | { readonly kind: 'find' | 'decide'; readonly name: string; readonly joint: number; readonly told: string }
  | { readonly kind: 'finish'; readonly name: string; readonly last: string };

export interface JudgeStage {
  readonly kind: 'judge';
  readonly name: string;
  /** The step whose decisions are applied first, with the stages that told and decided; absent in `judge-0`. */
  readonly judged?: { readonly joint: number; readonly told: string; readonly decide: string };
  /** Local steps, by number. */
  readonly local: readonly number[];
  /** The joint step that is told at the end; absent where shards are written. */
  readonly next?: number;
}

export function stagesOf(steps: readonly NamedStep[]): readonly Stage[] {
  const stages: Stage[] = [{ kind: 'read', name: 'read' }];
  let judged: JudgeStage['judged'];
  let local: number[] = [];
  let count = 0;
  const judge = (next?: number): string => {
    const name = `judge-${count}`;
    stages.push({
      kind: 'judge',
      name,
      local,
      ...(judged === undefined ? {} : { judged }),
      ...(next === undefined ? {} : { next }),
    });
    local = [];
    return name;
  };
  steps.forEach(({ step }, index) => {
    if (!isJointStep(step)) {
      local.push(index);
      return;
    }
    const told = judge(index);
    count++;
    const decide = `decide-${count}`;
    stages.push({ kind: 'find', name: `find-${count}`, joint: index, told });
    stages.push({ kind: 'decide', name: decide, joint: index, told });
    judged = { joint: index, told, decide };
  });
  stages.push({ kind: 'finish', name: 'finish', last: judge() });
  return stages;
}

/** The numbers of the steps that a stage runs. */
export function stepsOfStage(stage: Stage): readonly number[] {
  if (stage.kind === 'find' || stage.kind === 'decide') return [stage.joint];
  if (stage.kind !== 'judge') return [];
  return [
    ...(stage.judged === undefined ? [] : [stage.judged.joint]),
    ...stage.local,
    ...(stage.next === undefined ? [] : [stage.next]),
  ];
}
