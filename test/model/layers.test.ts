import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { causalMask, masked, maskedMixing, mixing } from '../../src/model/mixing.js';
import { embed } from '../../src/model/embedding.js';
import { linear } from '../../src/model/linear.js';
import { gated, gelu } from '../../src/model/mlp.js';
import { layerNorm, rmsNorm } from '../../src/model/norm.js';
import { rotaryTables, rotate } from '../../src/model/rope.js';
import { expectClose } from './close.js';

type Numbers = number | Numbers[];
interface Reference {
  readonly inputs: Record<string, Numbers>;
  readonly y: Numbers;
  readonly dy: Numbers;
  readonly gradients: Record<string, Numbers>;
}

// Made by fixtures/layers.py with PyTorch and Hugging Face transformers.
const references = JSON.parse(readFileSync(new URL('fixtures/layers.json', import.meta.url), 'utf8')) as Record<
  string,
  Reference
>;

const turn = (x: tf.Tensor): tf.Tensor => {
  const { cos, sin } = rotaryTables({ headSize: 8, base: 10_000 }, 6);
  return rotate(x, tf.tensor2d(cos, [6, 8]), tf.tensor2d(sin, [6, 8]));
};

/** What opens SwiGLU’s gate. */
const silu = (x: tf.Tensor): tf.Tensor => gated(x, tf.onesLike(x));

const layers: Record<string, (...inputs: tf.Tensor[]) => tf.Tensor> = {
  rmsNorm: (weight, x) => rmsNorm(1e-5)({ weight }, x),
  layerNorm: (weight, x) => layerNorm(1e-5)({ weight }, x),
  silu: (x) => silu(x),
  gelu: (x) => gelu(x),
  rotate: (x) => turn(x),
};

describe('layers equal PyTorch’s', () => {
  it.each(Object.keys(layers))('%s: outputs to 2e-6, gradients to 1e-5', (name) => {
    const { inputs, y, dy, gradients } = references[name] as Reference;
    const layer = layers[name] as (...inputs: tf.Tensor[]) => tf.Tensor;
    const tensors = Object.values(inputs).map((values) => tf.tensor(values as number[]));
    const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => layer(...args))(tensors, tf.tensor(dy));
    expectClose(value.dataSync(), [y].flat(9) as number[], 2e-6);
    Object.values(gradients).forEach((expected, index) => {
      expectClose((grads[index] as tf.Tensor).dataSync(), [expected].flat(9) as number[], 1e-5);
    });
  });

  it('second derivatives hold: silu″ by finite differences of silu′', () => {
    const first = tf.grad((x: tf.Tensor) => tf.sum(silu(x)));
    const second = tf.grad((x: tf.Tensor) => tf.sum(first(x)));
    const at = tf.tensor1d([-2, -0.5, 0, 1, 3]);
    const step = 1e-2;
    const difference = tf.div(tf.sub(first(tf.add(at, step)), first(tf.sub(at, step))), 2 * step);
    expectClose(second(at).dataSync(), difference.dataSync(), 1e-4);
  });
});

