import * as tf from '@tensorflow/tfjs';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { flatten, mapTree, treeEntries } from '../../src/engine/tree.js';
import { zipTrees } from '../../src/train/optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../../src/train/optimizers/optimizer.js';

// The parameters and gradients of fixtures/optimizers.py: a table, a matrix and a gain, each element a formula of its place.

const shapes = { embedding: [8, 6], layers: [{ query: [6, 4], gain: [6] }] } as const;

function tree(element: (leaf: number, place: number) => number): Tensors {
  const tensor = (leaf: number, shape: readonly number[]): tf.Tensor => {
    const size = shape.reduce((product, length) => product * length, 1);
    return tf.tensor(
      Array.from({ length: size }, (_, place) => element(leaf, place)),
      [...shape],
      'float32',
    );
  };
  const [layer] = shapes.layers;
  return {
    embedding: tensor(0, shapes.embedding),
    layers: [{ query: tensor(1, layer.query), gain: tensor(2, layer.gain) }],
  };
}

export function startParameters(): Tensors {
  return tree((leaf, place) => 0.5 * Math.cos(1.7 * place + leaf));
}

export function gradientsOf(step: number): Tensors {
  return tree((leaf, place) =>
    leaf === 0 && (Math.floor(place / 6) + step) % 3 === 0
      ? 0
      : Math.sin(0.7 * (place + 1) ** 2 + 0.31 * step * ((place % 7) + 1) + leaf) + 0.5 * Math.cos(place),
  );
}

/** The scalars of a step as tensors. */
export function scalarsOf(optimizer: Optimizer, step: number): Record<string, tf.Tensor> {
  return Object.fromEntries(Object.entries(optimizer.scalars(step)).map(([name, value]) => [name, tf.scalar(value)]));
}

/** One update, not compiled; tensors on the way are freed. */
export function stepOnce(
  optimizer: Optimizer,
  parameters: Tensors,
  state: Tensors,
  gradients: Tensors,
  step: number,
): { readonly parameters: Tensors; readonly state: Tensors } {
  return tf.tidy(() => {
    const result = optimizer.update(gradients, state, parameters, scalarsOf(optimizer, step));
    const moved = zipTrees((value, change) => tf.add(value, change), parameters, result.updates);
    return { parameters: moved, state: result.state } as unknown as tf.TensorContainerObject;
  }) as unknown as { parameters: Tensors; state: Tensors };
}

/** The leaves' numbers by their paths. */
export function numbers(given: Tensors): Record<string, number[]> {
  return Object.fromEntries(treeEntries<tf.Tensor>(given).map(([path, leaf]) => [path, [...leaf.dataSync()]]));
}

/** Descends for so many steps in a compiled step, and tells what the parameters and the state are after each. */
export async function descend(
  optimizer: Optimizer,
  steps: number,
  onStep: (step: number, parameters: Tensors, state: Tensors) => void,
  gradients: (step: number, parameters: Tensors) => Tensors = gradientsOf,
  first: Tensors = startParameters(),
): Promise<void> {
  const update = compile(
    (parameters: Tensors, state: Tensors, given: Tensors, scalars: Record<string, tf.Tensor>) => {
      const result = optimizer.update(given, state, parameters, scalars);
      return {
        parameters: zipTrees((value, change) => tf.add(value, change), parameters, result.updates),
        // Copies: a state may hold an argument as it is.
        state: mapTree<tf.Tensor, tf.Tensor>(result.state, (leaf) => tf.clone(leaf)),
      };
    },
    { name: 'descend', target: 'graph' },
  );
  let parameters = first;
  let state: Tensors = optimizer.init(parameters);
  for (let step = 1; step <= steps; step++) {
    const given = gradients(step, parameters);
    const scalars = scalarsOf(optimizer, step);
    const before = [...flatten(parameters), ...flatten(state)];
    ({ parameters, state } = await update(parameters, state, given, scalars));
    tf.dispose([before, flatten(given), Object.values(scalars)]);
    onStep(step, parameters, state);
  }
  tf.dispose([flatten(parameters), flatten(state)]);
}
