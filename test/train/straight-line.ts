import * as tf from '@tensorflow/tfjs';
import { key } from '../../src/engine/key.js';
import type { Cursor, Loader, LoaderOptions } from '../../src/tokens/loader.js';
import type { TrainEvent } from '../../src/train/event.js';
import type { Objective, RowTensors } from '../../src/train/loss.js';
import { scaleByLearningRate } from '../../src/train/optimizers/scale-by-learning-rate.js';
import { constant } from '../../src/train/schedules/schedule.js';
import type { TrainModelOptions } from '../../src/train/train.js';

/** Points of a line through the origin, to find its slope: the smallest training there is. */
export interface Points {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

export type Slope = { readonly slope: tf.Tensor };

/** Σ (slope · x − y)², a mean over the points. */
export const leastSquares: Objective<null, Slope, Points> = () => ({
  shares: { loss: 1 },
  unit: 'points',
  size: ({ x }) => x.length,
  tensors: ({ x, y }) => ({ x: tf.tensor1d(x), y: tf.tensor1d(y) }),
  counts: ({ x }: RowTensors) => ({ loss: tf.scalar(x?.size ?? 0) }),
  sums: ({ slope }, { x, y }: RowTensors) => ({
    loss: tf.sum<tf.Scalar>(tf.square(tf.sub(tf.mul(slope, x as tf.Tensor), y as tf.Tensor))),
  }),
});

/** One point a step: row r is (1, heights[r]), of the document `point r`. In order, without shuffling. */
export function pointLoader(heights: readonly number[]): (options: LoaderOptions) => Loader<Points> {
  return ({ cursor = { epoch: 0, row: 0 } }) => {
    let { epoch, row }: Cursor = cursor;
    let lastRows: number[] = [];
    return {
      numRows: heights.length,
      get cursor() {
        return { epoch, row };
      },
      get lastRows() {
        return lastRows;
      },
      documentsOf: (place) => [`point ${place}`],
      next() {
        lastRows = [row];
        const batch = { x: Float32Array.of(1), y: Float32Array.of(heights[row] ?? NaN) };
        row = (row + 1) % heights.length;
        if (row === 0) epoch++;
        return batch;
      },
    };
  };
}

/** A start, and options to find a slope; each test adds what it is about. */
export const slopeZero = { architecture: null, weights: { slope: tf.zeros([1]) } };

export function lineOptions(
  heights: readonly number[],
  plan: Omit<TrainModelOptions<null, Slope, Points>['plan'], 'batchSize'>,
): TrainModelOptions<null, Slope, Points> {
  return {
    objective: leastSquares,
    data: pointLoader(heights),
    optimizer: scaleByLearningRate(constant(0.1)),
    plan: { batchSize: 1, ...plan },
    key: key(1),
    target: 'graph',
  };
}

/** The events of one type. */
export function eventsOf<Type extends TrainEvent['type']>(
  events: readonly TrainEvent[],
  type: Type,
): Extract<TrainEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<TrainEvent, { type: Type }> => event.type === type);
}
