import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import '../../src/engine/backend.js';
import { cell } from '../../src/engine/cell.js';
import { compile } from '../../src/engine/compile.js';
import { op1 } from '../../src/engine/op.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';

const targets = ['xla', 'graph'] as const;

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(targets)('compile for %s', (target) => {
  it('gives what the function gives, tree for tree', async () => {
    const fn = (x: tf.Tensor, { scale }: { scale: number }): { y: tf.Tensor; parts: [tf.Tensor, string] } => ({
      y: tf.tidy(() => tf.mul(tf.add(x, 1), scale)),
      parts: [tf.sum(x), 'kept'],
    });
    const compiled = compile(fn, { target });
    const result = await compiled(tf.tensor1d([1, 2, 3]), { scale: 2 });
    expect(await result.y.array()).toEqual([4, 6, 8]);
    expect(await result.parts[0].array()).toBe(6);
    expect(result.parts[1]).toBe('kept');
  });

  it('traces once a signature', async () => {
    let calls = 0;
    const compiled = compile(
      (x: tf.Tensor) => {
        calls++;
        return tf.neg(x);
      },
      { target },
    );
    for (const values of [[1], [2], [3]])
      expect(await (await compiled(tf.tensor1d(values))).data()).toEqual(Float32Array.of(-(values[0] ?? 0)));
    await compiled(tf.tensor1d([1, 2]));
    expect([calls, compiled.numTraces]).toEqual([2, 2]);
  });

  it('updates cells in place, also when calls are not awaited, and eager reads see all that was queued', async () => {
    const count = cell(tf.zeros([2]));
    const twice = compile(
      () => {
        count.write(tf.add(count.read(), 1));
        count.write(tf.add(count.read(), 1));
      },
      { target },
    );
    const pending = Array.from({ length: 20 }, () => twice());
    expect(await count.read().array()).toEqual([40, 40]);
    await Promise.all(pending);
    twice.sync();
    expect(await count.data()).toEqual(Float32Array.of(42, 42));
    count.dispose();
  });

  it('has the gradients of eager execution', async () => {
    const x = tf.tensor2d([
      [0.3, -1.2, 2],
      [1, 0.1, -0.5],
    ]);
    const w = cell(tf.tensor2d([[0.2], [-0.4], [0.7]]));
    const loss = (p: { w: tf.Tensor }): tf.Tensor => tf.mean(tf.square(tf.tanh(tf.matMul(x, p.w as tf.Tensor2D))));
    const eager = valueAndGrads(loss)({ w });
    const compiled = await compile(() => valueAndGrads(loss)({ w }), { target })();
    const difference = tf.max(tf.abs(tf.sub(eager.grads.w, compiled.grads.w)));
    expect((await difference.data())[0]).toBeLessThan(1e-6);
    expect((await compiled.value.data())[0]).toBeCloseTo((await eager.value.data())[0] ?? NaN, 6);
  });

  it('fails with the words of TensorFlow, and the next call works', async () => {
    const gather = compile((table: tf.Tensor, index: tf.Tensor1D) => tf.gather(table, index), { target: 'graph' });
    const table = tf.tensor1d([10, 20]);
    await expect(gather(table, tf.tensor1d([7], 'int32'))).rejects.toThrow(/7 is not in \[0, 2\)/);
    expect(await (await gather(table, tf.tensor1d([1], 'int32'))).array()).toEqual([20]);
  });

  it('leaves no tensor behind', async () => {
    const state = cell(tf.zeros([4]));
    const step = compile(
      (x: tf.Tensor) => {
        state.write(tf.tidy(() => tf.add(state.read(), tf.mul(x, 2))));
        return tf.sum(state.read());
      },
      { target },
    );
    const x = tf.ones([4]);
    (await step(x)).dispose();
    const { numTensors } = tf.memory();
    for (let index = 0; index < 10; index++) (await step(x)).dispose();
    expect(tf.memory().numTensors).toBeLessThanOrEqual(numTensors);
  });
});

