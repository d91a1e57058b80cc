import * as tf from '@tensorflow/tfjs';
import type { Group } from '../engine/group.js';
import { fold } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import type { Tree } from '../engine/tree.js';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import type { LoaderOptions, Loader } from '../tokens/loader.js';
import { latestCheckpoint, restore } from './checkpoints/checkpoint.js';
import type { Checkpoint, ModelFiles } from './checkpoints/checkpoint.js';
import { compactState } from './optimizers/compact-state.js';
import { startEnergyMeter } from './energy.js';
import type { EnergyOptions } from './energy.js';
import type { OnTrainEvent } from './event.js';
import { readState } from './growth/growth.js';
import type { StateTensors } from './growth/growth.js';
import { measureLoss } from './held-out.js';
import { interruptibly } from './interrupt.js';
import { checkRhythm, loaderFeed, preparedFeed } from './feed.js';
import type { Feed, Preparation } from './feed.js';
import { runLoop } from './loop.js';
import type { Objective } from './loss.js';
import type { Optimizer } from './optimizers/optimizer.js';
import { planOptions } from './plan.js';
import type { Plan, PlanOptions } from './plan.js';
import { runHash } from './checkpoints/run-hash.js';
import { startSaver } from './checkpoints/saver.js';
import { startPart } from './start-part.js';
import type { InStages, PartTraining } from './start-part.js';
import { treeFiles } from './checkpoints/tree-files.js';
import type { TrainingCells, TrainingOptions } from './step.js';
import type { Watch } from './watch.js';

/** What can be trained: an architecture and weights for it. */
export interface Trainable<Architecture, Weights> {
  readonly architecture: Architecture;
  readonly weights: Weights;
}

/** How long a training is: for schedules. */
export interface TrainingLength {
  readonly steps: number;
  /** Steps in which every row is seen once; the last one of an epoch may begin the next. */
  readonly stepsPerEpoch: number;
}

/** What a training needs beside the model. */
export interface TrainModelOptions<Architecture, Weights, B> {
  readonly objective: Objective<Architecture, Weights, B>;
  /** Makes the loader of batches: `(options) => loader(packed, options)`. */
  readonly data: (options: LoaderOptions) => Loader<B>;
  /** An optimizer, or what makes one for the length of the training. */
  readonly optimizer: Optimizer | ((length: TrainingLength) => Optimizer);
  readonly plan: PlanOptions;
  /** Decides the order of the rows, and what dropout leaves out. */
  readonly key: Key;
  /** Batches that are not trained on, the same ones each time: their loss is `heldOutLoss` of an evaluation. */
  readonly heldOut?: () => Iterable<B>;
  /** Other numbers of an evaluation, such as an accuracy. */
  readonly evaluate?: (weights: Weights, step: number) => Promise<Readonly<Record<string, number>>>;
  readonly on?: OnTrainEvent;
  /** What runs the step: XLA fuses and is faster in the long run, the graph executor starts at once. Default: the faster one. */
  readonly target?: TrainingOptions<Weights>['target'];
  /** What else decides how the run goes, such as numbers inside the optimizer: checkpoints of a run with another one are refused. */
  readonly identity?: Json;
  /** A folder for checkpoints. If it has some of this run, training goes on from the newest. */
  readonly checkpoints?: string | undefined;
  /** How a checkpoint keeps the weights. Default: in safetensors by their path in the tree. */
  readonly files?: ModelFiles<Weights>;
  /** What the tensors of one file of a checkpoint take at most, in bytes; more is written in shards. Default: 2 GB (2·10⁹). */
  readonly maxShardBytes?: number;
  /**
   * When it aborts, the step that runs is finished, a checkpoint is written, and an `AbortError` is thrown. Default in a notebook: the
   * stop button; elsewhere nothing aborts (`interruptible` makes a signal of Ctrl-C).
   */
  readonly signal?: AbortSignal | undefined;
  /** Whether the weights given are disposed once the training has its own, so that they are in memory once. Default: they stay. */
  readonly inPlace?: boolean;
  /** How the energy that it takes is estimated, for the event `energy`. Default: by what sensors can be read. */
  readonly energy?: EnergyOptions | undefined;
  /** How the weights are shared out, where it runs on a mesh of devices. Default: by their names, `shardings(weights)`. */
  readonly shardings?: TrainingOptions<Weights>['shardings'];
  /** The processes that share each batch. Default: this one alone. */
  readonly group?: Group;
  /**
   * Trains it in stages on devices of their own, `plan.microBatch` rows at a time; the objective reads what `forward` gives. Checkpoints are
   * those of a network in one piece. Default: in one piece.
   */
  readonly pipeline?: InStages<Trainable<Architecture, Weights>>;
}

