import * as tf from '@tensorflow/tfjs';
import { cell } from '../engine/cell.js';
import type { Cell } from '../engine/cell.js';
import { compile } from '../engine/compile.js';
import type { CompileOptions } from '../engine/compile.js';
import type { Key } from '../engine/key.js';
import { withPrecision } from '../engine/precision.js';
import type { Precision } from '../engine/precision.js';
import { foldTensor } from '../engine/random.js';
import { flatten, mapTree } from '../engine/tree.js';
import type { Tree } from '../engine/tree.js';
import { valueAndGrads } from '../engine/value-and-grads.js';
import type { Decoder } from '../model/decoder.js';
import { mapWeights } from '../model/weights.js';
import type { DecoderWeights } from '../model/weights.js';
import type { Batch } from '../tokens/loader.js';
import { globalNorm } from './clip-by-global-norm.js';
import { crossEntropy } from './cross-entropy.js';
import { zipTrees } from './optimizer.js';
import type { Optimizer, Tensors } from './optimizer.js';

/** What a step reports: the loss before the update, in nats a token, and the norm of its gradients before clipping. */
export interface StepResult {
  readonly loss: number;
  readonly gradientNorm: number;
}

/** Weights and optimizer state in cells, and the step that changes them in place. */
export interface Training {
  readonly parameters: DecoderWeights<Cell>;
  readonly optimizerState: Tree<Cell>;
  /** One update. `step` counts from 1. Steps run in the order they are asked for, off the JavaScript thread. */
  step(batch: Batch, step: number): Promise<StepResult>;
  /** The weights as they are now, as tensors of their own. */
  weights(): DecoderWeights;
  dispose(): void;
}

/** What a training starts from. */
export interface TrainingOptions {
  readonly weights: DecoderWeights;
  readonly optimizer: Optimizer;
  readonly precision?: Precision;
  readonly target?: CompileOptions['target'] | undefined;
  /** Decides what dropout leaves out, folded with the number of the step. Without a key nothing is left out. */
  readonly dropoutKey?: Key | undefined;
}

/** The tensors of one batch. */
export type BatchTensors = {
  readonly inputs: tf.Tensor; // int32 [batch, time]
  readonly targets: tf.Tensor; // int32 [batch, time]
  readonly weights: tf.Tensor; // float32 [batch, time]
  readonly documents?: tf.Tensor; // int32 [batch, time]
  readonly positions?: tf.Tensor; // int32 [batch, time]
};

/**
 * A training of an architecture: forward, loss, gradients and update as one compiled step. The weights given are copied;
 * they stay as they are.
 *
 * @example
 * const training = startTraining(architecture, { weights: architecture.init(key), optimizer: adamw({ learningRate: 1e-3 }) });
 * const { loss } = await training.step(batches.next(), 1);
 */
export function startTraining(architecture: Decoder, options: TrainingOptions): Training {
  const { weights, optimizer, precision = 'float32', target, dropoutKey } = options;
  const dropsOut = dropoutKey !== undefined && architecture.config.dropout > 0;
  const parameters = mapWeights(weights, (tensor, path) => cell(tensor, { name: path }));
  const start = optimizer.init(weights);
  const optimizerState = mapTree<tf.Tensor, Cell>(start, (tensor, path) => cell(tensor, { name: `optimizer.${path}` }));
  tf.dispose(start as tf.TensorContainer);
  const cells: Tree<Cell>[] = [parameters, optimizerState];
  const update = compile(
    (batch: BatchTensors, scalars: Readonly<Record<string, tf.Tensor>>, number: tf.Scalar) => {
      const { inputs, documents, positions } = batch;
      const reading = { documents, positions, dropoutKey: dropsOut ? foldTensor(dropoutKey, number) : undefined };
      const { value: loss, grads } = withPrecision(precision, () =>
        valueAndGrads((values: DecoderWeights) => crossEntropy(architecture.forward(values, inputs, reading), batch))(
          parameters,
        ),
      );
      const before: Tensors = mapTree<Cell, tf.Tensor>(parameters, (kept) => kept.read());
      const { updates, state } = optimizer.update(
        grads,
        mapTree(optimizerState, (kept) => kept.read()),
        before,
        scalars,
      );
      writeAll(
        parameters,
        zipTrees((value, change) => tf.add(value, change), before, updates),
      );
      writeAll(optimizerState, state);
      return { loss, gradientNorm: globalNorm(grads) };
    },
    target === undefined ? { name: 'train step' } : { name: 'train step', target },
  );
  return {
    parameters,
    optimizerState,
    step: async (batch, step) => {
      const tensors = batchTensors(batch);
      const scalars = mapTree(optimizer.scalars(step), (value) => tf.scalar(value)) as Record<string, tf.Scalar>;
      const number = tf.scalar(step, 'int32');
      const result = await withPrecision(precision, () => update(tensors, scalars, number));
      const [loss = NaN] = await result.loss.data();
      const [gradientNorm = NaN] = await result.gradientNorm.data();
      tf.dispose([tensors, scalars, number, result] as tf.TensorContainer);
      return { loss, gradientNorm };
    },
    weights: () => mapWeights(parameters, (kept) => kept.read()),
    dispose: () => {
      for (const kept of cells.flatMap((tree) => flatten(tree))) kept.dispose();
    },
  };
}

/** A batch as tensors of [batch, time]. */
export function batchTensors(batch: Batch): BatchTensors {
  const { inputs, targets, weights, documents, positions, batchSize, context } = batch;
  const shape: [number, number] = [batchSize, context];
  return {
    inputs: tf.tensor2d(inputs, shape, 'int32'),
    targets: tf.tensor2d(targets, shape, 'int32'),
    weights: tf.tensor2d(weights, shape),
    ...(documents && { documents: tf.tensor2d(documents, shape, 'int32') }),
    ...(positions && { positions: tf.tensor2d(positions, shape, 'int32') }),
  };
}

function writeAll(cells: Tree<Cell>, values: Tensors): void {
  const tensors = flatten(values);
  flatten(cells).forEach((kept, index) => {
    kept.write(tensors[index] as tf.Tensor);
  });
}
