import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { call } from '../../../src/engine/call.js';
import { compile } from '../../../src/engine/compile.js';
import { whileLoop } from '../../../src/engine/control.js';
import { scan } from '../../../src/engine/scan.js';
import { withPrecision } from '../../../src/engine/precision.js';
import { stableHlo } from '../../../src/engine/stablehlo/stable-hlo.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { plugin, testClient } from '../pjrt/cpu-plugin.js';

/** What a function gives by the plugin, and by TensorFlow. */
async function both(
  fn: (...args: tf.Tensor[]) => tf.Tensor[],
  ...args: tf.Tensor[]
): Promise<[number[][], number[][]]> {
  const compiled = compile(fn, { name: 'fn', target: 'graph' });
  const traced = compiled.trace(...args);
  const client = testClient();
  const program = await client.compile(stableHlo(traced));
  const inputs = args.map((arg) => client.put({ dtype: arg.dtype, shape: arg.shape }, arg.dataSync()));
  const outputs = await program.execute(inputs);
  const actual = await Promise.all(outputs.map(async (output) => Array.from(await output.read(), Number)));
  const expected = (await compiled(...args)).map((tensor) => Array.from(tensor.dataSync()));
  return [actual, expected];
}

function expectClose([actual, expected]: [number[][], number[][]]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((numbers, output) => {
    expect(numbers.length).toBe(expected[output]?.length);
    numbers.forEach((number, place) => {
      expect(number).toBeCloseTo(expected[output]?.[place] ?? NaN, 5);
    });
  });
}

const get = (tensor: tf.Tensor | undefined): tf.Tensor => tensor ?? tf.scalar(NaN);

describe.skipIf(plugin.path === undefined)(`loops and calls (plugin: ${plugin.reason})`, () => {
  it('runs loops in loops, whose conditions and bodies use values from outside', async () => {
    const nested = (limit: tf.Tensor, x: tf.Tensor): tf.Tensor[] =>
      whileLoop(
        ([count]) => tf.less(get(count), limit),
        ([count, sum]) => {
          const [, inner] = whileLoop(
            ([place]) => tf.less(get(place), get(count)),
            ([place, value]) => [tf.add(get(place), 1), tf.add(get(value), tf.mul(x, get(count)))],
            [tf.scalar(0), get(sum)],
          );
          return [tf.add(get(count), 1), get(inner)];
        },
        [tf.scalar(0), tf.zeros([2])],
      );
    const results = await both(nested, tf.scalar(4), tf.tensor([1, -2]));
    expectClose(results);
    expect(results[0]).toEqual([[4], [14, -28]]); // Σ n² x for n < 4
  });

  it('scans, with gradients', async () => {
    const run = (w: tf.Tensor, xs: tf.Tensor): tf.Tensor[] => {
      const { value, grads } = valueAndGrads((weight: tf.Tensor) => {
        const { carry, outputs } = scan(
          ([h], [x]) => {
            const next = tf.tanh(tf.add(tf.mul(get(h), weight), get(x)));
            return { carry: [next], outputs: [tf.square(next)] };
          },
          [tf.zeros([3])],
          [xs],
        );
        return tf.add(tf.sum(get(carry[0])), tf.sum(get(outputs[0])));
      })(w);
      return [value, grads];
    };
    expectClose(
      await both(run, tf.tensor([0.5, -0.3, 0.9]), tf.tensor2d([0.1, 0.2, 0.3, -0.4, 0.5, 1, -1, 0.2, 0], [3, 3])),
    );
  });

  const block = () => call((x, w) => [tf.tanh(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D))], 'block');
  const blocks =
    (count: number) =>
    (x: tf.Tensor, ws: tf.Tensor): tf.Tensor[] => {
      const layer = block();
      const { value, grads } = valueAndGrads((weights: tf.Tensor) => {
        let h = x;
        for (const w of tf.unstack(weights).slice(0, count)) h = get(layer(h, w)[0]);
        return tf.sum(h);
      })(ws);
      return [value, grads];
    };
  const weights = tf.tensor3d(
    Array.from({ length: 32 }, (_, place) => Math.sin(place)),
    [8, 2, 2],
  );
  const x = tf.tensor2d([0.1, 0.2, -0.3, 0.4], [2, 2]);

  it('writes a block that is called from many places once', async () => {
    expectClose(await both(blocks(8), x, weights));
    const textOf = (count: number): string => stableHlo(compile(blocks(count), { name: 'blocks' }).trace(x, weights));
    const functions = (text: string): number => text.match(/func\.func private/g)?.length ?? 0;
    expect(functions(textOf(2))).toBe(2); // forward and backward
    expect(functions(textOf(8))).toBe(2);
    expect(textOf(8).match(/call @block\(/g)).toHaveLength(8);
    expect(textOf(8).match(/stablehlo\.dot_general/g)?.length).toBe(textOf(2).match(/stablehlo\.dot_general/g)?.length);
  });

  it('writes products as the precision says: half factors with float32 sums, TF32 on request', () => {
    const product = compile((a: tf.Tensor, b: tf.Tensor) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D), {
      name: 'product',
    });
    const half = withPrecision('bfloat16', () => product.trace(x, x), { emulated: true });
    expect(stableHlo(half)).toMatch(/dot_general .*\(tensor<2x2xbf16>, tensor<2x2xbf16>\) -> tensor<2x2xf32>/);
    expect(stableHlo(half)).not.toMatch(/dot_general .*-> tensor<2x2xbf16>/); // not even rounded
    const whole = product.trace(x, x);
    expect(stableHlo(whole)).toContain('precision = [HIGHEST, HIGHEST]');
    expect(stableHlo(whole, { products: 'tf32' })).toContain('precision = [DEFAULT, DEFAULT]');
  });
});
