import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { cell } from '../../../src/engine/cell.js';
import type { Cell } from '../../../src/engine/cell.js';
import { compile } from '../../../src/engine/compile.js';
import { key } from '../../../src/engine/key.js';
import { normal } from '../../../src/engine/random.js';
import { flatten, mapTree } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { adamw } from '../../../src/train/optimizers/adamw.js';
import { compactState } from '../../../src/train/optimizers/compact-state.js';
import { lion } from '../../../src/train/optimizers/lion.js';
import { zipTrees } from '../../../src/train/optimizers/optimizer.js';
import type { Optimizer, Tensors } from '../../../src/train/optimizers/optimizer.js';
import { dequantiseBlocks, quantiseBlocks, quantisedBytes } from '../../../src/train/optimizers/quantise-blocks.js';
import { scaleByAdam } from '../../../src/train/optimizers/scale-by-adam.js';
import { expectClose } from '../../model/close.js';
import { numbers, scalarsOf } from '../descend.js';

const roundTrip = (values: readonly number[]): number[] =>
  tf.tidy(() => [...dequantiseBlocks(quantiseBlocks(tf.tensor1d([...values])), [values.length]).dataSync()]);

describe('8 bits in blocks', () => {
  it('by hand: (−16, 1, 0) are k = 127, round(127 · ½) = 64, 0', () => {
    // √√(1/16) = ½; 63.5 rounds to the even 64, and 16 (64/127)⁴ = 1.0318…
    const { codes, scales } = quantiseBlocks(tf.tensor1d([-16, 1, 0]));
    expect([...scales.dataSync()]).toEqual([16]);
    // The first three bytes are of words 0, 1, 2, in the lowest place: 128 − 127, 128 + 64, 128. Above them lie three zeros, 128 each.
    const zeros = (128 - 128) * 2 ** 24 + 128 * 2 ** 16 + 128 * 2 ** 8;
    expect([...codes.dataSync()].slice(0, 4)).toEqual([zeros + 1, zeros + 192, zeros + 128, zeros + 128]);
    expectClose(roundTrip([-16, 1, 0]), [-16, 16 * (64 / 127) ** 4, 0], 1e-5);
  });

  it('by hand: (16, 1) have no sign, so k goes to 255: 255 and round(127.5) = 128', () => {
    const { codes, scales } = quantiseBlocks(tf.tensor1d([16, 1]));
    expect([...scales.dataSync()]).toEqual([-16]);
    expect([...codes.dataSync()].slice(0, 3)).toEqual([255 - 2 ** 31, 128 - 2 ** 31, 0 - 2 ** 31]);
    expect(roundTrip([16, 1])[1]).toBeCloseTo(16 * (128 / 255) ** 4, 5);
  });

  it('errs by 2/127 of the largest of its block at most (2/255 without negative ones), keeps signs, and loses no number', () => {
    const number = fc.float({ noNaN: true, min: -1e6, max: 1e6 }).map((x) => (Math.abs(x) < 1e-30 ? 0 : x));
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 600 }), fc.boolean(), (some, positive) => {
        const values = positive ? some.map(Math.abs) : some;
        const received = roundTrip(values);
        for (let from = 0; from < values.length; from += 256) {
          const block = values.slice(from, from + 256);
          const largest = Math.max(...block.map(Math.abs));
          const most = (block.some((x) => x < 0) ? 2 / 127 : 2 / 255) * largest * (1 + 1e-5);
          block.forEach((x, index) => {
            const back = received[from + index] ?? NaN;
            expect(Math.abs(back - x)).toBeLessThanOrEqual(most);
            // Below 10⁻³⁰ of float32 a product may vanish.
            if (largest > 1e-20) expect(Math.sign(back) + 0).toBe(Math.sign(x) + 0);
            if (Math.abs(x) === largest) expect(back + 0).toBe(x + 0);
          });
        }
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('of its own values are the same again, on every target', async () => {
    const x = normal(key(3), [3, 300]);
    const once = dequantiseBlocks(quantiseBlocks(x), [3, 300]);
    const eager = [...quantiseBlocks(x).codes.dataSync()];
    expect([...quantiseBlocks(once).codes.dataSync()]).toEqual(eager);
    for (const target of ['graph', 'xla'] as const) {
      const both = compile(
        (values: tf.Tensor) => {
          const quantised = quantiseBlocks(values);
          return { codes: quantised.codes, values: dequantiseBlocks(quantised, [3, 300]) };
        },
        { name: 'quantise', target },
      );
      const { codes, values } = await both(x);
      expect([...codes.dataSync()]).toEqual(eager);
      expectClose(values.dataSync(), once.dataSync(), 1e-6);
    }
  });
});

const shapes = { table: [40, 96], block: { matrix: [96, 64], gain: [96] } } as const;
const bytesOf = (tree: Tree<Cell>): number =>
  flatten(tree).reduce(
    (sum, { spec }) => sum + spec.shape.reduce((size, length) => size * length, spec.dtype === 'bfloat16' ? 2 : 4),
    0,
  );

/** 100 steps of a training with its state in cells, as the train step keeps it: the parameters before and after, and the bytes of the state. */
async function train(
  optimizer: Optimizer,
): Promise<{ readonly start: number[]; readonly values: number[]; readonly bytes: number }> {
  const first: Tensors = {
    table: normal(key(1), [...shapes.table]),
    block: { matrix: normal(key(2), [...shapes.block.matrix]), gain: tf.ones([...shapes.block.gain]) },
  };
  const parameters = mapTree<tf.Tensor, Cell>(first, (tensor) => cell(tensor));
  const state = mapTree<tf.Tensor, Cell>(optimizer.init(first), (tensor, path) =>
    cell(tensor, { storage: optimizer.storage?.(path, tensor) }),
  );
  const read = (cells: Tree<Cell>): Tensors => mapTree<Cell, tf.Tensor>(cells, (kept) => kept.read());
  const write = (cells: Tree<Cell>, values: Tensors): void => {
    const tensors = flatten(values);
    flatten(cells).forEach((kept, index) => {
      kept.write(tensors[index] as tf.Tensor);
    });
  };
  const update = compile(
    (gradients: Tensors, scalars: Record<string, tf.Tensor>) => {
      const before = read(parameters);
      const result = optimizer.update(gradients, read(state), before, scalars);
      write(
        parameters,
        zipTrees((value, change) => tf.add(value, change), before, result.updates),
      );
      write(state, result.state);
    },
    { name: 'train', target: 'graph' },
  );
  const drawn = (number: number): Tensors =>
    mapTree<tf.Tensor, tf.Tensor>(first, ({ shape }) => normal(key(number), shape));
  const sizes = mapTree<tf.Tensor, tf.Tensor>(first, ({ shape }) => tf.exp(normal(key(7), shape.slice(-1))));
  const parts: [Tensors, ...Tensors[]] = [drawn(4), drawn(5), drawn(6), sizes];
  for (let step = 1; step <= 100; step++) {
    // A part of each gradient stays, another changes; sizes differ by column.
    const gradients = zipTrees(
      (steady, noise, other, size) =>
        tf.tidy(() => {
          const changing = tf.add(tf.mul(noise, Math.cos(2 * step)), tf.mul(other, Math.sin(3 * step)));
          return tf.mul(tf.add(tf.mul(steady, 0.3), changing), size);
        }),
      ...parts,
    );
    const scalars = scalarsOf(optimizer, step);
    await update(gradients, scalars);
    tf.dispose([flatten(gradients), Object.values(scalars)]);
  }
  const values = Object.values(numbers(read(parameters))).flat();
  const bytes = bytesOf(state);
  for (const kept of [...flatten(parameters), ...flatten(state)]) kept.dispose();
  return { start: Object.values(numbers(first)).flat(), values, bytes };
}

/** √ Σ (a − b)² / Σ (b − start)²: how far two trainings are apart, relative to the way that one went. */
function relative(a: readonly number[], b: readonly number[], start: readonly number[]): number {
  const sum = (of: (index: number) => number): number => a.reduce((total, _, index) => total + of(index) ** 2, 0);
  return Math.sqrt(
    sum((index) => (a[index] ?? NaN) - (b[index] ?? NaN)) / sum((index) => (b[index] ?? NaN) - (start[index] ?? NaN)),
  );
}

describe('compactState', () => {
  const [table, matrix, gain] = [40 * 96, 96 * 64, 96];

  it('over 100 steps AdamW stays near the float32 state: half a percent of the way in bfloat16, 5% in bytes', async () => {
    const adam = adamw({ learningRate: 0.01 });
    const float32 = await train(adam);
    const bfloat16 = await train(compactState(adam, 'bfloat16', { fromSize: 1000 }));
    const bytes = await train(compactState(adam, 'int8', { fromSize: 1000 }));
    expect(relative(bfloat16.values, float32.values, float32.start)).toBeLessThan(0.005);
    expect(relative(bytes.values, float32.values, float32.start)).toBeLessThan(0.05);
    // Two moments each; the gain stays float32.
    expect(float32.bytes).toBe(2 * 4 * (table + matrix + gain));
    expect(bfloat16.bytes).toBe(2 * (2 * (table + matrix) + 4 * gain));
    expect(bytes.bytes).toBe(2 * (quantisedBytes(table) + quantisedBytes(matrix) + 4 * gain));
    expect(quantisedBytes(table)).toBe(15 * 260); // 3840 elements are 15 blocks
  });

  it('Lion’s signs may turn where its mean is near 0: 6%', async () => {
    const single = lion({ learningRate: 0.01 });
    const float32 = await train(single);
    const bytes = await train(compactState(single, 'int8', { fromSize: 1000 }));
    expect(relative(bytes.values, float32.values, float32.start)).toBeLessThan(0.06);
    expect(bytes.bytes).toBe(quantisedBytes(table) + quantisedBytes(matrix) + 4 * gain);
  });

  it('rows of an embedding without gradients beside rows with large ones do not explode', () => {
    // The second moment of the second row is 10⁻¹² of the first's, in one block; then its gradient is 0.
    const optimizer = compactState(scaleByAdam(), 'int8', { fromSize: 1 });
    const parameters = { table: tf.zeros([2, 8]) };
    let state: Tensors = optimizer.init(parameters);
    const rows = (first: number, second: number): Tensors => ({
      table: tf.tensor2d([new Array<number>(8).fill(first), new Array<number>(8).fill(second)]),
    });
    for (const [step, gradients] of [rows(1000, 0.001), rows(1000, 0), rows(1000, 0)].entries()) {
      const result = optimizer.update(gradients, state, parameters, scalarsOf(optimizer, step + 1));
      state = result.state;
      for (const value of numbers(result.updates)['table'] ?? []) expect(Math.abs(value)).toBeLessThan(1.5);
    }
  });

  it('float32 is the optimizer itself, and another word is no storage', () => {
    const adam = adamw({ learningRate: 0.01 });
    expect(compactState(adam, 'float32')).toBe(adam);
    // @ts-expect-error there is no such storage
    expect(() => compactState(adam, 'int4')).toBeDefined();
  });

  it('small leaves stay as they are: from 4096 elements on by default', () => {
    const optimizer = compactState(adamw({ learningRate: 0.01 }), 'int8');
    const state = optimizer.init({ large: tf.zeros([64, 64]), small: tf.zeros([4095]) });
    expect(Object.keys(numbers(state))).toEqual([
      '1.first.large.codes',
      '1.first.large.scales',
      '1.first.small',
      '1.second.large.codes',
      '1.second.large.scales',
      '1.second.small',
    ]);
  });
});
