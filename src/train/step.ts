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
import type { ForwardOptions } from '../model/decoder.js';
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

/**
 * What can be trained to predict tokens: logits [batch, time, vocabulary] of weights that are a tree of tensors. A decoder is one; so
 * is an adapter beside a model, and an encoder with its masked-language-model head.
 */
export interface Trainable<Weights> {
  forward(weights: Weights, inputs: tf.Tensor, options?: ForwardOptions): tf.Tensor;
}

/** Weights and optimizer state in cells, and the step that changes them in place. */
export interface Training<Weights = DecoderWeights> {
  readonly parameters: Tree<Cell>;
  readonly optimizerState: Tree<Cell>;
  /** One update. `step` counts from 1. Steps run in the order they are asked for, off the JavaScript thread. */
  step(batch: Batch, step: number): Promise<StepResult>;
  /** The weights as they are now, as tensors of their own. */
  weights(): Weights;
  dispose(): void;
}

/** What a training starts from. */
export interface TrainingOptions<Weights = DecoderWeights> {
  readonly weights: Weights;
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
 * A training of a model: forward, loss, gradients and update as one compiled step. The weights given are copied;
 * they stay as they are.
 *
 * @example
 * const training = startTraining(architecture, { weights: architecture.init(key), optimizer: adamw({ learningRate: 1e-3 }) });
 * const { loss } = await training.step(batches.next(), 1);
 */
export function startTraining<Weights>(
  model: Trainable<Weights>,
  options: TrainingOptions<Weights>,
): Training<Weights> {
  const { weights, optimizer, precision = 'float32', target, dropoutKey } = options;
  const given = weights as Tree<tf.Tensor>;
  const parameters = mapTree<tf.Tensor, Cell>(given, (tensor, path) => cell(tensor, { name: path }));
  const start = optimizer.init(given);
  const optimizerState = mapTree<tf.Tensor, Cell>(start, (tensor, path) => cell(tensor, { name: `optimizer.${path}` }));
  tf.dispose(start as tf.TensorContainer);
  const cells: Tree<Cell>[] = [parameters, optimizerState];
  const update = compile(
    (batch: BatchTensors, scalars: Readonly<Record<string, tf.Tensor>>, number: tf.Scalar) => {
      const { inputs, documents, positions } = batch;
      const reading = { documents, positions, dropoutKey: dropoutKey && foldTensor(dropoutKey, number) };
      const lossOf = (values: unknown): tf.Scalar =>
        crossEntropy(model.forward(values as Weights, inputs, reading), batch);
      const { value: loss, grads } = withPrecision(
        precision,
        () => valueAndGrads(lossOf)(parameters) as { value: tf.Scalar; grads: Tensors },
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
    weights: () => mapTree<Cell, tf.Tensor>(parameters, (kept) => kept.read()) as Weights,
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
