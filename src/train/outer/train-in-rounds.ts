import * as tf from '@tensorflow/tfjs';
import type { Group } from '../../engine/group.js';
import { fold } from '../../engine/key.js';
import type { Tree } from '../../engine/tree.js';
import type { Json } from '../../files.js';
import { parseOptions } from '../../model/parse-options.js';
import { latestCheckpoint, restore } from '../checkpoints/checkpoint.js';
import { runHash } from '../checkpoints/run-hash.js';
import { startSaver } from '../checkpoints/saver.js';
import { treeFiles } from '../checkpoints/tree-files.js';
import { measureLoss } from '../held-out.js';
import { runLoop } from '../loop.js';
import type { Loss, Objective } from '../loss.js';
import type { Optimizer, Tensors } from '../optimizers/optimizer.js';
import { planOptions } from '../plan.js';
import type { Plan } from '../plan.js';
import { reportTo } from '../report-to.js';
import type { OnMetrics } from '../report-to.js';
import { startTraining } from '../step.js';
import type { Training } from '../step.js';
import { observed } from '../train.js';
import type { Trainable, TrainModelOptions } from '../train.js';
import type { OnProgress } from '../../progress.js';
import { givenGradient } from './given-gradient.js';

/** What every training in rounds takes: as `train`, with rounds in place of steps. */
export interface RoundOptions<Architecture, Weights, B> extends Pick<
  TrainModelOptions<Architecture, Weights, B>,
  'key' | 'target' | 'checkpoints' | 'files' | 'signal' | 'energy' | 'group' | 'heldOut' | 'evaluate' | 'on'
> {
  /** What each of the small trainings makes smaller. */
  readonly objective: Objective<Architecture, Weights, B>;
  readonly rounds: number;
  /** Rounds between evaluations; the last one has one too. Default: 10. */
  readonly evaluateEvery?: number;
  /** Rounds between checkpoints. Default: 10. */
  readonly checkpointEvery?: number;
  /** Newest checkpoints that are kept. Default: 2. */
  readonly keepLast?: number;
  /** Which checkpoint is the best, and kept, and after how many evaluations without a better one the training ends. */
  readonly best?: Plan['best'];
  readonly precision?: Plan['precision'];
  /** Receives a row after each round: `loss`, the mean of the small trainings', and `gradientNorm`, that of the change. */
  readonly metrics?: OnMetrics;
  readonly progress?: OnProgress;
}

/** What a round found. */
export interface RoundFound {
  /** What the outer optimizer takes as gradient: minus the way to go. Its tensors are disposed of. */
  readonly gradient: Tensors;
  /** The mean loss of the small trainings. */
  readonly loss: number;
  /** Other numbers for the row of metrics. */
  readonly watched?: Readonly<Record<string, number>>;
}

/** How the rounds of a kind of training go. */
export interface Rounds<Weights, B> {
  /** What errors and the line of progress begin with. */
  readonly name: string;
  readonly loss: Loss<Weights, B>;
  /** Of the weights of the moment. */
  readonly optimizer: Optimizer;
  /** What a round goes through, such as tasks, and how many of them. */
  readonly unit: string;
  readonly size: number;
  /** What else decides how it goes. */
  readonly identity: Json;
  /** Follows from the weights and the number of the round alone, counted from 1. The weights are disposed of by the caller. */
  find(weights: Weights, round: number): Promise<RoundFound>;
}

/**
 * Trains in rounds: each finds a gradient by small trainings that begin at the weights of the moment, and an outer optimizer follows it.
 * Evaluations, checkpoints, interrupts and exact resume are those of `train`, with a round as its step.
 *
 * @throws TrainbookError as `train`.
 */
