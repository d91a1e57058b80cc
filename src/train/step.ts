import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../engine/cell.js';
import { compile } from '../engine/compile.js';
import type { CompileOptions } from '../engine/compile.js';
import type { Group } from '../engine/group.js';
import type { Key } from '../engine/key.js';
import type { Collective } from '../engine/pjrt/collectives.js';
import { withPrecision } from '../engine/precision.js';
import type { Precision } from '../engine/precision.js';
import { foldTensor } from '../engine/random.js';
import { flatten, mapTree, unflatten } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { valueAndGrads } from '../engine/value-and-grads.js';
import { TrainbookError } from '../error.js';
import { shardings } from '../model/shardings.js';
import type { Shardings } from '../model/shardings.js';
import { accumulate } from './accumulate.js';
import type { Found } from './accumulate.js';
import { readAll, writeAll } from './cell-trees.js';
import { globalNorm } from './optimizers/clip-by-global-norm.js';
import { partFactors, partNames, totalOf, weighedParts } from './loss.js';
import type { Computing, Loss, PartSums, RowTensors } from './loss.js';
import { dynamicLossScale } from './loss-scale.js';
import type { LossScale, LossScaleState } from './loss-scale.js';
import { zipTrees } from './optimizers/optimizer.js';
import type { Optimizer, Tensors } from './optimizers/optimizer.js';
import { CellPlaces } from './sharded-cells.js';
import { groupNames, groupNorms, readStatistics } from './statistics.js';
import type { Statistics } from './statistics.js';
import { wholeByName, wholeSums } from './whole-batch.js';
import { correctedDecay, updateAverage } from './optimizers/weight-average.js';

/** What a step reports. */
export interface StepResult {
  /** Before the update: in nats a token, for a language model. */
  readonly loss: number;
  /** The norm of all gradients, before clipping. */
  readonly gradientNorm: number;
  /** What each part adds to the loss, where it has several. */
  readonly parts: Readonly<Record<string, number>>;
  /** What the loss only watches. */
  readonly watched: Readonly<Record<string, number>>;
  /** Whether the update was left out, because of a number that is not finite or above the limit. */
  readonly skipped: boolean;
  /** What the loss was multiplied by for the gradients' sake, in float16. */
  readonly lossScale?: number;
  /** Norms by group of leaves, at each `statisticsEvery`th step. */
  readonly statistics?: Statistics;
}

/** All that a training changes, in cells: what a checkpoint holds. */
export interface TrainingCells {
  readonly parameters: Tree<Cell>;
  readonly optimizer: Tree<Cell>;
  /** Empty without a loss scale. */
  readonly lossScale: Tree<Cell>;
  /** The running mean of the weights; empty without one. */
  readonly average: Tree<Cell>;
}

/** Weights and optimizer state in cells, and the step that changes them in place. */
export interface Training<Weights, B> {
  readonly cells: TrainingCells;
  /** One update. `step` counts from 1. Steps run in the order they are asked for, off the JavaScript thread. */
  step(batch: B, step: number, limits?: Limits): Promise<StepResult>;
  /** What crosses the mesh of devices at each step with batches like this one; nothing on one device. */
  communication(batch: B): Promise<readonly Collective[]>;
  /** The weights as they are now, as tensors of their own. */
  weights(): Weights;
  /** Their running mean, where there is one; else the weights. */
  averaged(): Weights;
  dispose(): void;
}

/** Above these a step changes nothing. Only where the training was started with `skips`. */
export interface Limits {
  readonly loss?: number;
  readonly gradientNorm?: number;
}

/** What a training starts from, and how a step is computed. */
export interface TrainingOptions<Weights> {
  readonly weights: Weights;
  readonly optimizer: Optimizer;
  readonly precision?: Precision | undefined;
  /** Whether a precision that the processor lacks is computed nevertheless, slowly: to study its numbers. */
  readonly emulated?: boolean | undefined;
  readonly target?: CompileOptions['target'] | undefined;
  /** Decides what dropout leaves out, folded with the number of the step. Without a key nothing is left out. */
  readonly dropoutKey?: Key | undefined;
  /** Rows that are computed at a time: gradient accumulation. Default: all of the batch. */
  readonly microBatch?: number | undefined;
  /** Whether blocks are computed again in the backward pass, in place of keeping what is inside them. */
  readonly recompute?: boolean | undefined;
  /** In how many parts the logits are computed and forgotten. Default: at once. */
  readonly lossChunks?: number | undefined;
  /** Whether a step with a number that is not finite, or above its limits, leaves everything as it is. With float16 it always does. */
  readonly skips?: boolean | undefined;
  /** Keeps a running mean of the weights, of which so much stays at each step: see `startAverage`. Default: none. */
  readonly averageDecay?: number | undefined;
  /** Steps between two with `statistics`. Default: there are none, and nothing is computed for them. */
  readonly statisticsEvery?: number | undefined;
  /** Default with float16: `dynamicLossScale()`. */
  readonly lossScale?: LossScale | undefined;
  /** How the weights are shared out, where the step runs on a mesh of devices. Default: by their names, `shardings(weights)`. */
  readonly shardings?: Shardings<Weights> | undefined;
  /** The processes that share each batch. Default: this one alone. */
  readonly group?: Group | undefined;
}

