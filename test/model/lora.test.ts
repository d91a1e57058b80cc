import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { lowPrecisionFeatures, withPrecision } from '../../src/engine/precision.js';
import { flatten, mapTree, treeEntries } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { startDecoding } from '../../src/model/decoding.js';
import { lora } from '../../src/model/lora.js';
import type { LoraWeights } from '../../src/model/lora.js';
import { linearModules } from '../../src/model/lora-targets.js';
import { attachLora, mergeLora } from '../../src/model/lora-merge.js';
import { loraOptions } from '../../src/model/lora-options.js';
import { adapterOf, baseModel, nextTokenLoss, peftFolder, peftReference } from './peft-reference.js';
import { expectClose } from './close.js';

// The truth: PEFT, by fixtures/peft_adapters.py and fixtures/peft_dora.py.
const fixtures = [
  { name: 'lora', base: 'llama' },
  { name: 'lora-rslora', base: 'llama' },
  { name: 'lora-all-linear', base: 'llama' },
  { name: 'lora-gpt2', base: 'gpt2' },
  { name: 'lora-second', base: 'llama' },
  { name: 'dora', base: 'llama' },
  { name: 'dora-gpt2', base: 'gpt2' },
] as const;

describe.each(fixtures)('$name, an adapter of PEFT', ({ name, base }) => {
  it.each(['eager', 'compiled'])(
    '%s: logits, loss and the gradients of A, B and lengths are those of PEFT',
    async (how) => {
      const model = await baseModel(base);
      const { method, weights } = await adapterOf(peftFolder(name), model, 'lora');
      const { tokens, numbers, names } = await peftReference(name);
      const adapted = method.adapt(model);
      const run = (adapter: LoraWeights, rows: tf.Tensor) => ({
        logits: adapted.forward(adapter, rows),
        ...valueAndGrads<LoraWeights>((values) => nextTokenLoss(adapted.forward(values, rows), rows))(adapter),
      });
      const { logits, value, grads } = how === 'eager' ? run(weights, tokens) : await compile(run)(weights, tokens);
      expectClose(logits.dataSync(), numbers('logits'), 1e-5);
      expectClose(value.dataSync(), numbers('loss'), 1e-5);
      const modules = new Map(method.targets(model.architecture).map((target) => [target.key, target.module]));
      const stored = treeEntries<tf.Tensor>(grads).map(([path, gradient]) => {
        const [, layer = '', part = ''] = /^(.*)\.([^.]*)$/.exec(path) ?? [];
        const own = part === 'magnitude' ? 'magnitude_vector' : `${part.toUpperCase()}.weight`;
        return [`grad.base_model.model.${modules.get(layer) ?? ''}.lora_${own}`, gradient] as const;
      });
      expect(stored.map(([file]) => file).sort()).toEqual(names.filter((file) => file.startsWith('grad.')).sort());
      for (const [file, gradient] of stored) expectClose(tf.transpose(gradient).dataSync(), numbers(file), 1e-4);
    },
  );
});

// One where each layer has an update of its own, and one where three have parts of one.
describe.each(fixtures.filter(({ name }) => ['lora', 'lora-gpt2', 'dora-gpt2'].includes(name)))(
  '$name, generating',
  ({ name, base }) => {
    it('with a cache, a prompt and then token by token, beside the weights or added in', async () => {
      const model = await baseModel(base);
      const adapter = await adapterOf(peftFolder(name), model, 'lora');
      const { tokens, numbers } = await peftReference(name);
      const rows = (await tokens.array()) as number[][];
      const expectedAt = (position: number): number[] =>
        [0, 1].flatMap((row) => [
          ...numbers('logits').subarray((row * 12 + position) * 48, (row * 12 + position + 1) * 48),
        ]);
      for (const adapted of [attachLora(model, adapter), mergeLora(model, adapter)]) {
        const decoding = startDecoding(adapted, { batch: 2, length: 12 });
        expectClose(await decoding.start(rows.map((row) => row.slice(0, 9))), expectedAt(8), 1e-5);
        for (let position = 9; position < 12; position++) {
          const column = rows.map((row) => row[position] ?? 0);
          expectClose(await decoding.next(Int32Array.from(column)), expectedAt(position), 1e-5);
        }
        decoding.dispose();
      }
    });
  },
);