export async function trainInRounds<Architecture, Weights, B, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: RoundOptions<Architecture, Weights, B>,
  rounds: Rounds<Weights, B>,
): Promise<M> {
  const { name, optimizer, identity } = rounds;
  const { key, target, checkpoints, group, metrics, progress } = options;
  const plan = parseOptions(name, planOptions, { ...planOf(options), batchSize: 1 }, 'planOptions');
  const length = { steps: options.rounds, stepsPerEpoch: options.rounds };
  const scalars = [1, Math.ceil(options.rounds / 2), options.rounds].map((round) => optimizer.scalars(round));
  const parts = { weights: model.weights as Tree<tf.Tensor>, plan, steps: options.rounds, key, target, scalars };
  const run =
    checkpoints === undefined
      ? ''
      : await runHash({ ...parts, firstBatch: null, numRows: 0, identity: { name, identity } });
  const found = checkpoints === undefined ? undefined : await latestCheckpoint(checkpoints, run);
  const reports = reportTo(name, metrics, progress);
  const on: typeof reports = (event) => {
    reports(event);
    options.on?.(event);
  };
  return observed({ ...options, on }, async (given) => {
    const files = options.files ?? treeFiles(model.weights);
    const training = outerTraining(model.weights, rounds, target);
    const saver =
      checkpoints === undefined || (group?.index ?? 0) !== 0
        ? undefined
        : startSaver(checkpoints, training.cells, {
            files,
            keepLast: plan.keepLast,
            run,
            best: found?.watch.best?.step,
          });
    try {
      if (found) await restore(training.cells, found, files);
      await runLoop(training, {
        loss: { ...givenGradient<Weights>(), unit: rounds.unit, size: () => rounds.size / (group?.size ?? 1) },
        plan,
        length,
        optimizer,
        feed: countingFeed,
        from: found,
        evaluate: evaluation(training, rounds.loss, options),
        saver,
        on: given.on,
        signal: given.signal,
        savedTo: checkpoints,
        group,
      });
      return { ...model, weights: training.weights() };
    } finally {
      await saver?.settle();
      training.dispose();
    }
  });
}

/** The fields of a plan; what is not given has the default. */
function planOf<Architecture, Weights, B>(options: RoundOptions<Architecture, Weights, B>): object {
  const { rounds, evaluateEvery = 10, checkpointEvery = 10, keepLast, best, precision } = options;
  return {
    steps: rounds,
    evaluateEvery,
    checkpointEvery,
    ...(keepLast !== undefined && { keepLast }),
    ...(best && { best }),
    ...(precision && { precision }),
  };
}

/** A batch is the number of its round. */
const countingFeed = {
  steps: 1,
  at: (round: number) =>
    Promise.resolve({
      batch: {},
      cursor: { epoch: 0, row: 0 },
      origin: { rows: `what round ${round} goes through`, documents: () => [] },
    }),
  ahead: () => undefined,
};

/** A training whose step is a round. */
function outerTraining<Weights, B>(
  weights: Weights,
  rounds: Rounds<Weights, B>,
  target: RoundOptions<unknown, Weights, B>['target'],
): Training<Weights, Tensors> {
  const outer = startTraining(givenGradient<Weights>(), { weights, optimizer: rounds.optimizer, target });
  return {
    ...outer,
    step: async (_batch, round) => {
      const now = outer.weights();
      try {
        const { gradient, loss, watched = {} } = await rounds.find(now, round);
        return { ...(await outer.step(gradient, round)), loss, watched };
      } finally {
        tf.dispose(now as tf.TensorContainer);
      }
    },
  };
}

function evaluation<Architecture, Weights, B>(
  training: Training<Weights, Tensors>,
  loss: Loss<Weights, B>,
  { heldOut, evaluate }: RoundOptions<Architecture, Weights, B>,
): ((round: number) => Promise<Readonly<Record<string, number>>>) | undefined {
  if (heldOut === undefined && evaluate === undefined) return undefined;
  const measure = heldOut && measureLoss(loss);
  return async (round) => {
    const weights = training.weights();
    try {
      return {
        ...(measure && { heldOutLoss: (await measure(weights, heldOut())).loss }),
        ...(evaluate && (await evaluate(weights, round))),
      };
    } finally {
      tf.dispose(weights as tf.TensorContainer);
    }
  };
}

/**
 * Sums over the processes of a group; those given are disposed of.
 */
export async function summedOver(group: Group | undefined, tensors: readonly tf.Tensor[]): Promise<tf.Tensor[]> {
  if (group === undefined || group.size === 1) return [...tensors];
  const sums = await group.allReduce(tensors, 'sum');
  tf.dispose([...tensors]);
  return sums;
}

/** The key of a round's part, such as of a task or a client. */
export function roundKey(
  key: RoundOptions<unknown, unknown, unknown>['key'],
  name: string,
  round: number,
  part: number,
) {
  return fold(fold(fold(key, name), round), part);
}