/** Numbers of one step that the compiled function takes as scalars. */
type Given = Readonly<Record<string, tf.Tensor>>;

/**
 * A training: forward, loss, gradients and update as one compiled step. The weights given are copied; they stay as they are.
 *
 * In a group of several processes the step is compiled in parts, and the sums of counts and gradients over the group stand between them;
 * the parts are the same functions.
 *
 * @throws TrainbookError if the loss cannot be computed in pieces, or the processor lacks the precision.
 * @example
 * const loss = causalLanguageModel()(architecture);
 * const training = startTraining(loss, { weights: architecture.init(key), optimizer: adamw({ learningRate: 1e-3 }) });
 * const { loss: nats } = await training.step(batches.next(), 1);
 */
export function startTraining<Weights, B>(
  loss: Loss<Weights, B>,
  options: TrainingOptions<Weights>,
): Training<Weights, B> {
  const { optimizer, precision = 'float32', emulated = false, target, group, statisticsEvery } = options;
  checkPieces(loss, options);
  const lossScale = options.lossScale ?? (precision === 'float16' ? dynamicLossScale() : undefined);
  const skips = options.skips === true || lossScale !== undefined;
  const given = options.weights as Tree<tf.Tensor>;
  const places = new CellPlaces(given, options.shardings ?? shardings(options.weights));
  const cells: TrainingCells = {
    parameters: places.cellsOfWeights(''),
    optimizer: places.cellsOfState(optimizer.init(given), 'optimizer.', (path, leaf) =>
      optimizer.storage?.(path, leaf),
    ),
    lossScale: lossScale === undefined ? [] : places.cellsOfState(lossScale.init(), 'lossScale.'),
    average: options.averageDecay === undefined ? [] : places.cellsOfWeights('average.'),
  };
  const averageDecay = options.averageDecay === undefined ? undefined : correctedDecay(options.averageDecay);
  const inPrecision = <R>(fn: () => R): R => withPrecision(precision, fn, { emulated });
  const scaleNow = (): tf.Tensor | undefined => lossScale && (readAll(cells.lossScale) as LossScaleState).scale;

  /** Parts and gradients of a batch, or of this process's rows of it; gradients are of the scaled loss. */
  const find = (batch: RowTensors, { counts, whole }: OfBatch, number: tf.Tensor): Found => {
    const factors = partFactors(loss, counts);
    const parameters = readAll(cells.parameters);
    const scale = scaleNow();
    const key = dropoutKeyOf(options, number);
    return inPrecision(() =>
      accumulate(
        batch,
        options.microBatch,
        parameters,
        (piece, index) => {
          const computing = {
            dropoutKey: key && index ? foldTensor(key, index) : key,
            recompute: options.recompute,
            chunks: options.lossChunks,
            whole,
          };
          return pieceGradients(loss, parameters, piece, factors, computing, scale);
        },
        partNames(loss).length,
      ),
    );
  };

  /** What a first pass finds for the loss: [names]. */
  const look = (batch: RowTensors): tf.Tensor1D => {
    const { microBatch, recompute, lossChunks: chunks } = options;
    const weights = readAll(cells.parameters) as Weights;
    return inPrecision(() => wholeSums(loss, weights, batch, { microBatch, computing: { recompute, chunks } }));
  };

  /** Changes the cells; `own` are numbers of the step, beside the optimizer's. [loss, norm, skipped, scale, ...parts, ...statistics]. */
  const change = ({ parts, grads: found }: Found, scalars: Given, own: Given): tf.Tensor1D => {
    const scale = scaleNow();
    const scaled = places.constrainGradients(found);
    const grads = scale === undefined ? scaled : zipTrees((gradient) => tf.div(gradient, scale), scaled);
    const before = readAll(cells.parameters);
    const stateBefore = readAll(cells.optimizer);
    const { updates, state } = optimizer.update(grads, stateBefore, before, scalars);
    const after = zipTrees((value, change) => tf.add(value, change), before, updates);
    const norm = globalNorm(grads);
    const total = totalOf(loss, parts);
    const taken = skips ? withinLimits(total, norm, own) : undefined;
    const keep = (now: Tensors, old: Tensors): Tensors =>
      taken === undefined ? now : zipTrees((value, earlier) => tf.where(taken, value, earlier), now, old);
    const kept = keep(after, before);
    writeAll(cells.parameters, kept);
    writeAll(cells.optimizer, keep(state, stateBefore));
    const decay = own['averageDecay'];
    if (decay !== undefined) {
      const average = readAll(cells.average);
      writeAll(cells.average, keep(updateAverage(average, kept, decay), average));
    }
    if (lossScale !== undefined) {
      const finite = tf.logicalAnd(tf.isFinite(norm), tf.isFinite(total));
      writeAll(cells.lossScale, lossScale.next(readAll(cells.lossScale) as LossScaleState, finite));
    }
    const skipped = taken === undefined ? tf.scalar(0) : tf.sub(1, tf.cast(taken, 'float32'));
    const numbers = [total, norm, skipped, scale ?? tf.scalar(1)].map((number) => tf.reshape(number, [1]));
    if (statisticsEvery === undefined) return tf.concat([...numbers, parts]) as tf.Tensor1D;
    const done = keep(
      updates,
      mapTree(updates, (update) => tf.zerosLike(update)),
    );
    return tf.concat([...numbers, parts, groupNorms(grads, kept, done)]) as tf.Tensor1D;
  };

  const groups = groupNames(given);
  const named = (name: string): CompileOptions => (target === undefined ? { name } : { name, target });
  const alone = compile(
    (batch: RowTensors, scalars: Given, number: tf.Tensor, own: Given) =>
      change(
        find(batch, { counts: loss.counts(batch), whole: loss.whole && wholeByName(loss, look(batch)) }, number),
        scalars,
        own,
      ),
    named('train step'),
  );
  const together =
    group === undefined || group.size === 1 ? undefined : inGroup(loss, group, { look, find, change, named, cells });
  const argumentsOf = (batch: B, step: number, limits: Limits = {}) => {
    const { loss: highestLoss = Infinity, gradientNorm: highestNorm = Infinity } = limits;
    const tensors = loss.tensors(batch);
    const scalars = mapTree(optimizer.scalars(step), (value) => tf.scalar(value)) as Given;
    const own: Given = {
      ...(skips && { highestLoss: tf.scalar(highestLoss), highestNorm: tf.scalar(highestNorm) }),
      ...(averageDecay && { averageDecay: tf.scalar(averageDecay(step)) }),
    };
    const number = tf.scalar(step, 'int32');
    return {
      args: [tensors, scalars, number, own] as const,
      dispose: () => {
        tf.dispose([tensors, scalars, number, own] as tf.TensorContainer);
      },
    };
  };
  return {
    cells,
    step: async (batch, step, limits) => {
      const { args, dispose } = argumentsOf(batch, step, limits);
      const result = await inPrecision(() => (together ?? alone)(...args));
      const numbers = await result.data();
      dispose();
      result.dispose();
      const asked = statisticsEvery !== undefined && step % statisticsEvery === 0;
      return reported(loss, numbers, { scaled: lossScale !== undefined, groups: asked ? groups : undefined });
    },
    communication: async (batch) => {
      const { args, dispose } = argumentsOf(batch, 1);
      try {
        return await inPrecision(() => alone.communication(...args));
      } finally {
        dispose();
      }
    },
    weights: () => readAll(cells.parameters) as Weights,
    averaged: () => readAll(options.averageDecay === undefined ? cells.parameters : cells.average) as Weights,
    dispose: () => {
      for (const kept of flatten<Cell>(cells as unknown as Tree<Cell>)) kept.dispose();
    },
  };
}