describe('compile', () => {
  it('captures tensors as they are, and outlives them', async () => {
    const offset = tf.tensor1d(Array.from({ length: 100 }, (_, index) => index));
    const add = compile((x: tf.Tensor) => tf.add(x, offset));
    const first = await add(tf.zeros([100]));
    offset.dispose();
    const second = await add(tf.ones([100]));
    expect((await first.data())[99]).toBe(99);
    expect((await second.data())[99]).toBe(100);
  });

  it('explains ops, FLOPs and bytes without running anything', () => {
    const product = compile((a: tf.Tensor2D, b: tf.Tensor2D) => tf.relu(tf.matMul(a, b)));
    const { numOps, flops, mostExpensive } = product.explain(tf.zeros([8, 16]), tf.zeros([16, 4]));
    expect(numOps).toBe(2);
    expect(flops).toBe(2 * 8 * 16 * 4 + 8 * 4);
    expect(mostExpensive[0]?.op).toMatch(/MatMul/);
    expect(mostExpensive[0]?.line).toMatch(/^compile\.test\.ts:\d+:\d+$/);
  });

  it('warns when an argument makes it trace again and again', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const scale = compile((x: tf.Tensor, by: number) => tf.mul(x, by), { target: 'graph' });
    for (let by = 0; by < 8; by++) await scale(tf.scalar(1), by);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(String(warn.mock.calls[0]?.[0])).toMatch(/1=number 5.*tf\.scalar/s);
  });

  it('says what is wrong with a value that is read while tracing', async () => {
    const branch = compile((x: tf.Tensor) => ((x.dataSync()[0] ?? 0) > 0 ? x : tf.neg(x)));
    await expect(branch(tf.scalar(1))).rejects.toThrow(/cannot be read while a function is traced.*tf\.where/s);
  });

  it('says what is wrong with a shape that depends on data', async () => {
    const positions = compile((x: tf.Tensor) => tf.reshape(x, [x.size / 2, 2]));
    expect((await positions(tf.zeros([4]))).shape).toEqual([2, 2]);
    const booleanMask = compile((x: tf.Tensor) => op1('Where', [tf.greater(x, 0)], { T: { type: 'bool' } }));
    await expect(booleanMask(tf.tensor1d([1, -1]))).rejects.toThrow(/Where.*depend/s);
  });

  it('says what is wrong with a tensor that left its trace', async () => {
    let leaked: tf.Tensor | undefined;
    const leak = compile((x: tf.Tensor) => {
      leaked = tf.neg(x);
      return leaked;
    });
    await leak(tf.scalar(1));
    expect(() => leaked?.add(1)).toThrow(/traced function was used outside/);
    expect(() => tf.add(leaked ?? 0, 1)).toThrow(/no longer there.*traced function/s);
  });

  it('refuses an asynchronous function, and an asynchronous call inside a trace', async () => {
    const asynchronous = compile(async (x: tf.Tensor) => Promise.resolve(x));
    await expect(asynchronous(tf.scalar(1))).rejects.toThrow(/asynchronous.*await outside/s);
    const inner = compile((x: tf.Tensor) => tf.mul(x, 3));
    const outer = compile((x: tf.Tensor) => tf.add(inner.sync(x), 1));
    expect(await (await outer(tf.scalar(2))).array()).toBe(7);
  });

  it('keeps a failed function usable', async () => {
    let broken = true;
    const sometimes = compile((x: tf.Tensor) => {
      if (broken) throw new Error('on purpose');
      return tf.square(x);
    });
    await expect(sometimes(tf.scalar(3))).rejects.toThrow('on purpose');
    broken = false;
    expect(await (await sometimes(tf.scalar(3))).array()).toBe(9);
  });

  it('keeps the event loop free while a call runs', async () => {
    const x = tf.fill([700, 700], 1e-3);
    const heavy = compile((matrix: tf.Tensor2D) => {
      let product = matrix;
      for (let index = 0; index < 12; index++) product = tf.matMul(product, matrix);
      return tf.sum(product);
    });
    await heavy(x as tf.Tensor2D);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    await heavy(x as tf.Tensor2D);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
  });
});
