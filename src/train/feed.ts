import * as tf from '@tensorflow/tfjs';
import { TrainbookError } from '../error.js';
import type { Json } from '../files.js';
import type { Cursor, Loader } from '../tokens/loader.js';
import { batchOrigin } from './batch-origin.js';
import type { BatchOrigin } from './batch-origin.js';
import type { Plan } from './plan.js';

/**
 * Makes what steps see of a batch of the loader, with the weights of the moment: of prompts, for instance, the answers that the model
 * writes to them. What it gives follows from the rows, the weights and the number of the step alone (its keys are folded with that
 * number), so that a training that is resumed sees it again.
 */
export interface Preparation<Weights, Rows, B> {
  /** How many steps a batch of the loader serves. Default: 1. */
  readonly steps?: number;
  /** What it remembers from one batch of the loader to the next, such as a coefficient that follows what was measured. */
  readonly memory?: Memory;
  /** One batch for each of the steps, the first of which is `step`. The weights are the caller's, and are disposed of afterwards. */
  prepare(rows: Rows, weights: Weights, step: number): Promise<readonly B[]>;
}

/** Checkpoints keep it beside the loader's cursor, so that a training which is resumed goes on with it. */
export interface Memory {
  now(): Json;
  restore(memory: Json): void;
}

/** What a step sees, and where the loader stands after it. */
export interface Fed<B> {
  readonly batch: B;
  readonly cursor: Cursor;
  readonly origin: BatchOrigin;
  /** What the preparation remembers after it, if anything. */
  readonly memory?: Json;
}

/** Gives each step its batch, in the order of the steps. */
export interface Feed<B> {
  /** How many steps a batch of the loader serves: only after the last of them the training can be saved. */
  readonly steps: number;
  at(step: number): Promise<Fed<B>>;
  /** Makes the next batch now, where that needs no weights: while a step runs. */
  ahead(): void;
}

/** Batches as the loader gives them, each made while the step before it runs. */
export function loaderFeed<B>(batches: Loader<B>, batchSize: number): Feed<B> {
  let waiting: Fed<B> | undefined;
  return {
    steps: 1,
    at: () => {
      const fed = waiting ?? take(batches, batchSize);
      waiting = undefined;
      return Promise.resolve(fed);
    },
    ahead: () => {
      waiting ??= take(batches, batchSize);
    },
  };
}

/**
 * Batches that are prepared with the weights of the moment.
 *
 * @throws TrainbookError, when it is asked for a batch, if the preparation gives another number of batches than it says.
 */
export function preparedFeed<Weights, Rows, B>(
  rows: Loader<Rows>,
  batchSize: number,
  preparation: Preparation<Weights, Rows, B>,
  weightsNow: () => Weights,
): Feed<B> {
  const { steps = 1 } = preparation;
  let prepared: readonly B[] = [];
  let taken: Omit<Fed<Rows>, 'batch'> | undefined;
  return {
    steps,
    at: async (step) => {
      const place = (step - 1) % steps;
      if (place === 0 || taken === undefined) {
        const { batch, ...rest } = take(rows, batchSize);
        const weights = weightsNow();
        try {
          prepared = await preparation.prepare(batch, weights, step);
        } finally {
          tf.dispose(weights as tf.TensorContainer);
        }
        const { memory } = preparation;
        taken = { ...rest, ...(memory && { memory: memory.now() }) };
      }
      const batch = prepared[place];
      if (batch === undefined || prepared.length !== steps) throw otherNumber(prepared.length, steps);
      return { batch, ...taken };
    },
    ahead: () => undefined,
  };
}

/** @throws TrainbookError if evaluations or checkpoints would come between two steps of one batch of the loader. */
export function checkRhythm({ evaluateEvery, checkpointEvery }: Plan, steps: number): void {
  for (const [name, value] of Object.entries({ evaluateEvery, checkpointEvery })) {
    if (value % steps === 0) continue;
    throw new TrainbookError({
      what: `train: plan.${name} falls between steps that share one batch of the loader`,
      received: value,
      expected: `a multiple of ${steps}, the steps that a batch serves`,
      fix: `set ${name} to ${Math.ceil(value / steps) * steps}`,
    });
  }
}

function take<B>(batches: Loader<B>, batchSize: number): Fed<B> {
  const batch = batches.next();
  return { batch, cursor: batches.cursor, origin: batchOrigin(batches, batchSize) };
}

function otherNumber(received: number, expected: number): TrainbookError {
  return new TrainbookError({
    what: 'train: the preparation gives another number of batches than it says',
    received: `${received} batches`,
    expected: `${expected}, one for each step that a batch of the loader serves (preparation.steps)`,
  });
}