/**
 * Trains a model: updates of its weights, as the optimizer makes them of the gradients of a loss on batches. Gives the model with the
 * weights after the last step; the model given stays as it is, unless it is trained `inPlace`.
 *
 * A run that was killed and is started again with the same options and folder ends with the same weights, to the bit, as one
 * that never was (same machine and engine). Checkpoints are written while the next steps run, one at a time; a full disk does not stop
 * the training: an event says so, and the next checkpoint is tried.
 *
 * @throws TrainbookError if an option is out of range, the loss is not a number, the checkpoints are another run's or all damaged, or
 *   the last one could not be written;
 *   DOMException `AbortError` if `signal` aborts.
 * @example
 * const trained = await train(model, {
 *   objective: causalLanguageModel(),
 *   data: (options) => loader(packed, options),
 *   optimizer: adamw({ learningRate: 1e-3 }),
 *   plan: { steps: 300, batchSize: 8 },
 *   key: key(42),
 * });
 */
export async function train<Architecture, Weights, B, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: TrainModelOptions<Architecture, Weights, B>,
): Promise<M> {
  return observed(options, async (given) => {
    const { weights } = await runPart(await preparePart(model, given));
    return { ...model, weights };
  });
}

/**
 * The same, where the loader gives rows of another kind, of which batches are prepared with the weights of the moment: prompts, to which
 * the model writes the answers that it then learns from.
 */
export interface OnPolicyOptions<Architecture, Weights, B, Rows> extends Omit<
  TrainModelOptions<Architecture, Weights, B>,
  'data'
> {
  readonly data: (options: LoaderOptions) => Loader<Rows>;
  readonly preparation: Preparation<Weights, Rows, B>;
}

/**
 * Trains a model on what it writes itself: `train`, but for where the batches come from. `plan.batchSize` counts the rows of the loader.
 *
 * Checkpoints, evaluations and interrupts come only after the last of the steps that share a batch of the loader; so a run that was killed
 * ends with the same weights as one that never was.
 *
 * @throws TrainbookError as `train`, or if evaluations or checkpoints would fall between two such steps.
 * @example
 * const trained = await trainOnPolicy(model, { data: prompts, preparation, objective, optimizer, plan: { steps: 300, batchSize: 16 }, key });
 */
export async function trainOnPolicy<Architecture, Weights, B, Rows, M extends Trainable<Architecture, Weights>>(
  model: M & Trainable<Architecture, Weights>,
  options: OnPolicyOptions<Architecture, Weights, B, Rows>,
): Promise<M> {
  return observed(options, async (given) => {
    const { weights } = await runPart(await preparePart<Architecture, Weights, B, Rows>(model, given));
    return { ...model, weights };
  });
}

/** What a training needs, whether its batches are prepared or not. */
type PartOptions<Architecture, Weights, B, Rows> = Omit<
  OnPolicyOptions<Architecture, Weights, B, Rows>,
  'preparation'
> & {
  readonly preparation?: Preparation<Weights, Rows, B>;
};

/** Energy and interrupts around a training, whatever its parts. */
export async function observed<Options extends Pick<TrainModelOptions<never, never, never>, Observed>, R>(
  options: Options,
  task: (options: Options) => Promise<R>,
): Promise<R> {
  const { on, signal, checkpoints } = options;
  const saved = checkpoints === undefined ? '' : ' and saved; run the cell again to go on';
  return interruptibly(
    signal,
    () => {
      console.log(`train: interrupted; the step that runs is finished${saved}`);
    },
    async (given) => {
      const meter = startEnergyMeter(options.energy);
      let done = 0;
      const counted: OnTrainEvent = (event) => {
        done = event.step;
        on?.(event);
      };
      try {
        return await task({ ...options, signal: given, on: counted });
      } finally {
        const energy = await meter.stop();
        if (energy !== undefined && done > 0) on?.({ type: 'energy', step: done, energy });
      }
    },
  );
}

