import * as tf from '@tensorflow/tfjs';
import type { Group } from '../engine/group.js';
import { TrainbookError } from '../error.js';
import { describeOrigin } from './batch-origin.js';
import type { BatchOrigin } from './batch-origin.js';
import type { Position } from './checkpoints/checkpoint-state.js';
import { reportSaves } from './checkpoints/saver.js';
import type { Saver } from './checkpoints/saver.js';
import type { OnTrainEvent } from './event.js';
import type { Feed } from './feed.js';
import type { Loss } from './loss.js';
import type { Optimizer } from './optimizers/optimizer.js';
import type { Plan } from './plan.js';
import type { PartTraining } from './start-part.js';
import type { StepResult } from './step.js';
import type { TrainingLength } from './train.js';
import { afterLoss, afterScore, afterSkip, spikeLimit, unwatched } from './watch.js';
import type { Watch } from './watch.js';

/** What a loop needs beside the training. */
export interface LoopOptions<Weights, B> {
  readonly loss: Loss<Weights, B>;
  readonly plan: Plan;
  readonly length: TrainingLength;
  readonly optimizer: Optimizer;
  readonly feed: Feed<B>;
  /** Where an earlier process left off. */
  readonly from: Pick<Position, 'step' | 'watch'> | undefined;
  /** The last step of this part of the training. Default: the last one of all. */
  readonly until?: number | undefined;
  readonly evaluate: ((step: number) => Promise<Readonly<Record<string, number>>>) | undefined;
  /** Writes checkpoints, where this process has a folder for them. */
  readonly saver: Saver | undefined;
  readonly on: OnTrainEvent;
  readonly signal: AbortSignal | undefined;
  readonly savedTo: string | undefined;
  readonly group: Group | undefined;
}

/** How a loop ended. */
export interface LoopEnd {
  readonly watch: Watch;
  /** Whether the whole training is over, not only this part of it. */
  readonly over: boolean;
}

/**
 * Step, evaluation, checkpoint, until the last step or until no evaluation is better any more; the next batch is made while a step
 * runs, where it can be. A training is saved, and stops when it is interrupted, only after the last of the steps that share a batch of
 * the loader. One process of a group goes through the same steps as one that is alone.
 */
export async function runLoop<Weights, B>(
  training: Pick<PartTraining<Weights, B>, 'step'>,
  options: LoopOptions<Weights, B>,
): Promise<LoopEnd> {
  const { loss, plan, length, optimizer, feed, evaluate, saver, on, signal, group } = options;
  const { steps } = length;
  const { until = steps } = options;
  let watch = options.from?.watch ?? unwatched;
  const firstStep = (options.from?.step ?? 0) + 1;
  if (exhausted(watch, plan)) return { watch, over: true };
  for (let step = firstStep; step <= until; step++) {
    const { batch, cursor, origin, memory } = await feed.at(step);
    const started = performance.now();
    const limit = plan.spike === undefined ? Infinity : spikeLimit(watch, plan.spike.deviations);
    const running = training.step(batch, step, plan.spike?.action === 'skip' ? { loss: limit } : {});
    if (step < until) feed.ahead();
    const result = await running;
    const seconds = (performance.now() - started) / 1000;
    watch = judged(watch, result, { step, limit, plan, origin, on });
    const scalars = optimizer.scalars(step);
    const size = loss.size(batch) * (group?.size ?? 1);
    on({ type: 'step', step, steps, result, scalars, seconds, compiles: step === firstStep, size, unit: loss.unit });
    if (evaluate && (step % plan.evaluateEvery === 0 || step === steps)) {
      const scores = await agreed(await evaluate(step), group);
      on({ type: 'evaluation', step, scores });
      if (plan.best) watch = afterScore(watch, scoreOf(scores, plan.best.metric), step, plan.best);
    }
    const between = step % feed.steps !== 0;
    const interrupted = !between && (await anyOf(signal?.aborted === true, group));
    const over = step === steps || exhausted(watch, plan);
    const ofPart = step === until && until < steps; // what the next part begins with
    const isSaved = step % plan.checkpointEvery === 0 || interrupted || ofPart || watch.best?.step === step;
    if (isSaved && !between) await saver?.begin({ step, cursor, watch, memory });
    if (interrupted || over || ofPart) await saver?.settle();
    reportSaves(saver, on, interrupted && !over ? step : undefined); // a training that is over has its weights to give
    if (interrupted && !over) throw interruption(step, steps, options.savedTo);
    if (over) {
      on({ type: 'end', step, reason: step === steps ? 'done' : 'no better score' });
      return { watch, over };
    }
  }
  return { watch, over: until === steps };
}

/** Whether the best score is too long ago. */
function exhausted({ waited }: Watch, { best }: Plan): boolean {
  return best?.patience !== undefined && waited >= best.patience;
}

