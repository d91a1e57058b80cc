import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { call } from '../../src/engine/call.js';
import { compile } from '../../src/engine/compile.js';
import { whileLoop } from '../../src/engine/control.js';
import { remat } from '../../src/engine/remat.js';
import { scan } from '../../src/engine/scan.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';

type Parameters = { readonly x: tf.Tensor; readonly weights: tf.Tensor; readonly bias: tf.Tensor };

const depth = 3;
const parameters: Parameters = {
  x: tf.tensor2d([0.5, -1, 0.25, 2, 0.1, -0.3, 0.7, -0.9], [2, 4]),
  weights: tf.tensor3d(
    Array.from({ length: depth * 16 }, (_, index) => Math.sin(index * 1.7)),
    [depth, 4, 4],
  ),
  bias: tf.tensor1d([0.1, -0.2, 0.3, 0]),
};

const layer = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
  tf.tanh(tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias));

const weightOf = (weights: tf.Tensor, index: number): tf.Tensor => tf.reshape(tf.slice(weights, [index], [1]), [4, 4]);

/** Each model: the last layer's squares, and a weighted sum over layers. */
const total = (last: tf.Tensor, sums: tf.Tensor): tf.Tensor =>
  tf.add(tf.sum(tf.square(last)), tf.sum(tf.mul(sums, [1, 2, 3])));

function unrolled({ x, weights, bias }: Parameters): tf.Tensor {
  let h = x;
  const sums: tf.Tensor[] = [];
  for (let index = 0; index < depth; index++) {
    h = layer(h, weightOf(weights, index), bias);
    sums.push(tf.sum(h));
  }
  return total(h, tf.stack(sums));
}

/** The bias is captured by the closure, not passed. */
function scanned({ x, weights, bias }: Parameters): tf.Tensor {
  const { carry, outputs } = scan(
    ([h], [weight]) => {
      const next = layer(h as tf.Tensor, weight as tf.Tensor, bias);
      return { carry: [next], outputs: [tf.sum(next)] };
    },
    [x],
    [weights],
  );
  return total(carry[0] as tf.Tensor, outputs[0] as tf.Tensor);
}

function withLayer(apply: (h: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.Tensor) {
  return ({ x, weights, bias }: Parameters): tf.Tensor => {
    let h = x;
    const sums: tf.Tensor[] = [];
    for (let index = 0; index < depth; index++) {
      h = apply(h, weightOf(weights, index), bias);
      sums.push(tf.sum(h));
    }
    return total(h, tf.stack(sums));
  };
}

function called(p: Parameters): tf.Tensor {
  const shared = call((h, weight, bias) => [layer(h, weight, bias)]);
  return withLayer((h, weight, bias) => shared(h, weight, bias)[0] as tf.Tensor)(p);
}

const recomputed = withLayer(remat(layer));
const recomputedWithCapture = withLayer((h, weight, bias) =>
  remat((given: tf.Tensor) => layer(given, weight, bias))(h),
);

const forms = { scan: scanned, call: called, remat: recomputed, 'remat of a closure': recomputedWithCapture };

describe.each(Object.entries(forms))('%s', (_, form) => {
  it.each(['eager', 'xla', 'graph'] as const)(
    'has the value and gradients of the unrolled form: %s',
    async (target) => {
      const expected = valueAndGrads(unrolled)(parameters);
      const run = (p: Parameters): typeof expected => valueAndGrads(form)(p);
      const found = target === 'eager' ? run(parameters) : await compile(run, { target })(parameters);
      const pairs = [
        [found.value, expected.value],
        [found.grads.x, expected.grads.x],
        [found.grads.weights, expected.grads.weights],
        [found.grads.bias, expected.grads.bias],
      ] as const;
      for (const [a, b] of pairs) expect((await tf.max(tf.abs(tf.sub(a, b))).data())[0]).toBeLessThan(1e-5);
    },
  );
});

describe('scan', () => {
  it('is in a trace once however long it is', () => {
    const run = compile(
      (rows: tf.Tensor) =>
        scan(
          ([sum], [row]) => ({ carry: [tf.add(sum as tf.Tensor, row as tf.Tensor)], outputs: [] }),
          [tf.zeros([8])],
          [rows],
        ).carry,
    );
    const nodes = (length: number): number => run.trace(tf.zeros([length, 8])).trace.nodes.length;
    expect(nodes(100)).toBe(nodes(50));
    expect(run.explain(tf.zeros([100, 8])).flops).toBeGreaterThan((50 * run.explain(tf.zeros([2, 8])).flops) / 2);
  });

  it('refuses inputs of different lengths, and a carry that changes', () => {
    const step = ([h]: readonly tf.Tensor[]): { carry: tf.Tensor[]; outputs: tf.Tensor[] } => ({
      carry: [tf.concat([h as tf.Tensor, h as tf.Tensor])],
      outputs: [],
    });
    expect(() => scan(step, [tf.zeros([2])], [tf.zeros([3]), tf.zeros([4])])).toThrow(/not clear how often/);
    expect(() => scan(step, [tf.zeros([2])], [tf.zeros([3])])).toThrow(/carry must keep its shapes/);
  });
});

describe('whileLoop', () => {
  it.each(['eager', 'xla', 'graph'] as const)('runs as long as its condition holds: %s', async (target) => {
    // Collatz: 6 → 3 → 10 → 5 → 16 → 8 → 4 → 2 → 1 are 8 steps.
    const collatz = (start: tf.Tensor): tf.Tensor[] =>
      whileLoop(
        ([n]) => tf.notEqual(n as tf.Tensor, tf.scalar(1, 'int32')),
        ([n, steps]) => {
          const value = n as tf.Tensor;
          const half = tf.floorDiv(value, tf.scalar(2, 'int32'));
          const even = tf.equal(tf.mul(half, tf.scalar(2, 'int32')), value);
          const odd = tf.add(tf.mul(value, tf.scalar(3, 'int32')), tf.scalar(1, 'int32'));
          return [tf.where(even, half, odd), tf.add(steps as tf.Tensor, tf.scalar(1, 'int32'))];
        },
        [start, tf.scalar(0, 'int32')],
      );
    const start = tf.scalar(6, 'int32');
    const [last, steps] = target === 'eager' ? collatz(start) : await compile(collatz, { target })(start);
    expect(await last?.array()).toBe(1);
    expect(await steps?.array()).toBe(8);
  });

  it('says that it has no gradient', () => {
    const doubled = (x: tf.Tensor): tf.Tensor =>
      tf.sum(
        whileLoop(
          ([y]) => tf.less(tf.sum(y as tf.Tensor), 100),
          ([y]) => [tf.mul(y as tf.Tensor, 2)],
          [x],
        )[0] as tf.Tensor,
      );
    expect(() => valueAndGrads(doubled)(tf.tensor1d([1, 2]))).toThrow(/no gradient.*scan/s);
  });
});
