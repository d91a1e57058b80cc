import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { cell } from '../../src/engine/cell.js';
import { compile } from '../../src/engine/compile.js';
import { readTree, valueAndGrads } from '../../src/engine/value-and-grads.js';

describe('cell', () => {
  it('holds a copy, of the same shape and dtype for ever', async () => {
    const start = tf.tensor1d([1, 2]);
    const kept = cell(start, { name: 'layers.0.bias' });
    start.dispose();
    expect(await kept.data()).toEqual(Float32Array.of(1, 2));
    kept.write(tf.tensor1d([3, 4]));
    expect(await kept.read().array()).toEqual([3, 4]);
    expect(() => {
      kept.write(tf.tensor1d([1, 2, 3]));
    }).toThrow(/layers\.0\.bias does not fit.*float32\[3\].*float32\[2\]/s);
    expect(() => {
      kept.write(tf.tensor1d([1, 2], 'int32'));
    }).toThrow(/int32\[2\]/);
    kept.dispose();
    kept.dispose();
    expect(() => kept.read()).toThrow(/layers\.0\.bias was disposed/);
  });

  it('stores bfloat16 rounded to nearest even, and shows float32', async () => {
    // 1 + 2^-8 lies half way between two bfloat16 numbers, 1 and 1 + 2^-7: even is 1.
    const kept = cell(tf.tensor1d([1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.14159]), { storage: 'bfloat16' });
    expect(await kept.data()).toEqual(Float32Array.of(1, 1 + 2 ** -6, 3.140625));
    const add = compile(() => {
      kept.write(tf.add(kept.read(), 1));
    });
    await add();
    expect(await kept.data()).toEqual(Float32Array.of(2, 2.015625, 4.125));
  });

  it('gives a snapshot that later writes leave as it is, in as many bytes as are stored', async () => {
    const kept = cell(tf.tensor2d([[1, 2, 3.14159]]), { storage: 'bfloat16' });
    const snapshot = kept.snapshot();
    const add = compile(() => {
      kept.write(tf.add(kept.read(), 1));
    });
    await add();
    kept.write(tf.zeros([1, 3]));
    expect(await snapshot.data()).toEqual(Float32Array.of(1, 2, 3.140625));
    expect(await tf.transpose(snapshot).array()).toEqual([[1], [2], [3.140625]]);
    expect(await kept.data()).toEqual(new Float32Array(3));
    kept.dispose();
    expect(await snapshot.data()).toEqual(Float32Array.of(1, 2, 3.140625));
  });

  it('stays out of the registry of tf.Variable', () => {
    const { numTensors } = tf.memory();
    const registered = Object.keys(tf.engine().registeredVariables).length;
    const kept = cell(tf.tidy(() => tf.zeros([3])));
    expect(Object.keys(tf.engine().registeredVariables)).toHaveLength(registered);
    expect(tf.memory().numTensors).toBeLessThanOrEqual(numTensors + 1);
    kept.dispose();
  });

  it('cannot be made, or written from a loop, inside a compiled function', async () => {
    await expect(compile(() => cell(tf.zeros([1])).read())()).rejects.toThrow(/cannot be made inside/);
  });
});

describe('valueAndGrads', () => {
  it('gives zeros for what is not used, and keeps the tree', async () => {
    const tree = { a: [cell(tf.scalar(3))], b: { unused: cell(tf.zeros([2])), c: tf.scalar(5) } };
    const { value, grads } = valueAndGrads((p: { a: tf.Tensor[]; b: { unused: tf.Tensor; c: tf.Tensor } }) =>
      tf.mul(tf.square(p.a[0] as tf.Tensor), p.b.c).asScalar(),
    )(tree);
    expect(await value.array()).toBe(45);
    expect(await grads.a[0]?.array()).toBe(30); // d(a² c)/da = 2 a c
    expect(await grads.b.c.array()).toBe(9);
    expect(await grads.b.unused.array()).toEqual([0, 0]);
    expect(await (readTree(tree.a)[0] as tf.Tensor).array()).toBe(3);
  });

  it('refuses a loss that is not one number, and a leaf that is no tensor', () => {
    expect(() => valueAndGrads((x: tf.Tensor) => tf.square(x))(tf.zeros([2]))).toThrow(
      /must return one number.*\[2\]/s,
    );
    expect(() => valueAndGrads(() => tf.scalar(1))({ learningRate: 3 })).toThrow(/every leaf.*number at learningRate/s);
  });
});
