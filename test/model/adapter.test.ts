import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { cell } from '../../src/engine/cell.js';
import type { Cell } from '../../src/engine/cell.js';
import { key } from '../../src/engine/key.js';
import { flatten, mapTree, treeEntries } from '../../src/engine/tree.js';
import type { Tree } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { trainableShare } from '../../src/model/adapter.js';
import type { AdapterMethod } from '../../src/model/adapter.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoder } from '../../src/model/decoder.js';
import { gpt2 } from '../../src/model/gpt2.js';
import { llama, llamaOptions } from '../../src/model/llama.js';
import { lora } from '../../src/model/lora.js';
import type { LoraAdapter } from '../../src/model/lora.js';
import { mergeLora, unmergeLora } from '../../src/model/lora-merge.js';
import { loraPresets } from '../../src/model/lora-options.js';
import { prefixPresets, prefixTuning } from '../../src/model/prefix-tuning.js';
import { promptTuning } from '../../src/model/prompt-tuning.js';
import { qwen2, qwen3 } from '../../src/model/qwen.js';
import { adamw } from '../../src/train/optimizers/adamw.js';
import { zipTrees } from '../../src/train/optimizers/optimizer.js';
import type { Tensors } from '../../src/train/optimizers/optimizer.js';
import { baseModel, nextTokenLoss, peftFolder, peftReference } from './peft-reference.js';

// The contract of all methods: a function from trees of tensors, of which the base is no part.
/** Some tree: the contract looks at leaves alone. */
type Weights = Readonly<Record<string, tf.Tensor>>;
const methods = [
  lora({ rank: 4, targets: ['q_proj', 'v_proj'] }),
  lora({ rank: 2, targets: 'all-linear', scaling: 'root' }),
  prefixTuning({ numVirtualTokens: 3 }),
  promptTuning({ numVirtualTokens: 3 }),
  promptTuning({ numVirtualTokens: 3, start: 'random' }),
] as unknown as readonly AdapterMethod<Weights>[];

describe.each(methods.map((method) => [method.kind, method] as const))('%s', (_kind, method) => {
  it('has the numbers that it counts, the same for the same key', async () => {
    const model = await baseModel('llama');
    const numbers = (seed: number): number[] =>
      flatten<tf.Tensor>(method.init(model, key(seed))).flatMap((leaf) => [...leaf.dataSync()]);
    expect(numbers(1)).toHaveLength(method.numParameters(model.architecture));
    expect(numbers(1)).toEqual(numbers(1));
    expect(numbers(1)).not.toEqual(numbers(2));
  });

  it('gives logits of the tokens, which may be read in a batch or one by one', async () => {
    const model = await baseModel('llama');
    const { tokens } = await peftReference('lora');
    const weights = method.init(model, key(1));
    const adapted = method.adapt(model);
    expect(adapted.base).toBe(model);
    const logits = adapted.forward(weights, tokens);
    expect(logits.shape).toEqual([2, 12, 48]);
    const [row] = tf.split(tokens, 2);
    const alone = adapted.forward(weights, row as tf.Tensor);
    const difference = tf.max(tf.abs(tf.sub(tf.slice(logits, [0, 0, 0], [1, 12, 48]), alone)));
    expect(difference.dataSync()[0]).toBeLessThan(1e-5);
  });

  it('a few steps of AdamW on its weights alone lower the loss; the base stays as it was, to the bit', async () => {
    const model = await baseModel('llama');
    const { tokens } = await peftReference('lora');
    const adapted = method.adapt(model);
    const baseNumbers = (): Map<string, number[]> =>
      new Map(treeEntries<tf.Tensor>(model.weights).map(([path, leaf]) => [path, [...leaf.dataSync()]]));
    const before = baseNumbers();
    const start = method.init(model, key(1));
    const optimizer = adamw({ learningRate: 0.01 });
    const parameters = mapTree<tf.Tensor, Cell>(start, (tensor, path) => cell(tensor, { name: path })) as Record<
      string,
      Cell
    >;
    const state = mapTree<tf.Tensor, Cell>(optimizer.init(start), (tensor, path) => cell(tensor, { name: path }));
    const write = (cells: Tree<Cell>, values: Tensors): void => {
      const tensors = flatten<tf.Tensor>(values);
      flatten<Cell>(cells).forEach((kept, index) => {
        kept.write(tensors[index] as tf.Tensor);
      });
    };
    const readAll = (cells: Tree<Cell>): Tensors => mapTree<Cell, tf.Tensor>(cells, (kept) => kept.read());
    const step = compile((rows: tf.Tensor, scalars: Readonly<Record<string, tf.Tensor>>) => {
      const { value, grads } = valueAndGrads<Weights>((values) => nextTokenLoss(adapted.forward(values, rows), rows))(
        parameters,
      );
      const now = readAll(parameters);
      const { updates, state: next } = optimizer.update(grads, readAll(state), now, scalars);
      write(
        parameters,
        zipTrees((a, b) => tf.add(a, b), now, updates),
      );
      write(state, next);
      return value;
    });
    const losses: number[] = [];
    for (let number = 1; number <= 10; number++) {
      const scalars = Object.fromEntries(
        Object.entries(optimizer.scalars(number)).map(([name, value]) => [name, tf.scalar(value)]),
      );
      losses.push((await step(tokens, scalars)).dataSync()[0] ?? NaN);
    }
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? NaN) - 0.05);
    const after = flatten<Cell>(parameters).map((kept) => [...kept.read().dataSync()]);
    expect(after).not.toEqual(flatten<tf.Tensor>(start).map((leaf) => [...leaf.dataSync()]));
    expect(baseNumbers()).toEqual(before);
  });
});

