import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../../engine/cell.js';
import { compile } from '../../engine/compile.js';
import type { Compiled, CompileOptions } from '../../engine/compile.js';
import { vectorJacobian } from '../../engine/custom-gradient.js';
import type { DeviceName } from '../../engine/device.js';
import type { Key } from '../../engine/key.js';
import { foldTensor } from '../../engine/random.js';
import { flatten, mapTree, unflatten } from '../../engine/tree.js';
import type { Tree } from '../../engine/tree.js';
import { shardings } from '../../model/shardings.js';
import type { PipelineStage, StageReading } from '../../model/stages.js';
import { readAll, writeAll } from '../cell-trees.js';
import { partFactors, partNames, totalOf, weighedParts } from '../loss.js';
import type { Loss, PartSums, RowTensors } from '../loss.js';
import { squaredNorm } from '../optimizers/clip-by-global-norm.js';
import { zipTrees } from '../optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../optimizers/optimizer.js';
import { CellPlaces } from '../sharded-cells.js';

/** Numbers that a pass is given: the number of the step, and of the micro-batch. */
export interface PassNumbers {
  readonly step: tf.Tensor;
  readonly microBatch: tf.Tensor;
}

export interface StageRunnerOptions {
  readonly device: DeviceName | undefined;
  readonly optimizer: Optimizer;
  readonly dropoutKey: Key | undefined;
  /** Of the weights that the first stage has too: the norm counts them there. */
  readonly tied: readonly string[];
}

/** One stage of a pipeline: its weights, gradients and optimizer state in cells of its device, and the programs that work on them. */
export class StageRunner {
  readonly parameters: Tree<Cell>;
  /** Sums over the micro-batches of a step. */
  readonly gradients: Tree<Cell>;
  readonly state: Tree<Cell>;
  /** x → y. */
  readonly forward: Compiled<[x: tf.Tensor, rest: RowTensors, numbers: PassNumbers], tf.Tensor>;
  /** dy → dx, computing y again; gradients are added up. */
  readonly backward: Compiled<[x: tf.Tensor, rest: RowTensors, dy: tf.Tensor, numbers: PassNumbers], tf.Tensor>;
  /** Of the last stage: x → dx and the parts of the loss; gradients are added up. */
  readonly lossAndBackward: Compiled<
    [x: tf.Tensor, rest: RowTensors, counts: PartSums, numbers: PassNumbers],
    readonly [dx: tf.Tensor, parts: tf.Tensor1D]
  >;
  /** Σ g². */
  readonly squaredNorm: Compiled<[], tf.Tensor>;
  /** New weights and state, from the norm of all stages' gradients; these are 0 afterwards. */
  readonly update: Compiled<[scalars: Readonly<Record<string, tf.Tensor>>], tf.Tensor>;
  /** Gradients are 0 again, and nothing else changes. */
  readonly forget: Compiled<[], tf.Tensor>;

  constructor(
    readonly index: number,
    stage: PipelineStage,
    loss: Loss<unknown, never>,
    { device, optimizer, dropoutKey, tied }: StageRunnerOptions,
  ) {
    const weights = stage.weights as Tensors;
    const places = new CellPlaces(weights, shardings(stage.weights));
    this.parameters = places.cellsOfWeights(`stages.${index}.`);
    const zeros = (): Tensors => mapTree<tf.Tensor, tf.Tensor>(weights, (leaf) => tf.zeros(leaf.shape));
    this.gradients = places.cellsOfState(zeros(), `gradients.${index}.`);
    this.state = places.cellsOfState(optimizer.init(weights), `optimizer.${index}.`, (path, leaf) =>
      optimizer.storage?.(path, leaf),
    );
    const options = (name: string): CompileOptions => ({ name, ...(device !== undefined && { device }) });
    const keyOf = ({ step, microBatch }: PassNumbers) =>
      dropoutKey && foldTensor(foldTensor(dropoutKey, step), microBatch);
    const reading = (rest: RowTensors, numbers: PassNumbers): StageReading => ({
      ...rest,
      dropoutKey: keyOf(numbers),
    });
    const add = (found: Tensors): void => {
      writeAll(
        this.gradients,
        zipTrees((sum, gradient) => tf.add(sum, gradient), readAll(this.gradients), found),
      );
    };
    /** Gradients of what `fn` makes, with respect to x and the weights. */
    const backwards = (x: tf.Tensor, fn: (weights: unknown, x: tf.Tensor) => tf.Tensor, dy: tf.Tensor): tf.Tensor => {
      const parameters = readAll(this.parameters);
      const leaves = flatten<tf.Tensor>(parameters);
      const [dx, ...grads] = vectorJacobian(() => [fn(parameters, x)], [x, ...leaves], [dy]);
      add(unflatten(parameters, grads));
      return dx as tf.Tensor;
    };
    this.forward = compile(
      (x: tf.Tensor, rest: RowTensors, numbers: PassNumbers) =>
        stage.forward(readAll(this.parameters), x, reading(rest, numbers)),
      options(`stage ${index} forward`),
    );
    this.backward = compile(
      (x: tf.Tensor, rest: RowTensors, dy: tf.Tensor, numbers: PassNumbers) =>
        backwards(x, (own, given) => stage.forward(own, given, reading(rest, numbers)), dy),
      options(`stage ${index} backward`),
    );
    this.lossAndBackward = compile(
      (x: tf.Tensor, rest: RowTensors, counts: PartSums, numbers: PassNumbers) => {
        const factors = partFactors(loss, counts);
        const key = keyOf(numbers);
        let parts: tf.Tensor1D = tf.zeros([partNames(loss).length]);
        const dx = backwards(
          x,
          (own, given) => {
            const weighed = weighedParts(
              loss,
              loss.sums(own, { ...rest, inputs: given }, { dropoutKey: key }),
              factors,
            );
            parts = tf.keep(weighed.clone());
            return totalOf(loss, weighed);
          },
          tf.scalar(1),
        );
        const found = parts.clone();
        parts.dispose(); // was kept out of the gradient's own tidy
        return [dx, found] as const;
      },
      options(`stage ${index} loss and backward`),
    );
    this.squaredNorm = compile(
      () => {
        const own = flatten<Cell>(this.gradients).filter(
          ({ name }) => !tied.includes(name.slice(`gradients.${index}.`.length)),
        );
        return squaredNorm(readAll(own));
      },
      options(`stage ${index} norm`),
    );
    const clear = (): tf.Tensor => {
      writeAll(this.gradients, zeros());
      return tf.scalar(0);
    };
    this.update = compile(
      (scalars: Readonly<Record<string, tf.Tensor>>) => {
        const before = readAll(this.parameters);
        const { updates, state } = optimizer.update(readAll(this.gradients), readAll(this.state), before, scalars);
        writeAll(
          this.parameters,
          zipTrees((value, change) => tf.add(value, change), before, updates),
        );
        writeAll(this.state, state);
        return clear();
      },
      options(`stage ${index} update`),
    );
    this.forget = compile(clear, options(`stage ${index} forget`));
  }

  /** A weight's gradient, by the weight's path. */
  gradient(path: string): Cell {
    const name = `gradients.${this.index}.${path}`;
    const found = flatten<Cell>(this.gradients).find((each) => each.name === name);
    if (found === undefined) throw new Error(`internal: stage ${this.index} has no weight ${path}`);
    return found;
  }

  dispose(): void {
    for (const tree of [this.parameters, this.gradients, this.state])
      for (const kept of flatten<Cell>(tree)) kept.dispose();
  }
}