describe('first weights', () => {
  it('A is uniform in ±1/√inputs, B is 0, and the model is what it was', async () => {
    const model = await baseModel('llama');
    const method = lora({ rank: 512, targets: ['q_proj', 'down_proj'] });
    const weights = method.init(model, key(3));
    expect(Object.keys(weights)).toEqual([
      'layers.0.attention.query',
      'layers.0.mlp.down',
      'layers.1.attention.query',
      'layers.1.mlp.down',
    ]);
    for (const { a, b } of Object.values(weights)) {
      const bound = 1 / Math.sqrt(a.shape[0]); // Kaiming's with a = √5: √(6 / ((1 + 5) inputs))
      const numbers = a.dataSync() as Float32Array;
      expect(Math.max(...numbers.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
      expect(Math.max(...numbers)).toBeGreaterThan(0.99 * bound);
      const meanSquare = numbers.reduce((sum, each) => sum + each * each, 0) / numbers.length;
      expect(Math.abs(meanSquare / (bound ** 2 / 3) - 1)).toBeLessThan(0.05); // 8192 draws: four deviations
      expect(b.dataSync().every((each) => each === 0)).toBe(true);
    }
    const tokens = tf.tensor2d([[1, 7, 30, 4]], [1, 4], 'int32');
    const [before, after] = [
      model.architecture.forward(model.weights, tokens),
      method.adapt(model).forward(weights, tokens),
    ];
    expectClose(after.dataSync(), before.dataSync(), 1e-6);
  });

  it('with dora, lengths are those of the model’s columns, and the model is what it was, with dropout too', async () => {
    const model = await baseModel('llama');
    const { tokens } = await peftReference('dora');
    const method = lora({ rank: 2, targets: ['q_proj', 'down_proj'], dora: true, dropout: 0.5 });
    const adapter = method.init(model, key(1));
    const { query } = model.weights.layers[0]?.attention ?? {};
    expectClose(
      adapter['layers.0.attention.query']?.magnitude?.dataSync() ?? [],
      tf.norm(query?.weight as tf.Tensor, 'euclidean', 0).dataSync(),
      1e-5,
    );
    const [before, after, training] = [
      model.architecture.forward(model.weights, tokens),
      method.adapt(model).forward(adapter, tokens),
      method.adapt(model).forward(adapter, tokens, { dropoutKey: key(2) }),
    ];
    expectClose(after.dataSync(), before.dataSync(), 1e-5);
    expectClose(training.dataSync(), before.dataSync(), 1e-5); // nothing is changed yet, so nothing is left out
    expect(method.numParameters(model.architecture)).toBe(
      lora({ rank: 2, targets: ['q_proj', 'down_proj'] }).numParameters(model.architecture) + 2 * (16 + 16),
    );
  });

  it('is the same for the same key, and another for another layer or key', async () => {
    const model = await baseModel('llama');
    const method = lora({ rank: 4, targets: 'all-linear' });
    const numbers = (seed: number) =>
      flatten<tf.Tensor>(method.init(model, key(seed))).map((leaf) => [...leaf.dataSync()]);
    expect(numbers(3)).toEqual(numbers(3));
    const drawn = [...numbers(3), ...numbers(4)].filter((leaf) => leaf.some((each) => each !== 0)).map(String);
    expect(new Set(drawn).size).toBe(2 * 14);
  });
});

describe('dropout before A', () => {
  const tokens = tf.tensor2d([[1, 7, 30, 4, 9, 22]], [1, 6], 'int32');

  it('leaves the update alone unless there is a key, and is the same for the same key', async () => {
    const model = await baseModel('llama');
    const { weights } = await adapterOf(peftFolder('lora'), model, 'lora');
    const adapted = lora({ rank: 4, alpha: 8, dropout: 0.5, targets: ['q_proj', 'v_proj'] }).adapt(model);
    const plain = lora({ rank: 4, alpha: 8, targets: ['q_proj', 'v_proj'] }).adapt(model);
    const logits = (seed?: number): Float32Array =>
      adapted.forward(weights, tokens, seed === undefined ? {} : { dropoutKey: key(seed) }).dataSync() as Float32Array;
    expect(logits()).toEqual(plain.forward(weights, tokens).dataSync());
    expect(logits(1)).toEqual(logits(1));
    expect(logits(1)).not.toEqual(logits(2));
    expect(logits(1)).not.toEqual(logits());
    const compiled = compile((adapter: LoraWeights) => adapted.forward(adapter, tokens, { dropoutKey: key(1) }));
    expectClose((await compiled(weights)).dataSync(), logits(1), 1e-5);
  });

  it('has the mean of the update without it', async () => {
    const model = await baseModel('llama');
    const x = tf.ones<tf.Rank.R2>([4096, 16]);
    const { weights } = await adapterOf(peftFolder('lora'), model, 'lora');
    const method = lora({ rank: 4, alpha: 8, dropout: 0.25, targets: ['q_proj', 'v_proj'] });
    const after = (dropoutKey?: ReturnType<typeof key>): Float32Array => {
      const [layer] = method.apply(model.weights, weights, { dropoutKey }).layers;
      const operator = layer?.attention.query.weight as unknown as { times(rows: tf.Tensor2D): tf.Tensor };
      return tf.mean(operator.times(x), 0).dataSync() as Float32Array;
    };
    // Each column's update is a sum of 16 terms of about ±0.5: a deviation of √(0.25 / 0.75 · 16) · 0.5 / √4096 ≈ 0.02.
    expectClose(after(key(1)), after(), 0.1);
  });
});

describe('names of layers', () => {
  it('are those of files, and the ends of such names', async () => {
    const [llama, gpt2] = [await baseModel('llama'), await baseModel('gpt2')];
    const keys = (model: typeof llama, targets: string[] | 'all-linear'): string[] =>
      lora({ rank: 1, targets })
        .targets(model.architecture)
        .map((target) => target.key);
    expect(keys(llama, ['model.layers.1.mlp.up_proj', 'self_attn.o_proj'])).toEqual([
      'layers.0.attention.output',
      'layers.1.attention.output',
      'layers.1.mlp.up',
    ]);
    expect(keys(gpt2, ['c_attn'])).toEqual([
      'layers.0.attention.query+key+value',
      'layers.1.attention.query+key+value',
    ]);
    expect(keys(gpt2, ['c_proj'])).toEqual(
      [0, 1].flatMap((n) => [`layers.${n}.attention.output`, `layers.${n}.mlp.down`]),
    );
    expect(keys(llama, 'all-linear')).toHaveLength(14);
    expect(linearModules(gpt2.architecture).map(({ module }) => module)).toContain('transformer.h.1.mlp.c_fc');
  });

  it('that the model lacks are refused, with those that it has', async () => {
    const gpt2 = await baseModel('gpt2');
    const method = lora({ rank: 4, targets: ['c_attn', 'q_proj'] });
    expect(() => method.init(gpt2, key(1))).toThrow(
      /no linear layer of this name\n.*received: q_proj\n.*one of c_attn, c_fc, c_proj; a whole name such as transformer\.h\.0\.attn\.c_attn; or 'all-linear'/s,
    );
    expect(() => lora({ rank: 4, targets: ['lm_head'] }).targets(gpt2.architecture)).toThrow('lm_head');
    // `proj` ends a name, but no part of one.
    expect(() => lora({ rank: 4, targets: ['proj'] }).targets(gpt2.architecture)).toThrow('no linear layer');
  });

  it('an adapter for another model is refused', async () => {
    const [llama, gpt2] = [await baseModel('llama'), await baseModel('gpt2')];
    const adapter = await adapterOf(peftFolder('lora-all-linear'), llama, 'lora');
    const { method } = adapter;
    expect(() => attachLora(gpt2, adapter)).toThrow(
      /layers\.0\.attention\.key do not fit the model\n.*received: A \[16, 2\], B \[2, 8\]\n.*expected: A \[16, rank\], B \[rank, 16\]/s,
    );
    const wider = { 'layers.0.attention.query': { a: tf.zeros([16, 2]), b: tf.zeros([2, 17]) } };
    expect(() => method.apply(llama.weights, wider)).toThrow(/received: A \[16, 2\], B \[2, 17\]/);
    const unlike = { 'layers.0.attention.query': { a: tf.zeros([16, 2]), b: tf.zeros([3, 16]) } };
    expect(() => method.apply(llama.weights, unlike)).toThrow(/expected: A \[16, rank\], B \[rank, 16\]/);
  });
});

describe('options', () => {
  it('alpha is twice the rank unless given; the scale is alpha / rank, or alpha / √rank', () => {
    expect(lora({ rank: 16, targets: 'all-linear' }).config).toEqual({
      rank: 16,
      alpha: 32,
      dora: false,
      dropout: 0,
      targets: 'all-linear',
      scaling: 'rank',
    });
    expect(lora({ rank: 16, alpha: 24, targets: 'all-linear' }).scale).toBe(1.5);
    expect(lora({ rank: 16, alpha: 24, targets: 'all-linear', scaling: 'root' }).scale).toBe(6);
  });

  it.each([
    [{ rank: 0, targets: 'all-linear' }, 'rank'],
    [{ rank: 8, targets: [] }, 'targets'],
    [{ rank: 8, targets: ['q_proj', 'all-linear'] }, 'stands alone'],
    [{ rank: 8, targets: ['q_proj', 'q_proj'] }, 'twice'],
    [{ rank: 8, dropout: 1, targets: 'all-linear' }, 'dropout'],
    [{ rank: 8, alpha: 1000, targets: 'all-linear' }, 'alpha must be at most 64 times rank'],
    [{ rank: 16, alpha: 300, targets: 'all-linear', scaling: 'root' }, 'multiplied by 75'],
    [{ rank: 8, targets: 'all-linear', bias: 'all' }, 'bias'],
  ])('%j is refused: %s', (options, message) => {
    expect(() => lora(options as never)).toThrow(message);
  });

  it('say what is usual', () => {
    expect(loraOptions.shape.rank.description).toContain('8 to 64');
    expect(loraOptions.shape.alpha.description).toContain('2 to 4 times the rank');
  });
});

const hasBfloat16 = lowPrecisionFeatures().some((feature) => feature.endsWith('bf16'));

it.skipIf(!hasBfloat16)('in bfloat16, where the CPU has it: logits near those of float32, and gradients', async () => {
  const model = await baseModel('llama');
  const { method, weights } = await adapterOf(peftFolder('lora'), model, 'lora');
  const { tokens, numbers } = await peftReference('lora');
  const adapted = method.adapt(model);
  // Of the gradients only their norms: XLA here refuses a product of bfloat16 whose result is what the function returns.
  const run = (adapter: LoraWeights, rows: tf.Tensor) =>
    withPrecision('bfloat16', () => {
      const { value, grads } = valueAndGrads<LoraWeights>((values) =>
        nextTokenLoss(adapted.forward(values, rows), rows),
      )(adapter);
      const norms = mapTree<tf.Tensor, tf.Tensor>(grads, (gradient) => tf.norm(gradient));
      return { logits: adapted.forward(adapter, rows), value, norms };
    });
  const { logits, value, norms } = await withPrecision('bfloat16', () => compile(run)(weights, tokens));
  const exact = numbers('logits');
  const largest = Math.max(...exact.map(Math.abs));
  expectClose(logits.dataSync(), exact, 0.1 * largest); // eight bits of mantissa: a part in 256 a product
  expect(logits.dataSync()).not.toEqual(exact);
  expectClose(value.dataSync(), numbers('loss'), 0.1);
  const modules = new Map(method.targets(model.architecture).map((target) => [target.key, target.module]));
  for (const [path, norm] of treeEntries<tf.Tensor>(norms)) {
    const module = modules.get(path.slice(0, -2)) ?? '';
    const gradient = numbers(`grad.base_model.model.${module}.lora_${path.slice(-1).toUpperCase()}.weight`);
    const expected = Math.hypot(...gradient);
    expectClose(norm.dataSync(), [expected], 0.1 * expected);
  }
});