type Observed = 'on' | 'signal' | 'checkpoints' | 'energy';

/** A training that is about to run: what its options come to, and where an earlier, killed process of it left off. */
export type Prepared<Architecture, Weights, B, Rows = B> = Awaited<
  ReturnType<typeof preparePart<Architecture, Weights, B, Rows>>
>;

/** Looks at a training's options, its data and its folder. Nothing is trained yet. */
export async function preparePart<Architecture, Weights, B, Rows = B>(
  model: Trainable<Architecture, Weights>,
  options: PartOptions<Architecture, Weights, B, Rows>,
) {
  const { key, group } = options;
  const plan = parsePlan(options.plan);
  const stepsPerBatch = options.preparation?.steps ?? 1;
  checkRhythm(plan, stepsPerBatch);
  const loaderOptions = {
    batchSize: plan.batchSize,
    key: fold(key, 'order'),
    ...(group && { reader: { index: group.index, count: group.size } }),
  };
  const start = options.data(loaderOptions);
  const length = lengthOf(plan, start, stepsPerBatch);
  const given = typeof options.optimizer === 'function' ? options.optimizer(length) : options.optimizer;
  const optimizer = compactState(given, plan.optimizerState);
  const files = options.files ?? treeFiles(model.weights);
  const found = await earlierPart(model, options, { plan, length, optimizer });
  return { model, options, plan, loaderOptions, length, optimizer, files, found };
}

/** What a part of a training begins with, where its folder has no checkpoint. */
export interface Beginning<Weights> {
  /** Steps done before. */
  readonly step: number;
  readonly watch: Watch;
  readonly weights: Weights;
  /** Puts what the part before has left into the cells beside the weights. */
  readonly restore: (cells: TrainingCells) => void;
}

/** Which part of a training is run. */
export interface Part<Weights> {
  /** Default: the first step. */
  readonly from?: Beginning<Weights>;
  /** Default: the last step. */
  readonly until?: number;
}

/** What a part of a training leaves. */
export interface PartEnd<Weights> {
  readonly weights: Weights;
  readonly watch: Watch;
  /** Whether the whole training is over. */
  readonly over: boolean;
  /** What the optimizer keeps; empty where the training is over. */
  readonly state: StateTensors;
}

/** Runs a training, or a part of one. */
export async function runPart<Architecture, Weights, B, Rows = B>(
  prepared: Prepared<Architecture, Weights, B, Rows>,
  { from, until }: Part<Weights> = {},
): Promise<PartEnd<Weights>> {
  const { model, options, plan, loaderOptions, length, optimizer, files, found } = prepared;
  const { key, group, checkpoints, signal } = options;
  const loss = options.objective(model.architecture);
  const first = from?.weights ?? model.weights;
  const { objective, target, shardings, pipeline } = options;
  const training = startPart({
    ...{ model, weights: first, objective, loss, optimizer, plan, key, target, shardings, group, pipeline },
  });
  if (options.inPlace === true && from === undefined) tf.dispose(first as tf.TensorContainer);
  const isWriter = (group?.index ?? 0) === 0;
  const saver =
    checkpoints === undefined || !isWriter
      ? undefined
      : startSaver(checkpoints, training.cells, {
          files,
          maxShardBytes: options.maxShardBytes,
          keepLast: plan.keepLast,
          run: found.run,
          best: found.checkpoint?.watch.best?.step,
        });
  try {
    if (found.checkpoint) await restore(training.cells, found.checkpoint, files);
    else from?.restore(training.cells);
    training.restored?.();
    const { watch, over } = await runLoop(training, {
      loss,
      plan,
      length,
      optimizer,
      feed: feedOf(
        options,
        plan,
        training,
        { ...loaderOptions, ...(found.checkpoint && { cursor: found.checkpoint.cursor }) },
        found.checkpoint?.memory,
      ),
      from: found.checkpoint ?? from,
      until,
      evaluate: evaluation(training, loss, options),
      saver,
      on: options.on ?? (() => undefined),
      signal,
      savedTo: checkpoints,
      group,
    });
    const weights = over ? training.averaged() : training.weights();
    return { weights, watch, over, state: over ? new Map() : readState(training.cells) };
  } finally {
    await saver?.settle();
    training.dispose();
  }
}