/** The value and gradients of one piece, as they count in the whole batch. */
function pieceGradients<Weights, B>(
  loss: Loss<Weights, B>,
  parameters: Tensors,
  piece: RowTensors,
  factors: PartSums,
  computing: Computing,
  scale: tf.Tensor | undefined,
): Found {
  let parts: tf.Tensor1D | undefined;
  const { grads } = valueAndGrads((values: unknown) => {
    const weighed = weighedParts(loss, loss.sums(values as Weights, piece, computing), factors);
    parts = tf.keep(weighed.clone());
    const total = totalOf(loss, weighed);
    return scale === undefined ? total : tf.mul<tf.Scalar>(total, scale);
  })(parameters) as { grads: Tensors };
  if (parts === undefined) throw new Error('internal: the loss was not computed');
  const found = parts.clone();
  parts.dispose(); // was kept out of the gradient's own tidy
  return { parts: found, grads };
}

/** Sums over the whole batch that come before its gradients. */
interface OfBatch {
  readonly counts: PartSums;
  readonly whole: PartSums | undefined;
}

interface Parts {
  readonly look: (batch: RowTensors) => tf.Tensor1D;
  readonly find: (batch: RowTensors, ofBatch: OfBatch, number: tf.Tensor) => Found;
  readonly change: (found: Found, scalars: Given, own: Given) => tf.Tensor1D;
  readonly named: (name: string) => CompileOptions;
  readonly cells: TrainingCells;
}