it('an adapter of one kind is none of another to the compiler', async () => {
  const model = await baseModel('llama');
  const tokens = tf.zeros([1, 4], 'int32');
  const [low, prefix] = [lora({ rank: 2, targets: ['q_proj'] }), prefixTuning({ numVirtualTokens: 2 })];
  const prefixWeights = prefix.init(model, key(1));
  // @ts-expect-error a prefix is no pair of factors
  expect(() => low.adapt(model).forward(prefixWeights, tokens)).toThrow();
  // @ts-expect-error an adapter's kind goes with its method
  const mixed: LoraAdapter = { kind: 'lora', method: prefix, weights: low.init(model, key(1)) };
  expect(() => mergeLora(model, mixed)).toThrow();
  // @ts-expect-error a prefix takes the place of a past
  const logits = prefix.adapt(model).forward(prefixWeights, tokens, { past: [] });
  expect(logits.shape).toEqual([1, 4, 48]);
  // @ts-expect-error a plain model was not merged
  expect(unmergeLora(model)).toBeUndefined();
});

interface Counts {
  readonly counts: readonly {
    readonly base: string;
    readonly adapter: Readonly<Record<string, unknown>>;
    readonly base_parameters: number;
    readonly trainable_parameters: number;
  }[];
}
const { counts } = JSON.parse(readFileSync(peftFolder('counts.json'), 'utf8')) as Counts;

const llamaOf = (layers: number, width: number, keyValueHeads: number): Decoder =>
  decoder({
    ...llamaOptions,
    layers,
    width,
    heads: width / 64,
    keyValueHeads,
    context: 2048,
    tiedEmbeddings: false,
    vocabularySize: 32_000,
  });

describe('numbers that are trained', () => {
  const bases: Readonly<Record<string, Decoder>> = {
    llama: llamaOf(12, 768, 12),
    'llama-grouped': llamaOf(12, 768, 4),
    gpt2: gpt2('small'),
  };

  // BERT is no decoder.
  it.each(counts.filter(({ base }) => base !== 'bert'))('are as many as PEFT counts: $base, $adapter', (count) => {
    const { peft_type, r, target_modules, num_virtual_tokens } = count.adapter;
    const numVirtualTokens = num_virtual_tokens as number;
    const method =
      peft_type === 'LORA'
        ? lora({ rank: r as number, targets: target_modules as string[] })
        : peft_type === 'PREFIX_TUNING'
          ? prefixTuning({ numVirtualTokens })
          : promptTuning({ numVirtualTokens });
    const base = bases[count.base] as Decoder;
    expect(base.numParameters).toBe(count.base_parameters);
    expect(method.numParameters(base)).toBe(count.trainable_parameters);
    expect(trainableShare(method, base)).toBe(
      count.trainable_parameters / (count.base_parameters + count.trainable_parameters),
    );
  });

  const models: Readonly<Record<string, Decoder>> = {
    'gpt2 small': gpt2('small'),
    'gpt2 medium': gpt2('medium'),
    'llama 12 × 768': llamaOf(12, 768, 12),
    'llama 24 × 1024': llamaOf(24, 1024, 16),
    'llama 24 × 1024, grouped': llamaOf(24, 1024, 4),
    'SmolLM2-135M': llama('smollm2-135m'),
    'SmolLM2-360M': llama('smollm2-360m'),
    'Qwen2.5-0.5B': qwen2('0.5b'),
    'Qwen3-0.6B': qwen3('0.6b'),
  };

  const shares = (method: Pick<AdapterMethod<never>, 'numParameters'>, names: readonly string[]): [string, number][] =>
    names.map((name) => [name, 100 * trainableShare(method, models[name] as Decoder)]);

  it('LoRA: the presets train 0.5 to 2 % of the models that they are for', () => {
    const isGpt2 = (name: string): boolean => name.startsWith('gpt2');
    const all = Object.keys(models);
    const inRange = (preset: keyof typeof loraPresets, names: readonly string[]): void => {
      for (const [name, percent] of shares(lora(loraPresets[preset]), names)) {
        expect(percent, `${preset}, ${name}`).toBeGreaterThan(0.5);
        expect(percent, `${preset}, ${name}`).toBeLessThan(2);
      }
    };
    inRange('allLinear', all);
    inRange('fusedAttention', all.filter(isGpt2));
    const separate = all.filter((name) => !isGpt2(name));
    inRange(
      'queryValue',
      separate.filter((name) => name !== 'Qwen2.5-0.5B'),
    );
    // Two heads of keys and values, and a vocabulary of 152 thousand: query and value are a small part of it.
    const [[, percent]] = shares(lora(loraPresets.queryValue), ['Qwen2.5-0.5B']) as [[string, number]];
    expect(percent).toBeCloseTo(0.436, 3);
  });

  it('prefix tuning: the presets train 0.1 to 0.5 % of the models that they are for', () => {
    const long = ['llama 24 × 1024, grouped', 'Qwen2.5-0.5B'];
    for (const [preset, names] of [
      ['short', Object.keys(models).filter((name) => !long.includes(name))],
      ['long', long],
    ] as const) {
      for (const [name, percent] of shares(prefixTuning(prefixPresets[preset]), names)) {
        expect(percent, `${preset}, ${name}`).toBeGreaterThan(0.1);
        expect(percent, `${preset}, ${name}`).toBeLessThan(0.5);
      }
    }
    for (const [, percent] of shares(prefixTuning(prefixPresets.short), long)) expect(percent).toBeLessThan(0.1);
  });
});
