import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../../engine/cell.js';
import type { Key } from '../../engine/key.js';
import { flatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { TrainbookError } from '../../error.js';
import type { Loader } from '../../tokens/loader.js';
import type { Loss } from '../loss.js';
import type { Tensors } from '../optimizers/optimizer.js';
import { startTraining } from '../step.js';
import type { TrainingCells, TrainingOptions } from '../step.js';

/** A short training from given weights, such as on one task, or on one client's rows. */
export interface LocalRun<Weights, B> {
  /** They stay as they are. */
  readonly from: Weights;
  readonly batches: Pick<Loader<B>, 'next'>;
  readonly steps: number;
  /** Decides what dropout leaves out. */
  readonly key: Key;
}

/** What a short training leaves. The weights are tensors of the caller's. */
export interface LocalEnd<Weights> {
  readonly weights: Weights;
  /** The mean of the losses before each step. */
  readonly loss: number;
}

/** Many short trainings by one compiled step, one after another. */
export interface LocalTraining<Weights, B> {
  /**
   * @throws TrainbookError if a loss is not a number.
   */
  run(given: LocalRun<Weights, B>): Promise<LocalEnd<Weights>>;
  dispose(): void;
}

/**
 * Makes one compiled step ready for many short trainings: each begins with the weights that it is given and a new optimizer state, and its
 * steps count from 1.
 *
 * @example
 * const local = startLocalTraining(loss, { weights, optimizer: sgd({ learningRate: 0.02 }) });
 * const adapted = await local.run({ from: weights, batches: loader(points, { batchSize: 10, key }), steps: 5, key });
 */
export function startLocalTraining<Weights, B>(
  loss: Loss<Weights, B>,
  options: Omit<TrainingOptions<Weights>, 'group' | 'averageDecay' | 'statisticsEvery'>,
): LocalTraining<Weights, B> {
  const { optimizer } = options;
  let before = 0; // steps are numbered apart from run to run, since what dropout leaves out goes by their number
  const training = startTraining(loss, {
    ...options,
    optimizer: { ...optimizer, scalars: (step) => optimizer.scalars(step - before) },
  });
  return {
    run: async ({ from, batches, steps, key }) => {
      begin(training.cells, from as Tensors, (parameters) => optimizer.init(parameters));
      before = key.words[0] >>> 2; // 30 bits: steps are int32
      let sum = 0;
      for (let step = 1; step <= steps; step++) {
        const { loss: nats } = await training.step(batches.next(), before + step);
        if (!Number.isFinite(nats)) throw notFinite(step, nats);
        sum += nats;
      }
      return { weights: training.weights(), loss: sum / steps };
    },
    dispose: () => {
      training.dispose();
    },
  };
}

/** Puts weights, and the state that an optimizer has at first, into the cells. */
function begin(cells: TrainingCells, from: Tensors, init: (parameters: Tensors) => Tensors): void {
  tf.tidy(() => {
    write(cells.parameters, from);
    write(cells.optimizer, init(from));
  });
}

function write(cells: Tree<Cell>, values: Tensors): void {
  const tensors = flatten(values);
  flatten(cells).forEach((kept, index) => {
    const value = tensors[index];
    if (value === undefined) throw new Error(`internal: no value for ${kept.name}`);
    kept.write(value);
  });
}

function notFinite(step: number, loss: number): TrainbookError {
  return new TrainbookError({
    what: `local training: at step ${step} the loss is not a number`,
    received: loss,
    expected: 'a finite number',
    fix: 'lower the learning rate of the inner optimizer, or look at the rows',
  });
}