/** The step of one process of several: counts (and what a first pass finds) are added up over the group, then parts and gradients. */
function inGroup<Weights, B>(loss: Loss<Weights, B>, group: Group, { look, find, change, named, cells }: Parts) {
  const names = partNames(loss);
  const count = compile((batch: RowTensors) => {
    const counts = tf.stack(names.map((name) => loss.counts(batch)[name] as tf.Scalar)) as tf.Tensor1D;
    return loss.whole === undefined ? counts : tf.concat1d([counts, look(batch)]);
  }, named('counts of a batch'));
  const gradients = compile((batch: RowTensors, counted: tf.Tensor1D, number: tf.Tensor) => {
    const ofParts = tf.unstack(counted);
    const counts = Object.fromEntries(names.map((name, index) => [name, ofParts[index] as tf.Scalar]));
    const whole = loss.whole && wholeByName(loss, tf.slice(counted, [names.length]));
    const { parts, grads } = find(batch, { counts, whole }, number);
    return [parts, ...flatten<tf.Tensor>(grads)];
  }, named('gradients of a batch'));
  const update = compile((found: readonly tf.Tensor[], scalars: Given, own: Given) => {
    const [parts, ...grads] = found;
    return change({ parts: parts as tf.Tensor1D, grads: unflatten(cells.parameters, grads) }, scalars, own);
  }, named('update'));
  return async (batch: RowTensors, scalars: Given, number: tf.Tensor, own: Given): Promise<tf.Tensor1D> => {
    const counted = await count(batch);
    const [counts] = await group.allReduce([counted], 'sum');
    const found = await gradients(batch, counts as tf.Tensor1D, number);
    const sums = await group.allReduce(found, 'sum');
    tf.dispose([own, counts, ...found]);
    const result = await update(sums, scalars, own);
    tf.dispose([...sums]);
    return result;
  };
}

function reported<Weights, B>(
  { shares, watched = [] }: Loss<Weights, B>,
  numbers: ArrayLike<number>,
  { scaled, groups }: { readonly scaled: boolean; readonly groups: readonly string[] | undefined },
): StepResult {
  const [loss = NaN, gradientNorm = NaN, skipped = NaN, lossScale = NaN, ...rest] = Array.from(numbers);
  const names = Object.keys(shares);
  const named = (some: readonly string[], start: number): Record<string, number> =>
    Object.fromEntries(some.map((name, index) => [name, rest[start + index] ?? NaN]));
  return {
    loss,
    gradientNorm,
    skipped: skipped !== 0,
    parts: names.length === 1 ? {} : named(names, 0),
    watched: named(watched, names.length),
    ...(scaled && { lossScale }),
    ...(groups && { statistics: readStatistics(groups, rest.slice(names.length + watched.length)) }),
  };
}

/** bool: whether both are finite and within their limits. */
function withinLimits(loss: tf.Tensor, norm: tf.Tensor, own: Given): tf.Tensor {
  const finite = tf.logicalAnd(tf.isFinite(loss), tf.isFinite(norm));
  const lossFits = tf.lessEqual(loss, own['highestLoss'] ?? Infinity);
  const normFits = tf.lessEqual(norm, own['highestNorm'] ?? Infinity);
  return tf.logicalAnd(finite, tf.logicalAnd(lossFits, normFits));
}

/** Each process of a group leaves out elements of its own. */
function dropoutKeyOf<Weights>(
  { dropoutKey, group }: TrainingOptions<Weights>,
  number: tf.Tensor,
): Computing['dropoutKey'] {
  if (dropoutKey === undefined) return undefined;
  const key = foldTensor(dropoutKey, number);
  return group === undefined || group.size === 1 ? key : foldTensor(key, tf.scalar(group.index, 'int32'));
}

function checkPieces<Weights, B>(loss: Loss<Weights, B>, { microBatch, group }: TrainingOptions<Weights>): void {
  if (loss.rowsTogether !== true || (microBatch === undefined && (group?.size ?? 1) === 1)) return;
  throw new TrainbookError({
    what: 'train: this loss compares the rows of a batch with each other, so the batch cannot be computed in pieces',
    received: microBatch === undefined ? `${group?.size ?? 1} processes` : `microBatch ${microBatch}`,
    expected: 'whole batches in one process',
    fix: 'leave out microBatch; recompute saves memory too',
  });
}
