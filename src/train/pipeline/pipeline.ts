import * as tf from '@tensorflow/tfjs';
import { compile } from '../../engine/compile.js';
import type { DeviceName } from '../../engine/device.js';
import type { Key } from '../../engine/key.js';
import type { Precision } from '../../engine/precision.js';
import { mapTree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { PipelineStage, Stages } from '../../model/stages.js';
import { readAll } from '../cell-trees.js';
import { numRowsOf, partNames } from '../loss.js';
import type { Objective, RowTensors } from '../loss.js';
import { wholeNorm } from '../optimizers/clip-by-global-norm.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { correctedDecay } from '../optimizers/weight-average.js';
import type { Limits, StepResult, TrainingCells } from '../step.js';
import { runPasses } from './passes.js';
import { oneForwardOneBackward } from './schedule.js';
import type { PipelineSchedule } from './schedule.js';
import { StageRunner } from './stage-runner.js';
import { wholeCells } from './whole-cells.js';
import type { WholeCells } from './whole-cells.js';

export interface PipelineOptions<B> extends Stages {
  /** Of the last stage, as of a model: its `forward` gives what the loss reads. */
  readonly objective: Objective<Pick<PipelineStage, 'forward'>, unknown, B>;
  readonly optimizer: Optimizer;
  /** One device for each stage, or a mesh of them. Default: the device in force, for all. */
  readonly devices?: readonly DeviceName[];
  /** Into how many pieces the rows of a batch are cut. More of them leave devices less idle: `bubble`. */
  readonly microBatches: number;
  /** Default: `oneForwardOneBackward`, which keeps fewer activations than `gpipe` in the same time. */
  readonly schedule?: PipelineSchedule;
  /** Decides what dropout leaves out, folded with the numbers of the step and the micro-batch. Without a key nothing is left out. */
  readonly dropoutKey?: Key | undefined;
  /** Of matrix products. Default: float32. float16, whose gradients need a scale, is refused. */
  readonly precision?: Precision | undefined;
  /** Whether a precision that the device lacks is computed nevertheless, slowly: to study its numbers. */
  readonly emulated?: boolean | undefined;
  /** Keeps a running mean of the weights, of which so much stays at each step. Default: none. */
  readonly averageDecay?: number | undefined;
}

/** A training whose network is in stages on several devices. */
export interface Pipeline<B> {
  /**
   * All that it changes, in cells: in the form of the whole network's (`Stages.whole`), so that a checkpoint of it can be gone on from without
   * stages, and the other way round.
   */
  readonly cells: TrainingCells;
  /** To be called when cells were given other values from outside: what two stages have is made equal. */
  restored(): void;
  /** One update. `step` counts from 1. A step with a number that is not finite changes nothing. */
  step(batch: B, step: number, limits?: Limits): Promise<StepResult>;
  /** The weights as they are now, as tensors of their own, in the form of the whole network's. */
  weights(): unknown;
  /** Their running mean, where there is one; else the weights. */
  averaged(): unknown;
  /** Inputs that each stage has kept at most in the last step, for backward passes to come. */
  readonly mostKept: readonly number[];
  dispose(): void;
}

/**
 * Trains a network in stages: each lies on a device of its own, and works on another piece of the batch than the others. Gradients are
 * those of the whole batch: pieces' sums are divided by the counts of the whole (`loss.ts`). A backward pass computes the stage again from
 * its input, which is all that is kept of a piece. Huang 2018, "GPipe" (1811.06965).
 *
 * @throws TrainbookError if there is not one device for each stage, or the rows of a batch do not part evenly.
 * @example
 * const pipeline = startPipeline({
 *   ...decoderStages(model, 2),
 *   objective: causalLanguageModel(),
 *   optimizer: adamw({ learningRate: 1e-3 }),
 *   devices: ['cuda:0', 'cuda:1'],
 *   microBatches: 8,
 * });
 * const { loss } = await pipeline.step(batches.next(), 1);
 */
export function startPipeline<B>(options: PipelineOptions<B>): Pipeline<B> {
  const { stages, tied, optimizer, devices, microBatches, schedule = oneForwardOneBackward } = options;
  const { precision = 'float32', emulated = false, averageDecay } = options;
  if (precision === 'float16') {
    throw new TrainbookError({
      what: 'startPipeline: gradients of float16 need a scale, which stages do not share',
      received: precision,
      expected: 'float32, tf32 or bfloat16',
    });
  }
  const final = stages.at(-1);
  if (final === undefined || (devices !== undefined && devices.length !== stages.length)) {
    throw new TrainbookError({
      what: 'startPipeline: there is not one device for each stage',
      received: `${stages.length} stages, ${devices?.length ?? 0} devices`,
      expected: 'as many devices as stages, one at least',
    });
  }
  const loss = options.objective({ forward: (weights, x, reading) => final.forward(weights, x, reading) });
  const runners = stages.map((stage, index) => {
    const isLast = index === stages.length - 1;
    return new StageRunner(index, stage, loss, {
      device: devices?.[index],
      optimizer,
      dropoutKey: options.dropoutKey,
      tied: isLast && index > 0 ? tied.map(([, path]) => path) : [],
      precision,
      emulated,
      averages: averageDecay !== undefined,
    });
  });
  const last = runners.at(-1) as StageRunner;
  const place = devices?.at(-1);
  const countsOf = compile((batch: RowTensors) => loss.counts(batch), {
    name: 'counts of a batch',
    ...(place !== undefined && { device: place }),
  });
  let mostKept: readonly number[] = stages.map(() => 0);
  const [parameters, state, average] = [
    runners.map((runner) => runner.parameters),
    runners.map((runner) => runner.state),
    runners.map((runner) => runner.average),
  ].map((ofStages) => wholeCells(ofStages, options)) as [WholeCells, WholeCells, WholeCells];
  const cells: TrainingCells = {
    parameters: parameters.cells,
    optimizer: state.cells,
    lossScale: [],
    average: averageDecay === undefined ? [] : average.cells,
  };
  const decayAt = averageDecay === undefined ? undefined : correctedDecay(averageDecay);

  /** Both copies of a tied weight get the sum of their gradients, and so stay equal. */
  const addTied = (): void => {
    for (const [first, other] of tied) {
      const cells = [runners[0]?.gradient(first), last.gradient(other)];
      tf.tidy(() => {
        const sum = tf.addN(cells.flatMap((each) => (each === undefined ? [] : [each.read()])));
        for (const each of cells) each?.write(sum);
      });
    }
  };

  return {
    get mostKept() {
      return mostKept;
    },
    cells,
    restored: () => {
      for (const [kept, copy] of [parameters, state, average].flatMap(({ twins }) => twins)) {
        const value = kept.read();
        copy.write(value);
        value.dispose();
      }
    },
    step: async (batch, step, { loss: highestLoss = Infinity, gradientNorm: highestNorm = Infinity } = {}) => {
      const tensors = loss.tensors(batch);
      const pieces = stages.map(() => cutInto(tensors, microBatches));
      const number = tf.scalar(step, 'int32');
      const counts = await countsOf(tensors);
      try {
        const { parts, mostKept: ofStages } = await runPasses(runners, schedule, pieces, { counts, step: number });
        mostKept = ofStages;
        const ofParts = await sumOf(parts);
        addTied();
        const squares = await Promise.all(runners.map(async (runner) => numberOf(await runner.squaredNorm())));
        const gradientNorm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
        const names = Object.keys(loss.shares);
        const total = ofParts.slice(0, names.length).reduce((sum, part) => sum + part, 0);
        const skipped = !(total <= highestLoss && gradientNorm <= highestNorm && Number.isFinite(gradientNorm));
        await Promise.all(
          runners.map(async (runner) => {
            const scalars = scalarsOf({ ...optimizer.scalars(step), [wholeNorm]: gradientNorm });
            const own = scalarsOf(decayAt === undefined ? {} : { averageDecay: decayAt(step) });
            const done = await (skipped ? runner.forget() : runner.update(scalars, own));
            tf.dispose([done, scalars, own] as tf.TensorContainer);
          }),
        );
        const named = (some: readonly string[]): Record<string, number> =>
          Object.fromEntries(some.map((name) => [name, ofParts[partNames(loss).indexOf(name)] ?? NaN]));
        return {
          loss: total,
          gradientNorm,
          skipped,
          parts: names.length === 1 ? {} : named(names),
          watched: named(loss.watched ?? []),
        };
      } catch (error) {
        // What some micro-batches have added up must not be a part of the next step.
        const forgotten = await Promise.allSettled(runners.map((runner) => runner.forget()));
        for (const each of forgotten) if (each.status === 'fulfilled') each.value.dispose();
        throw error;
      } finally {
        tf.dispose([tensors, pieces, counts, number] as tf.TensorContainer);
      }
    },
    weights: () => readAll(cells.parameters),
    averaged: () => readAll(averageDecay === undefined ? cells.parameters : cells.average),
    dispose: () => {
      for (const runner of runners) runner.dispose();
    },
  };
}

/** The rows of a batch in so many pieces, one after another. */
function cutInto(batch: RowTensors, numPieces: number): RowTensors[] {
  const numRows = numRowsOf(batch);
  if (!Number.isInteger(numPieces) || numPieces < 1 || numRows % numPieces !== 0) {
    throw new TrainbookError({
      what: 'startPipeline: the rows of a batch do not part evenly',
      received: `${numRows} rows in ${numPieces} micro-batches`,
      expected: 'a number of micro-batches that divides the rows',
    });
  }
  const size = numRows / numPieces;
  return Array.from(
    { length: numPieces },
    (_, piece) =>
      mapTree<tf.Tensor, tf.Tensor>(batch, (tensor) => tf.slice(tensor, [piece * size], [size])) as RowTensors,
  );
}

function scalarsOf(numbers: Readonly<Record<string, number>>): Record<string, tf.Tensor> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, tf.scalar(value)]));
}

/** Σ of vectors, as numbers; these are disposed. */
async function sumOf(vectors: readonly tf.Tensor[]): Promise<number[]> {
  const all = await Promise.all(vectors.map(async (vector) => Array.from(await vector.data())));
  tf.dispose([...vectors]);
  return (all[0] ?? []).map((_, index) => all.reduce((sum, vector) => sum + (vector[index] ?? NaN), 0));
}

async function numberOf(scalar: tf.Tensor): Promise<number> {
  const [value = NaN] = await scalar.data();
  scalar.dispose();
  return value;
}