describe('small parts, by hand', () => {
  it('linear: each row times the matrix', () => {
    const x = tf.tensor3d([1, 2, 3, 4], [1, 2, 2]);
    const weight = tf.tensor2d([1, 0, 10, 0, 1, 100], [2, 3]);
    const y = linear({ weight }, x);
    expect(y.shape).toEqual([1, 2, 3]);
    expect([...y.dataSync()]).toEqual([1, 2, 210, 3, 4, 430]);
  });

  it.each(['eager', 'compiled'])(
    'linear, %s: one row times a large matrix gives what it gives among others, gradients too',
    async (how) => {
      const weight = tf.randomNormal([512, 192], 0, 1, 'float32', 1);
      const x = tf.randomNormal([3, 512], 0, 1, 'float32', 2);
      const run = (rows: tf.Tensor, matrix: tf.Tensor): tf.Tensor[] => {
        const dy = tf.linspace(-1, 1, 192);
        const loss = (r: tf.Tensor, m: tf.Tensor): tf.Scalar => tf.sum(tf.mul(linear({ weight: m }, r), dy));
        return [linear({ weight: matrix }, rows), ...tf.grads(loss)([rows, matrix])];
      };
      const call = how === 'eager' ? (...args: [tf.Tensor, tf.Tensor]) => Promise.resolve(run(...args)) : compile(run);
      const [together, , ...rest] = await call(x, weight);
      expect(rest).toHaveLength(1);
      for (let index = 0; index < 3; index++) {
        const row = tf.slice(x, [index, 0], [1, 512]);
        const [alone, rowGradient, matrixGradient] = (await call(row, weight)) as [tf.Tensor, tf.Tensor, tf.Tensor];
        expectClose(alone.dataSync(), tf.slice(together as tf.Tensor, [index, 0], [1, 192]).dataSync(), 1e-4);
        const dy = tf.reshape(tf.linspace(-1, 1, 192), [1, 192]);
        expectClose(rowGradient.dataSync(), tf.matMul(dy, weight as tf.Tensor2D, false, true).dataSync(), 1e-4);
        expectClose(matrixGradient.dataSync(), tf.matMul(row as tf.Tensor2D, dy, true).dataSync(), 1e-4);
      }
    },
  );

  it('embed: the gradient of a table adds up where a token comes twice', () => {
    const tokens = tf.tensor2d([2, 0, 2], [1, 3], 'int32');
    const table = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    expect([...embed(table, tokens).dataSync()]).toEqual([5, 6, 1, 2, 5, 6]);
    const gradient = tf.grad((weights: tf.Tensor) => tf.sum(embed(weights, tokens)))(table);
    expect([...gradient.dataSync()]).toEqual([1, 1, 0, 0, 2, 2]);
  });

  it('causalMask: a query sees itself and what came before', () => {
    expect([...causalMask({ start: 0, end: 3, from: 0, to: 3 }, 0).dataSync()]).toEqual(
      [0, masked, masked, 0, 0, masked, 0, 0, 0].map(Math.fround),
    );
  });

  it('mixing: blocks give what the whole mask gives, values and gradients', () => {
    const time = 515; // four blocks, the last one shorter
    const draw = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);
    const inputs = [draw([2, 2, 3, time, 4], 1), draw([2, 2, time, 4], 2), draw([2, 2, time, 4], 3)];
    const dy = draw([2, 2, 3, time, 4], 4);
    const whole = maskedMixing(causalMask({ start: 0, end: time, from: 0, to: time }, 0));
    const [blocks, reference] = [mixing({ causal: true }), whole].map((mix) =>
      tf.valueAndGrads((...[q, k, v]: tf.Tensor[]) => mix(q as tf.Tensor, k as tf.Tensor, v as tf.Tensor))(inputs, dy),
    );
    expectClose(blocks?.value.dataSync() ?? [], reference?.value.dataSync() ?? [], 1e-5);
    reference?.grads.forEach((gradient, index) => {
      expectClose(blocks?.grads[index]?.dataSync() ?? [], gradient.dataSync(), 1e-5);
    });
  });

  it('a rotation keeps lengths, and products depend on the distance alone', () => {
    const { cos, sin } = rotaryTables({ headSize: 4, base: 100 }, 12);
    const table = (values: Float32Array): tf.Tensor => tf.tensor2d(values, [12, 4]);
    const same = (row: number[]): tf.Tensor => tf.tile(tf.tensor2d([row]), [12, 1]);
    const q = rotate(same([1, -2, 0.5, 3]), table(cos), table(sin));
    const k = rotate(same([0.3, 1, 2, -1]), table(cos), table(sin));
    const products = tf.matMul(q, k, false, true).arraySync() as number[][];
    for (const [i, j] of [
      [3, 1],
      [7, 5],
      [11, 9],
    ] as const) {
      expect(products[i]?.[j]).toBeCloseTo(products[2]?.[0] ?? NaN, 4);
    }
    expectClose(tf.norm(q, 2, 1).dataSync(), new Array<number>(12).fill(Math.sqrt(1 + 4 + 0.25 + 9)), 1e-5);
  });
});
