/** Gradients by central differences, and a table of functions whose gradients are to be compared with them. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { key, permutation } from '../../../src/engine/key.js';
import '../../../src/engine/gradients/index.js';

export interface Case {
  readonly fn: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** The arguments that are varied. */
  readonly inputs: readonly Input[];
}

export interface Input {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** Distinct numbers at least 0.1 from zero and 0.2 from each other, in an order of no pattern: no kink within reach of a step. */
export function around(...shape: number[]): Input {
  const size = tf.util.sizeFromShape(shape);
  const order = permutation(key(`around ${shape.join()}`), size);
  return { shape, values: Float32Array.from(order, (place) => (place - Math.floor(size / 2) + 0.5) * 0.2) };
}

/** Distinct positive numbers from 0.5 up. */
export function positive(...shape: number[]): Input {
  const order = permutation(key(`positive ${shape.join()}`), tf.util.sizeFromShape(shape));
  return { shape, values: Float32Array.from(order, (place) => 0.5 + place * 0.15) };
}

const toTensor = ({ values, shape }: Input) => tf.tensor(values, [...shape], 'float32');

/** Irregular weights of the outputs: the gradient of Σ wᵢ·yᵢ sees every output. */
function cotangent(shape: readonly number[]): tf.Tensor {
  const size = tf.util.sizeFromShape([...shape]);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, place) => Math.sin(1 + 2.3 * place)),
    [...shape],
    'float32',
  );
}

const step = 2 ** -5;
/** Fourth order: f′ ≈ (8·(f(+h) − f(−h)) − (f(+2h) − f(−2h))) / 12h. With h = 1/32 both its errors are near 1e-5 in float32. */
const stencil = [
  [1, 8],
  [-1, -8],
  [2, -1],
  [-2, 1],
] as const;

/** ∂(Σ wᵢ·yᵢ)/∂x for each element of each input; the outer sum runs in float64. */
export function numericGradients({ fn, inputs }: Case): number[][] {
  const evaluate = (moved: readonly Input[]) => tf.tidy(() => fn(...moved.map(toTensor)).dataSync());
  const weights = cotangent(tf.tidy(() => fn(...inputs.map(toTensor)).shape)).dataSync();
  return inputs.map((input, which) =>
    Array.from(input.values, (_, place) => {
      let slope = 0;
      for (const [distance, factor] of stencil) {
        const values = input.values.slice();
        values[place] = (values[place] ?? 0) + distance * step;
        const outputs = evaluate(inputs.map((other, index) => (index === which ? { ...other, values } : other)));
        for (let output = 0; output < outputs.length; output++) {
          slope += (factor * (outputs[output] ?? NaN) * (weights[output] ?? NaN)) / (12 * step);
        }
      }
      return slope;
    }),
  );
}

/** The same by tfjs and the registered gradients. */
function gradients({ fn }: Case, inputs: tf.Tensor[]): tf.Tensor[] {
  const shape = tf.tidy(() => fn(...inputs).shape);
  return tf.grads((...args) => fn(...args))(inputs, cotangent(shape));
}

/** Compares all cases of a table with central differences: eager, and compiled as one function for each target. */
export function checkGradients(table: Readonly<Record<string, Case>>): void {
  const cases = Object.entries(table);
  const expected = new Map<string, number[][]>();

  describe('eager', () => {
    test.each(cases)('%s', (name, entry) => {
      const numeric = numericGradients(entry);
      expected.set(name, numeric);
      expectClose(gradients(entry, entry.inputs.map(toTensor)), numeric, entry);
    });
  });

  describe.each(['xla', 'graph'] as const)('compiled for %s', (target) => {
    const results = new Map<string, tf.Tensor[]>();
    beforeAll(async () => {
      const all = compile(
        (inputs: tf.Tensor[][]) => cases.map(([, entry], index) => gradients(entry, inputs[index] ?? [])),
        {
          target,
          name: 'gradients',
        },
      );
      const outputs = await all(cases.map(([, entry]) => entry.inputs.map(toTensor)));
      cases.forEach(([name], index) => results.set(name, outputs[index] ?? []));
    });
    test.each(cases)('%s', (name, entry) => {
      expectClose(results.get(name) ?? [], expected.get(name) ?? numericGradients(entry), entry);
    });
  });
}

/** |∂ − numeric| ≤ 1e-3 · (1 + |numeric|) */
function expectClose(found: readonly tf.Tensor[], numeric: readonly number[][], { inputs }: Case): void {
  expect(found.map(({ shape, dtype }) => [shape, dtype])).toEqual(inputs.map(({ shape }) => [shape, 'float32']));
  const worst = found.map((gradient, which) =>
    Array.from(gradient.dataSync() as Float32Array).reduce((max, value, place) => {
      const reference = numeric[which]?.[place] ?? NaN;
      const error = Math.abs(value - reference) / (1 + Math.abs(reference));
      return Number.isNaN(error) ? Infinity : Math.max(max, error);
    }, 0),
  );
  expect(Math.max(...worst), `errors by input: ${worst.join(', ')}`).toBeLessThan(1e-3);
}
