import * as tf from '@tensorflow/tfjs';
import type { Features } from '../../../src/data/table/features.js';
import { fold, uniformNumbers } from '../../../src/engine/key.js';
import type { Key } from '../../../src/engine/key.js';
import { normal } from '../../../src/engine/random.js';
import type { LoaderOptions, Loader } from '../../../src/tokens/loader.js';
import { tableLoader } from '../../../src/tokens/table-loader.js';
import type { TableBatch } from '../../../src/tokens/table-loader.js';
import type { RowReader } from '../../../src/train/objectives/labelled-rows.js';

/** y = a sin(x + p): amplitude and phase are the task. */
export interface Sine {
  readonly amplitude: number;
  readonly phase: number;
}

/** Finn 2017, section 5.1: amplitudes from 0.1 to 5, phases from 0 to π. */
export function drawSine(key: Key): Sine {
  const [a = 0, p = 0] = uniformNumbers(key, 2);
  return { amplitude: 0.1 + 4.9 * a, phase: Math.PI * p };
}

export type Points = (options: LoaderOptions) => Loader<TableBatch<Float32Array>>;

/** Points with these x. */
export function pointsAt(f: (x: number) => number, xs: readonly number[]): Points {
  const values = Float32Array.from(xs);
  const rows: Features = { numRows: xs.length, columns: ['x'], values };
  return (options) => tableLoader(rows, values.map(f), options);
}

/** Points with x drawn from −5 to 5. */
export function drawnPoints({ amplitude, phase }: Sine, count: number, key: Key): Points {
  const xs = Array.from(uniformNumbers(key, count), (u) => 10 * u - 5);
  return pointsAt((x) => amplitude * Math.sin(x + phase), xs);
}

export type Layers = { readonly layers: readonly { readonly weight: tf.Tensor2D; readonly bias: tf.Tensor1D }[] };

/** tanh between linear layers. */
export const perceptron: RowReader<Layers> & { init(key: Key, width: number): Layers } = {
  forward: ({ layers }, inputs) =>
    layers.reduce((x, { weight, bias }, index) => {
      const y = tf.add(tf.matMul(x as tf.Tensor2D, weight), bias);
      return index === layers.length - 1 ? y : tf.tanh(y);
    }, inputs),
  init: (key, width) => ({
    layers: [1, width, width].map((inputs, index) => {
      const outputs = index === 2 ? 1 : width;
      return {
        weight: normal(fold(key, index), [inputs, outputs], { deviation: Math.sqrt(1 / inputs) }) as tf.Tensor2D,
        bias: tf.zeros([outputs]),
      };
    }),
  }),
};

export type Line = { readonly slope: tf.Tensor; readonly intercept: tf.Tensor };

/** slope · x + intercept. */
export const line: RowReader<Line> = {
  forward: ({ slope, intercept }, inputs) => tf.add(tf.mul(inputs, slope), intercept),
};
