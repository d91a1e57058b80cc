import * as tf from '@tensorflow/tfjs';
import type { Group } from '../engine/group.js';
import { TrainbookError } from '../error.js';
import type { Cursor, Loader } from '../tokens/loader.js';
import { reportSaves } from './saver.js';
import type { Saver } from './saver.js';
import type { Position } from './checkpoint-state.js';
import type { OnTrainEvent } from './event.js';
import type { Loss } from './loss.js';
import type { Optimizer } from './optimizer.js';
import type { Plan } from './plan.js';
import type { StepResult, Training } from './step.js';
import type { TrainingLength } from './train.js';
import { afterLoss, afterScore, spikeLimit, unwatched } from './watch.js';
import type { Watch } from './watch.js';

/** What a loop needs beside the training. */
export interface LoopOptions<Weights, B> {
  readonly loss: Loss<Weights, B>;
  readonly plan: Plan;
  readonly length: TrainingLength;
  readonly optimizer: Optimizer;
  readonly batches: Loader<B>;
  /** Where an earlier process left off. */
  readonly from: Pick<Position, 'step' | 'watch'> | undefined;
  readonly evaluate: ((step: number) => Promise<Readonly<Record<string, number>>>) | undefined;
  /** Writes checkpoints, where this process has a folder for them. */
  readonly saver: Saver | undefined;
  readonly on: OnTrainEvent;
  readonly signal: AbortSignal | undefined;
  readonly savedTo: string | undefined;
  readonly group: Group | undefined;
}

/**
 * Step, evaluation, checkpoint, until the last step or until no evaluation is better any more; the next batch is made while a step
 * runs. One process of a group goes through the same steps as one that is alone.
 */
export async function runLoop<Weights, B>(
  training: Training<Weights, B>,
  options: LoopOptions<Weights, B>,
): Promise<void> {
  const { loss, plan, length, optimizer, batches, evaluate, saver, on, signal, group } = options;
  const { steps } = length;
  let watch = options.from?.watch ?? unwatched;
  const firstStep = (options.from?.step ?? 0) + 1;
  if (exhausted(watch, plan)) return;
  let batch = batches.next();
  let cursor = batches.cursor;
  for (let step = firstStep; step <= steps; step++) {
    const started = performance.now();
    const limit = plan.spike === undefined ? Infinity : spikeLimit(watch, plan.spike.deviations);
    const running = training.step(batch, step, plan.spike?.action === 'skip' ? { loss: limit } : {});
    const trained = cursor;
    const next = step < steps ? batches.next() : batch;
    const result = await running;
    const seconds = (performance.now() - started) / 1000;
    watch = judged(watch, result, { step, limit, plan, rows: rowsOf(trained, plan), on });
    const scalars = optimizer.scalars(step);
    const size = loss.size(batch) * (group?.size ?? 1);
    on({ type: 'step', step, steps, result, scalars, seconds, compiles: step === firstStep, size, unit: loss.unit });
    if (evaluate && (step % plan.evaluateEvery === 0 || step === steps)) {
      const scores = await agreed(await evaluate(step), group);
      on({ type: 'evaluation', step, scores });
      if (plan.best) watch = afterScore(watch, scoreOf(scores, plan.best.metric), step, plan.best);
    }
    const interrupted = await anyOf(signal?.aborted === true, group);
    const ends = step === steps || exhausted(watch, plan);
    const isSaved = step % plan.checkpointEvery === 0 || interrupted || watch.best?.step === step;
    if (isSaved) await saver?.begin({ step, cursor: trained, watch });
    if (interrupted || ends) await saver?.settle();
    reportSaves(saver, on, (interrupted || ends) && isSaved ? step : undefined);
    if (interrupted && !ends) throw interruption(step, steps, options.savedTo);
    if (ends) {
      on({ type: 'end', step, reason: step === steps ? 'done' : 'no better score' });
      return;
    }
    batch = next;
    cursor = batches.cursor;
  }
}

/** Whether the best score is too long ago. */
function exhausted({ waited }: Watch, { best }: Plan): boolean {
  return best?.patience !== undefined && waited >= best.patience;
}

interface Judging {
  readonly step: number;
  readonly limit: number;
  readonly plan: Plan;
  readonly rows: string;
  readonly on: OnTrainEvent;
}

/** What is remembered of a step. A step that stands out is told, and ends the training if the plan says so. */
function judged(watch: Watch, result: StepResult, { step, limit, plan, rows, on }: Judging): Watch {
  const { loss, gradientNorm, skipped } = result;
  const finite = Number.isFinite(loss) && Number.isFinite(gradientNorm);
  if (!finite && !skipped) throw notFinite(result, step, rows);
  const spikes = finite && loss > limit;
  if (spikes) {
    on({ type: 'spike', step, loss, limit, rows });
    if (plan.spike?.action === 'stop') throw spiked(loss, limit, step, rows);
  }
  if (!skipped) return afterLoss(watch, loss);
  on({ type: 'skip', step, loss, gradientNorm, rows });
  // With a loss scale a step that overflows is the way the scale finds its place, not a fault of the data.
  if (!finite && result.lossScale === undefined && plan.notFinite === 'stop') throw notFinite(result, step, rows);
  return { ...watch, skipped: watch.skipped + 1 };
}

function rowsOf({ epoch, row }: Cursor, { batchSize }: Plan): string {
  return `the ${batchSize} rows before row ${row} of epoch ${epoch}`;
}

function notFinite({ loss, gradientNorm }: StepResult, step: number, rows: string): TrainbookError {
  return new TrainbookError({
    what: `train: at step ${step} the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not a number`,
    received: `loss ${loss}, gradient norm ${gradientNorm}, on ${rows}`,
    expected: 'finite numbers',
    fix: "lower learningRate, lengthen warmupSteps, or look at these rows; plan.notFinite: 'skip' leaves such steps out",
  });
}

function spiked(loss: number, limit: number, step: number, rows: string): TrainbookError {
  return new TrainbookError({
    what: `train: at step ${step} the loss stands out`,
    received: `loss ${loss.toFixed(4)}, on ${rows}`,
    expected: `at most ${limit.toFixed(4)}, as plan.spike says`,
    fix: "look at these rows; plan.spike.action 'record' goes on, 'skip' leaves such steps out",
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
