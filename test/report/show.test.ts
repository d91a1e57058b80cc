import * as tf from '@tensorflow/tfjs';
import { table } from 'arquero';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { cell, decoder, experiment } from '../../src/index.js';
import { show } from '../../src/notebook.js';
import { pretendKernel } from './kernel-writer.js';
import { settledMemory } from '../settled-memory.js';

describe('show', () => {
  let kernel: ReturnType<typeof pretendKernel>;
  beforeEach(() => {
    kernel = pretendKernel();
  });
  afterEach(() => {
    kernel.stop();
  });
  const shown = async (value: unknown): Promise<{ readonly text: string; readonly html: string }> => {
    kernel.sent.length = 0;
    await show(value);
    const [{ data } = { data: { 'text/plain': '' } }] = kernel.sent;
    return { text: data['text/plain'], html: String(Reflect.get(data, 'text/html') ?? '') };
  };
  const pictureOf = (html: string): string =>
    Buffer.from(/src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html)?.[1] ?? '', 'base64').toString('utf8');

  it('gives of a tensor its shape, dtype, statistics, first numbers and a heat map', async () => {
    const { text, html } = await shown(
      tf.tensor2d([
        [1, -2, 0],
        [0.5, 4, 0.5],
      ]),
    );
    expect(text).toBe('Tensor float32 [2, 3]: 24 B, min −2, mean 0.6667, max 4\n    1  −2   0\n  0.5   4 0.5');
    const picture = pictureOf(html);
    // Six cells of five shades: ½ stands there twice.
    expect(picture.match(/<path/g)).toHaveLength(5);
    expect(picture.match(/M/g)).toHaveLength(6);
    expect(html).toContain('alt="Tensor float32 [2, 3]: 24 B, min −2');
  });

  it('counts what is not finite apart, and draws a row as bars', async () => {
    const { text, html } = await shown(tf.tensor1d([1, NaN, 3, Infinity]));
    expect(text).toBe('Tensor float32 [4]: 16 B, min 1, mean 2, max 3, 2 not finite\n    1 NaN   3   ∞');
    expect(pictureOf(html).match(/M/g)).toHaveLength(3); // two bars and the line of zero
  });

  it('reads of a large tensor what it shows alone', async () => {
    const large = tf.ones([3, 1000, 2000]);
    const read = vi.spyOn(tf.Tensor.prototype, 'data');
    const { text, html } = await shown(large);
    const sizes = read.mock.contexts.map((tensor) => (tensor as tf.Tensor).size);
    read.mockRestore();
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * 64);
    expect(text).toMatch(/^Tensor float32 \[3, 1000, 2000\]: 22.9 MiB, min 1, mean 1, max 1\n {2}1 1 1 1 1 1 1 1 …/);
    expect(html).toContain('shown: [0, :, :] of it, every 32nd × 32nd number');
    large.dispose();
  });

  it('knows scalars, texts, truth values, empty and disposed tensors', async () => {
    expect((await shown(tf.scalar(7, 'int32'))).text).toBe('Tensor int32 []: 7');
    expect((await shown(tf.tensor1d(['a', 'b"']))).text).toBe('Tensor string [2]: "a", "b\\""');
    expect((await shown(tf.tensor1d([true, false], 'bool'))).text).toContain(
      'Tensor bool [2]: 2 B, min 0, mean 0.5, max 1',
    );
    expect((await shown(tf.zeros([0, 3]))).text).toBe('Tensor float32 [0, 3], 0 B');
    const gone = tf.zeros([2]);
    gone.dispose();
    expect((await shown(gone)).text).toBe('Tensor float32 [2], disposed');
  });

  it('leaves no tensor behind', async () => {
    const given = tf.ones([40, 40]);
    await shown(given);
    const before = await settledMemory();
    await shown(given);
    await shown(cell(given, { name: 'weight' }));
    expect(await settledMemory()).toEqual(before);
  });

  it('shows a cell of state and trees of them', async () => {
    const weight = cell(tf.tensor1d([1, 2]), { name: 'layers.0.weight', storage: 'bfloat16' });
    expect((await shown(weight)).text).toMatch(
      /^Cell layers\.0\.weight(, stored as bfloat16,)? float32 \[2\]: 8 B, min 1/,
    );
    const { text } = await shown({ layers: [{ weight: tf.ones([2, 3]), bias: tf.zeros([3]) }] });
    expect(text.split('\n')).toEqual([
      '2 tensors, 9 numbers, 36 B',
      '  name             shape  dtype    numbers',
      '  layers.0.weight  2 × 3  float32        6',
      '  layers.0.bias    3      float32        3',
    ]);
  });

  it('shows models as trees of their layers', async () => {
    const architecture = decoder({ layers: 2, width: 8, heads: 2, context: 4, vocabularySize: 16 });
    const { text } = await shown(architecture);
    expect(text).toMatch(new RegExp(`^decoder: ${architecture.numParameters.toLocaleString('en-US')} parameters`));
    expect(text).toMatch(/layers +2 times/);
    const layers = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] });
    expect((await shown(layers)).text).toContain('Total params: 9');
  });

  it('shows lists of objects and Arquero’s tables, the first rows of many', async () => {
    const rows = Array.from({ length: 1500 }, (_, index) => ({
      id: index,
      name: `row ${index}`,
      more: [1, { a: index }],
    }));
    const { text, html } = await shown(rows);
    expect(text.split('\n').slice(0, 3)).toEqual([
      '1,500 rows, 3 columns',
      '  id  name    more',
      '   0  row 0   [ 1, { a: 0 } ]',
    ]);
    expect(text).toMatch(/… and 1,480 more rows$/);
    expect(html.match(/<tr>/g)).toHaveLength(21);
    expect((await shown(table({ x: [1, 2], y: ['a', 'b'] }))).text).toBe('2 rows, 2 columns\n  x  y\n  1  a\n  2  b');
  });

  it('shows an experiment with its stages and config', async () => {
    const value = experiment('tiny', z.strictObject({ train: z.strictObject({ steps: z.int() }) }), {
      train: { steps: 3 },
    })
      .stage('a', () => 1)
      .stage('b', () => 2);
    expect((await shown(value)).text).toBe(
      'Experiment tiny\n  stages: a → b\nConfig\n  path         value\n  train.steps      3',
    );
  });

  it('prints everything else', async () => {
    expect((await shown({ a: [1, 2] })).text).toBe('{ a: [ 1, 2 ] }');
    expect((await shown('text')).text).toBe('text');
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect((await shown(circle)).text).toContain('[Circular *1]');
  });
});

describe('the last value of a cell', () => {
  const display = Reflect.get(globalThis, Symbol.for('trainbook.display')) as (value: unknown) => Promise<boolean>;

  it('is shown where it has a form of its own', async () => {
    const kernel = pretendKernel();
    expect(await display(tf.scalar(1))).toBe(true);
    expect(await display([1, 2, 3])).toBe(false);
    expect(await display('text')).toBe(false);
    expect(kernel.sent.map(({ data }) => data['text/plain'])).toEqual(['Tensor float32 []: 1']);
    kernel.stop();
  });
});
