import * as tf from '@tensorflow/tfjs';
import type { PartSums, RowTensors } from '../loss.js';
import type { PipelineSchedule } from './schedule.js';
import type { StageRunner } from './stage-runner.js';

/** What all stages are given. */
export interface PassInputs {
  /** Of the whole batch. */
  readonly counts: PartSums;
  /** The number of the step. */
  readonly step: tf.Tensor;
}

export interface PassResults {
  /** Of the loss, for each micro-batch. */
  readonly parts: readonly tf.Tensor[];
  /** Inputs that each stage has kept at most. */
  readonly mostKept: readonly number[];
}

/**
 * All forward and backward passes of a step. Stages work at the same time, each in the order that the schedule gives it; what a task
 * needs from a neighbour it waits for.
 *
 * @param pieces For each stage, the micro-batches.
 */
export async function runPasses(
  runners: readonly StageRunner[],
  schedule: PipelineSchedule,
  pieces: readonly (readonly RowTensors[])[],
  { counts, step }: PassInputs,
): Promise<PassResults> {
  const numMicroBatches = pieces[0]?.length ?? 0;
  const activations = runners.map(() => Array.from({ length: numMicroBatches }, () => new Handover()));
  const gradients = runners.map(() => Array.from({ length: numMicroBatches }, () => new Handover()));
  const parts: tf.Tensor[] = [];
  const mostKept = runners.map(() => 0);

  const inputsOf = runners.map(() => new Map<number, tf.Tensor>()); // whose backward pass is to come

  const work = async (runner: StageRunner, index: number): Promise<void> => {
    const [isFirst, isLast] = [index === 0, index === runners.length - 1];
    const kept = at(inputsOf, index);
    for (const { pass, microBatch } of schedule(index, runners.length, numMicroBatches)) {
      const { inputs, ...rest } = at(pieces[index], microBatch);
      const numbers = { step, microBatch: tf.scalar(microBatch, 'int32') };
      if (pass === 'forward') {
        const x = isFirst ? inputs : await at(activations[index], microBatch).arrived;
        if (x === undefined) throw new Error('internal: the batch has no inputs');
        kept.set(microBatch, x);
        mostKept[index] = Math.max(mostKept[index] ?? 0, kept.size);
        // The last stage's forward pass is a part of its backward pass.
        if (!isLast) at(activations[index + 1], microBatch).bring(await runner.forward(x, rest, numbers));
      } else {
        const x = kept.get(microBatch);
        if (x === undefined) throw new Error('internal: the schedule goes backward before it goes forward');
        let dx: tf.Tensor;
        if (isLast) {
          const [found, ofPiece] = await runner.lossAndBackward(x, rest, counts, numbers);
          parts.push(ofPiece);
          dx = found;
        } else {
          const dy = await at(gradients[index], microBatch).arrived;
          dx = await runner.backward(x, rest, dy, numbers);
          dy.dispose();
        }
        kept.delete(microBatch);
        if (isFirst) dx.dispose();
        else {
          x.dispose();
          at(gradients[index - 1], microBatch).bring(dx);
        }
      }
      numbers.microBatch.dispose();
    }
  };

  const ended = await Promise.allSettled(
    runners.map(async (runner, index) => {
      try {
        await work(runner, index);
      } catch (error) {
        for (const waited of [...activations.flat(), ...gradients.flat()]) waited.fail(error); // the others end too
        throw error;
      }
    }),
  );
  for (const each of ended) {
    if (each.status === 'fulfilled') continue;
    tf.dispose([...parts, ...inputsOf.slice(1).flatMap((kept) => [...kept.values()])]);
    throw each.reason;
  }
  return { parts, mostKept };
}

/** A tensor on its way from one stage to the next. */
class Handover {
  readonly arrived: Promise<tf.Tensor>;
  bring: (tensor: tf.Tensor) => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  constructor() {
    this.arrived = new Promise((resolve, reject) => {
      this.bring = resolve;
      this.fail = reject;
    });
    this.arrived.catch(() => undefined); // who waits is told; where nobody does, the first error is enough
  }
}

function at<Item>(list: readonly Item[] | undefined, index: number): Item {
  const item = list?.[index];
  if (item === undefined) throw new Error(`internal: a pipeline has no place ${index}`);
  return item;
}