interface Judging {
  readonly step: number;
  readonly limit: number;
  readonly plan: Plan;
  readonly origin: BatchOrigin;
  readonly on: OnTrainEvent;
}

/** Steps in a row that may be left out. A loss scale finds its place in fewer, from 2¹⁶ down to 2⁻²⁴. */
const mostSkipped = 50;

/** What is remembered of a step. A step that stands out is told, and ends the training if the plan says so. */
function judged(watch: Watch, result: StepResult, { step, limit, plan, origin, on }: Judging): Watch {
  const { loss, gradientNorm, skipped } = result;
  const finite = Number.isFinite(loss) && Number.isFinite(gradientNorm);
  if (!finite && !skipped) throw notFinite(result, step, origin);
  const of = (): { rows: string; documents: readonly string[] } => ({
    rows: origin.rows,
    documents: origin.documents(),
  });
  if (finite && loss > limit) {
    on({ type: 'spike', step, loss, limit, ...of() });
    if (plan.spike?.action === 'stop') throw spiked(loss, limit, step, origin);
  }
  if (!skipped) return afterLoss(watch, loss);
  on({ type: 'skip', step, loss, gradientNorm, ...of() });
  // With a loss scale a step that overflows is the way the scale finds its place, not a fault of the data.
  if (!finite && result.lossScale === undefined && plan.notFinite === 'stop') throw notFinite(result, step, origin);
  const after = afterSkip(watch);
  if (after.skippedInRow > mostSkipped) throw stuck(result, step, origin);
  return after;
}

function notFinite({ loss, gradientNorm }: StepResult, step: number, origin: BatchOrigin): TrainbookError {
  return new TrainbookError({
    what: `train: at step ${step} the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not a number`,
    received: `loss ${loss}, gradient norm ${gradientNorm}, on ${describeOrigin(origin)}`,
    expected: 'finite numbers',
    fix: "lower learningRate, lengthen warmupSteps, or look at these rows; plan.notFinite: 'skip' leaves such steps out",
  });
}

function spiked(loss: number, limit: number, step: number, origin: BatchOrigin): TrainbookError {
  return new TrainbookError({
    what: `train: at step ${step} the loss stands out`,
    received: `loss ${loss.toFixed(4)}, on ${describeOrigin(origin)}`,
    expected: `at most ${limit.toFixed(4)}, as plan.spike says`,
    fix: "look at these rows; plan.spike.action 'record' goes on, 'skip' leaves such steps out",
  });
}

function stuck({ loss, gradientNorm }: StepResult, step: number, origin: BatchOrigin): TrainbookError {
  return new TrainbookError({
    what: `train: the steps up to step ${step} were all left out, so nothing is learned any more`,
    received: `${mostSkipped + 1} steps in a row; the last with loss ${loss}, gradient norm ${gradientNorm}, on ${describeOrigin(origin)}`,
    expected: `at most ${mostSkipped}`,
    fix: 'look at these rows, lower learningRate, or raise plan.spike.deviations',
  });
}

/** @throws TrainbookError if the plan's metric is not among the scores. */
function scoreOf(scores: Readonly<Record<string, number>>, metric: string): number {
  const score = scores[metric];
  if (score !== undefined) return score;
  throw new TrainbookError({
    what: 'train: the evaluation gives no such number (plan.best.metric)',
    received: metric,
    expected: Object.keys(scores).join(', ') || 'numbers',
    fix: 'give heldOut, or an evaluate that returns it',
  });
}

/** The mean over the group, so that all members decide alike. */
async function agreed(
  scores: Readonly<Record<string, number>>,
  group: Group | undefined,
): Promise<Readonly<Record<string, number>>> {
  const names = Object.keys(scores);
  if (group === undefined || group.size === 1 || names.length === 0) return scores;
  const own = tf.tensor1d(Object.values(scores));
  const [mean] = await group.allReduce([own], 'mean');
  const numbers = (await mean?.data()) ?? [];
  tf.dispose([own, ...(mean ? [mean] : [])]);
  return Object.fromEntries(names.map((name, index) => [name, numbers[index] ?? NaN]));
}

/** Whether it holds in any member of the group. */
async function anyOf(holds: boolean, group: Group | undefined): Promise<boolean> {
  if (group === undefined || group.size === 1) return holds;
  const scores = await agreed({ holds: holds ? 1 : 0 }, group);
  return (scores['holds'] ?? 0) > 0;
}

function interruption(step: number, steps: number, savedTo: string | undefined): DOMException {
  const where =
    savedTo === undefined ? 'nothing was saved, since no folder for checkpoints was given' : `saved in ${savedTo}`;
  return new DOMException(`train: interrupted after step ${step} of ${steps}; ${where}`, 'AbortError');
}
