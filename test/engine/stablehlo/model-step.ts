import * as tf from '@tensorflow/tfjs';
import { cell } from '../../../src/engine/cell.js';
import type { Cell } from '../../../src/engine/cell.js';
import { compile } from '../../../src/engine/compile.js';
import { key } from '../../../src/engine/key.js';
import { withPrecision } from '../../../src/engine/precision.js';
import type { Precision } from '../../../src/engine/precision.js';
import { foldTensor } from '../../../src/engine/random.js';
import { flatten, mapTree, treeEntries } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import type { Elements } from '../../../src/engine/trace.js';
import { accumulate } from '../../../src/train/accumulate.js';
import { partFactors, partNames, totalOf, weighedParts } from '../../../src/train/loss.js';
import type { Computing, Loss, RowTensors } from '../../../src/train/loss.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { zipTrees } from '../../../src/train/optimizers/optimizer.js';
import type { Tensors } from '../../../src/train/optimizers/optimizer.js';
import { lossesByPjrt } from './run-step.js';

/** A training of a model of the library: its loss, first weights and one batch. */
export interface Trained<Weights, B> {
  readonly loss: Loss<Weights, B>;
  readonly weights: Weights;
  readonly batch: B;
  readonly computing?: Computing;
  /** Leaves elements out, by a key that changes with the step. */
  readonly dropout?: boolean;
  readonly precision?: Precision;
  /** Rows that are computed at a time, in a loop. Default: all. */
  readonly microBatch?: number;
}

/** Forward, loss, gradients and AdamW as one function of the batch, the optimizer's scalars and the step's number. */
export function modelStep<Weights, B>({
  loss,
  weights,
  batch,
  computing,
  dropout,
  precision = 'float32',
  microBatch,
}: Trained<Weights, B>) {
  const optimizer = adamw({ learningRate: 1e-2 });
  const cellsOf = (tree: Tensors): Tree<Cell> => mapTree(tree, (leaf: tf.Tensor) => cell(leaf));
  const parameters = cellsOf(weights as Tensors);
  const moments = cellsOf(optimizer.init(weights as Tensors));
  const read = (cells: Tree<Cell>): Tensors => mapTree(cells, (kept: Cell) => kept.read());
  const write = (cells: Tree<Cell>, values: Tensors): void => {
    const leaves = flatten<tf.Tensor>(values);
    flatten<Cell>(cells).forEach((kept, index) => {
      const leaf = leaves[index];
      if (leaf !== undefined) kept.write(leaf);
    });
  };
  const step = compile(
    (rows: RowTensors, scalars: Record<string, tf.Tensor>, number: tf.Tensor): tf.Scalar => {
      const before = read(parameters);
      const counted = partFactors(loss, loss.counts(rows));
      const dropoutKey = dropout === true ? foldTensor(key(7), number) : undefined;
      const { parts, grads } = accumulate(
        rows,
        microBatch,
        before,
        (piece) => {
          let found: tf.Tensor1D | undefined;
          const differentiated = valueAndGrads((values: unknown) => {
            const sums = loss.sums(values as Weights, piece, { ...computing, dropoutKey });
            const weighed = weighedParts(loss, sums, counted);
            found = tf.keep(weighed.clone());
            return totalOf(loss, weighed);
          });
          const { grads: ofPiece } = withPrecision(precision, () => differentiated(before), { emulated: true });
          if (found === undefined) throw new Error('the loss was not computed');
          return { parts: found, grads: ofPiece as Tensors };
        },
        partNames(loss).length,
      );
      const { updates, state } = optimizer.update(grads, read(moments), before, scalars);
      write(
        parameters,
        zipTrees((leaf, change) => tf.add(leaf, change), before, updates),
      );
      write(moments, state);
      return totalOf(loss, parts);
    },
    { name: 'train step', target: 'graph' },
  );
  const rows = loss.tensors(batch);
  const argumentsOf = (index: number): [RowTensors, Record<string, tf.Tensor>, tf.Tensor] => [
    rows,
    Object.fromEntries(Object.entries(optimizer.scalars(index + 1)).map(([name, value]) => [name, tf.scalar(value)])),
    tf.scalar(index + 1, 'int32'),
  ];
  return { step, argumentsOf };
}

/** The losses of the first steps, by the plugin and by TensorFlow's graph executor. */
export async function bothLosses<Weights, B>(
  trained: Trained<Weights, B>,
  numSteps: number,
): Promise<{ readonly actual: number[]; readonly expected: number[] }> {
  const { step, argumentsOf } = modelStep(trained);
  const actual = await lossesByPjrt(step.trace(...argumentsOf(0)), numSteps, (index) =>
    treeEntries<tf.Tensor>(argumentsOf(index)).map(([, tensor]) => tensor.dataSync() as Elements),
  );
  const expected: number[] = [];
  for (let index = 0; index < numSteps; index++) {
    expected.push((await (await step(...argumentsOf(index))).data())[0] ?? NaN);
  }
  return { actual, expected };
}
