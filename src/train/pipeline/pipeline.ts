import * as tf from '@tensorflow/tfjs';
import { compile } from '../../engine/compile.js';
import type { DeviceName } from '../../engine/device.js';
import type { Key } from '../../engine/key.js';
import { mapTree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { PipelineStage, Stages } from '../../model/stages.js';
import { readAll } from '../cell-trees.js';
import { numRowsOf, partNames } from '../loss.js';
import type { Objective, RowTensors } from '../loss.js';
import { wholeNorm } from '../optimizers/clip-by-global-norm.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import type { Limits, StepResult } from '../step.js';
import { runPasses } from './passes.js';
import { oneForwardOneBackward } from './schedule.js';
import type { PipelineSchedule } from './schedule.js';
import { StageRunner } from './stage-runner.js';

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
  readonly dropoutKey?: Key;
}

/** A training whose network is in stages on several devices. */
export interface Pipeline<B> {
  /** One update. `step` counts from 1. */
  step(batch: B, step: number, limits?: Limits): Promise<StepResult>;
  /** The weights of each stage as they are now, as tensors of their own. */
  weights(): unknown[];
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
      tied: isLast ? tied.map(([, path]) => path) : [],
    });
  });
  const last = runners.at(-1) as StageRunner;
  const place = devices?.at(-1);
  const countsOf = compile((batch: RowTensors) => loss.counts(batch), {
    name: 'counts of a batch',
    ...(place !== undefined && { device: place }),
  });
  let mostKept: readonly number[] = stages.map(() => 0);

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
            const scalars = mapTree({ ...optimizer.scalars(step), [wholeNorm]: gradientNorm }, (value) =>
              tf.scalar(value),
            );
            const done = await (skipped ? runner.forget() : runner.update(scalars as Record<string, tf.Tensor>));
            tf.dispose([done, scalars] as tf.TensorContainer);
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
    weights: () => runners.map(({ parameters }) => readAll(parameters)),
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