/** The batches of the steps, as the loader gives them or prepared. */
function feedOf<Architecture, Weights, B, Rows>(
  { data, preparation }: PartOptions<Architecture, Weights, B, Rows>,
  { batchSize }: Plan,
  training: PartTraining<Weights, B>,
  loaderOptions: LoaderOptions,
  memory: Json | undefined,
): Feed<B> {
  const rows = data(loaderOptions);
  if (memory !== undefined) preparation?.memory?.restore(memory);
  if (preparation !== undefined) return preparedFeed(rows, batchSize, preparation, () => training.weights());
  return loaderFeed(rows as unknown as Loader<B>, batchSize); // without a preparation the rows are the batches
}

/** What identifies the run, and where an earlier, killed process of it left off. */
async function earlierPart<Architecture, Weights, B, Rows>(
  model: Trainable<Architecture, Weights>,
  options: PartOptions<Architecture, Weights, B, Rows>,
  parsed: { readonly plan: Plan; readonly length: TrainingLength; readonly optimizer: Optimizer },
): Promise<{ readonly run: string; readonly checkpoint: Checkpoint | undefined }> {
  const { key, target, checkpoints } = options;
  if (checkpoints === undefined) return { run: '', checkpoint: undefined };
  const { plan, length, optimizer } = parsed;
  // Of any number of readers, so that the run may go on with another one.
  const whole = options.data({ batchSize: plan.batchSize, key: fold(key, 'order') });
  const { steps } = length;
  const run = await runHash({
    weights: model.weights as Tree<tf.Tensor>,
    plan,
    steps,
    key,
    target,
    firstBatch: whole.next(),
    numRows: whole.numRows,
    scalars: [1, Math.ceil(steps / 2), steps].map((step) => optimizer.scalars(step)),
    identity: options.identity ?? null,
  });
  return { run, checkpoint: await latestCheckpoint(checkpoints, run) };
}

function evaluation<Architecture, Weights, B, Rows>(
  training: PartTraining<Weights, B>,
  loss: ReturnType<Objective<Architecture, Weights, B>>,
  { heldOut, evaluate, target }: PartOptions<Architecture, Weights, B, Rows>,
): ((step: number) => Promise<Readonly<Record<string, number>>>) | undefined {
  if (heldOut === undefined && evaluate === undefined) return undefined;
  const measure = heldOut && measureLoss(loss, { target });
  return async (step) => {
    const weights = training.averaged();
    const measured = measure && (await measure(weights, heldOut()));
    if (evaluate === undefined) tf.dispose(weights as tf.TensorContainer); // else the caller's function may keep them
    const several = measured !== undefined && Object.keys(measured.parts).length > 1;
    return {
      ...(measured && { heldOutLoss: measured.loss }),
      ...(several && prefixed('heldOutLoss', measured.parts)),
      ...(measured && prefixed('heldOut', measured.watched)),
      ...(evaluate && (await evaluate(weights, step))),
    };
  };
}

/** Numbers under names such as `heldOutLoss.nextSentence`. */
export function prefixed(prefix: string, numbers: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [`${prefix}.${name}`, number]));
}

function lengthOf<B>(
  { steps, epochs = 1, batchSize }: Plan,
  { numRows, endsBatches }: Loader<B>,
  stepsPerBatch: number,
): TrainingLength {
  const perEpoch = Math.max(1, Math.ceil(numRows / batchSize));
  // Where an epoch need not end with a batch, several take fewer batches than each by itself.
  const rows = endsBatches === true ? epochs * perEpoch : (epochs * numRows) / batchSize;
  return { steps: steps ?? Math.max(1, Math.ceil(rows)) * stepsPerBatch, stepsPerEpoch: perEpoch * stepsPerBatch };
}

function parsePlan(options: PlanOptions): Plan {
  const parsed = planOptions.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TrainbookError({
    what: `train: plan.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`,
    received: JSON.stringify(options),
    expected: 'the fields that planOptions describes',
  });
}
