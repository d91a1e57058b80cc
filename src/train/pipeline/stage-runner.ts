import * as tf from '@tensorflow/tfjs';
import type { Cell } from '../../engine/cell.js';
import { compile } from '../../engine/compile.js';
import type { CompileOptions } from '../../engine/compile.js';
import { vectorJacobian } from '../../engine/custom-gradient.js';
import type { DeviceName } from '../../engine/device.js';
import type { Key } from '../../engine/key.js';
import { withPrecision } from '../../engine/precision.js';
import type { Precision } from '../../engine/precision.js';
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
import { updateAverage } from '../optimizers/weight-average.js';
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
  readonly precision: Precision;
  readonly emulated: boolean;
  /** Whether a running mean of the weights is kept. */
  readonly averages: boolean;
}

/** Numbers of a step, beside those of the optimizer: the decay of the running mean, where there is one. */
export type StepNumbers = Readonly<Record<string, tf.Tensor>>;

/** A compiled function. */
type Pass<Arguments extends readonly unknown[], Result = tf.Tensor> = (...args: Arguments) => Promise<Result>;

/** One stage of a pipeline: its weights, gradients and optimizer state in cells of its device, and the programs that work on them. */
export class StageRunner {
  readonly parameters: Tree<Cell>;
  /** Sums over the micro-batches of a step. */
  readonly gradients: Tree<Cell>;
  readonly state: Tree<Cell>;
  /** The running mean of the weights; empty without one. */
  readonly average: Tree<Cell>;
  /** x → y. */
  readonly forward: Pass<[x: tf.Tensor, rest: RowTensors, numbers: PassNumbers]>;
  /** dy → dx, computing y again; gradients are added up. */
  readonly backward: Pass<[x: tf.Tensor, rest: RowTensors, dy: tf.Tensor, numbers: PassNumbers]>;
  /** Of the last stage: x → dx and the parts of the loss; gradients are added up. */
  readonly lossAndBackward: Pass<
    [x: tf.Tensor, rest: RowTensors, counts: PartSums, numbers: PassNumbers],
    readonly [dx: tf.Tensor, parts: tf.Tensor1D]
  >;
  /** Σ g². */
  readonly squaredNorm: Pass<[]>;
  /** New weights and state, from the norm of all stages' gradients; these are 0 afterwards. */
  readonly update: Pass<[scalars: Readonly<Record<string, tf.Tensor>>, own: StepNumbers]>;
  /** Gradients are 0 again, and nothing else changes. */
  readonly forget: Pass<[]>;

  constructor(
    readonly index: number,
    stage: PipelineStage,
    loss: Loss<unknown, never>,
    { device, optimizer, dropoutKey, tied, precision, emulated, averages }: StageRunnerOptions,
  ) {
    const weights = stage.weights as Tensors;
    const places = new CellPlaces(weights, shardings(stage.weights));
    this.parameters = places.cellsOfWeights(`stages.${index}.`);
    const zeros = (): Tensors => mapTree<tf.Tensor, tf.Tensor>(weights, (leaf) => tf.zeros(leaf.shape));
    this.gradients = places.cellsOfState(zeros(), `gradients.${index}.`);
    this.state = places.cellsOfState(optimizer.init(weights), `optimizer.${index}.`, (path, leaf) =>
      optimizer.storage?.(path, leaf),
    );
    this.average = averages ? places.cellsOfWeights(`average.${index}.`) : [];
    const onDevice: CompileOptions = device === undefined ? {} : { device };
    const compiled = <Arguments extends readonly unknown[], Result>(
      name: string,
      fn: (...args: Arguments) => Result,
    ): Pass<Arguments, Result> => {
      const run = compile(fn, { ...onDevice, name: `stage ${index} ${name}` });
      return (...args) => withPrecision(precision, () => run(...args), { emulated });
    };
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
    this.forward = compiled('forward', (x: tf.Tensor, rest: RowTensors, numbers: PassNumbers) =>
      stage.forward(readAll(this.parameters), x, reading(rest, numbers)),
    );
    this.backward = compiled('backward', (x: tf.Tensor, rest: RowTensors, dy: tf.Tensor, numbers: PassNumbers) =>
      backwards(x, (own, given) => stage.forward(own, given, reading(rest, numbers)), dy),
    );
    this.lossAndBackward = compiled(
      'loss and backward',
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
    );
    this.squaredNorm = compiled('norm', () => {
      const own = flatten<Cell>(this.gradients).filter(
        ({ name }) => !tied.includes(name.slice(`gradients.${index}.`.length)),
      );
      return squaredNorm(readAll(own));
    });
    const clear = (): tf.Tensor => {
      writeAll(this.gradients, zeros());
      return tf.scalar(0);
    };
    this.update = compiled('update', (scalars: Readonly<Record<string, tf.Tensor>>, own: StepNumbers) => {
      const before = readAll(this.parameters);
      const { updates, state } = optimizer.update(readAll(this.gradients), readAll(this.state), before, scalars);
      const after = zipTrees((value, change) => tf.add(value, change), before, updates);
      writeAll(this.parameters, after);
      writeAll(this.state, state);
      const decay = own['averageDecay'];
      if (decay !== undefined) writeAll(this.average, updateAverage(readAll(this.average), after, decay));
      return clear();
    });
    this.forget = compiled('forget', clear);
  }

  /** A weight's gradient, by the weight's path. */
  gradient(path: string): Cell {
    const name = `gradients.${this.index}.${path}`;
    const found = flatten<Cell>(this.gradients).find((each) => each.name === name);
    if (found === undefined) throw new Error(`internal: stage ${this.index} has no weight ${path}`);
    return found;
  }

  dispose(): void {
    for (const tree of [this.parameters, this.gradients, this.state, this.average])
      for (const kept of flatten<Cell>(tree)) kept.dispose();
  }
}
