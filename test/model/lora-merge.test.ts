import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { treeEntries } from '../../src/engine/tree.js';
import { namesOf } from '../../src/model/config-file.js';
import { lora } from '../../src/model/lora.js';
import type { LoraAdapter, LoraPair } from '../../src/model/lora.js';
import { attachLora, mergeLora, sumLora, unmergeLora } from '../../src/model/lora-merge.js';
import { storedWeights } from '../../src/model/names.js';
import { weightHash } from '../../src/model/model.js';
import type { Model } from '../../src/model/model.js';
import { adapterOf, baseModel, peftFolder, peftReference } from './peft-reference.js';
import { expectClose } from './close.js';

/** Every weight's numbers, as they are. */
function numbersOf({ weights }: Model): Map<string, Float32Array> {
  return new Map(
    treeEntries<tf.Tensor>(weights).map(([path, leaf]) => [path, leaf.dataSync().slice() as Float32Array]),
  );
}

const loadedLora = async (name: string, base: string): Promise<[Model, LoraAdapter]> => {
  const model = await baseModel(base);
  return [model, await adapterOf(peftFolder(name), model, 'lora')];
};

describe.each([
  ['lora', 'llama'],
  ['lora-rslora', 'llama'],
  ['lora-all-linear', 'llama'],
  ['lora-gpt2', 'gpt2'],
  ['dora', 'llama'],
  ['dora-gpt2', 'gpt2'],
])('%s, added in', (name, base) => {
  it('gives the weights and the logits that PEFT gives', async () => {
    const [model, adapter] = await loadedLora(name, base);
    const { tokens, numbers, names } = await peftReference(name);
    const merged = mergeLora(model, adapter);
    expectClose(model.architecture.forward(merged.weights, tokens).dataSync(), numbers('merged_logits'), 1e-5);
    const stored = await storedWeights(merged.weights, namesOf(model.architecture));
    const given = names.filter((file) => file.startsWith('merged.'));
    const counts: Readonly<Record<string, number>> = { lora: 4, 'lora-rslora': 4, 'lora-gpt2': 2 };
    expect(given.length).toBe(counts[name] ?? 0);
    for (const file of given) {
      expectClose(stored.get(file.slice('merged.'.length))?.elements as Float32Array, numbers(file), 1e-5);
    }
  });

  it('is taken off again: every weight is what it was, to the bit', async () => {
    const [model, adapter] = await loadedLora(name, base);
    const before = numbersOf(model);
    const merged = mergeLora(model, adapter);
    expect(numbersOf(merged)).not.toEqual(before);
    const restored = unmergeLora(merged);
    expect(numbersOf(restored)).toEqual(before);
    // What the base is kept for: taking the update off in float32 is not exact.
    const [target, { a, b, magnitude }] = Object.entries(adapter.weights)[0] as [string, LoraPair];
    if (target.includes('+') || magnitude !== undefined) return;
    const update = tf.mul(tf.matMul(a, b), adapter.method.scale);
    const whole = treeEntries<tf.Tensor>(merged.weights).find(
      ([path]) => path === `${target}.weight`,
    )?.[1] as tf.Tensor;
    expect(tf.sub(whole, update).dataSync()).not.toEqual(before.get(`${target}.weight`));
  });

  it('leaves nothing of the base when it is disposed of, and the other way round', async () => {
    const [model, adapter] = await loadedLora(name, base);
    const { tokens, numbers } = await peftReference(name);
    const [first, second] = [mergeLora(model, adapter), mergeLora(model, adapter)];
    tf.dispose(first.weights as unknown as tf.TensorContainer);
    const plain = model.architecture.forward(model.weights, tokens).dataSync();
    expect(plain.every(Number.isFinite)).toBe(true);
    tf.dispose(model.weights as unknown as tf.TensorContainer);
    expectClose(model.architecture.forward(second.weights, tokens).dataSync(), numbers('merged_logits'), 1e-5);
  });
});

describe('two adapters on one base', () => {
  const both = async (): Promise<{ model: Model; first: LoraAdapter; second: LoraAdapter }> => {
    const [model, first] = await loadedLora('lora', 'llama');
    return { model, first, second: await adapterOf(peftFolder('lora-second'), model, 'lora') };
  };

  it('are switched without touching the base', async () => {
    const { model, first, second } = await both();
    const before = numbersOf(model);
    const references = { first: await peftReference('lora'), second: await peftReference('lora-second') };
    for (const [adapter, { tokens, numbers }] of [
      [first, references.first],
      [second, references.second],
      [first, references.first],
    ] as const) {
      const adapted = attachLora(model, adapter);
      expectClose(adapted.architecture.forward(adapted.weights, tokens).dataSync(), numbers('logits'), 1e-5);
    }
    expect(numbersOf(model)).toEqual(before);
  });

  it('beside a model cannot be saved with it; what is merged can', async () => {
    const { model, first } = await both();
    await expect(weightHash(attachLora(model, first))).rejects.toThrow(
      /layers\.0\.attention\.query\.weight cannot be written.*mergeLora/s,
    );
    expect(await weightHash(mergeLora(model, first))).not.toBe(await weightHash(model));
  });

  it('are added with weights: the true sum of the updates, which PEFT calls cat', async () => {
    const { model, first, second } = await both();
    const { tokens, numbers, names } = await peftReference('lora-second');
    const sum = sumLora([
      { adapter: first, weight: 0.7 },
      { adapter: second, weight: 0.3 },
    ]);
    expect(sum.method.config).toMatchObject({ rank: 8, alpha: 8, targets: ['q_proj', 'v_proj'] });
    const forward = ({ architecture, weights }: Model): ArrayLike<number> =>
      architecture.forward(weights, tokens).dataSync();
    expectClose(forward(attachLora(model, sum)), numbers('cat.logits'), 1e-5);
    expectClose(forward(mergeLora(model, sum)), numbers('cat.logits'), 1e-5);
    const stored = names.filter((name) => name.startsWith('cat.base_model'));
    expect(stored).toHaveLength(4);
    for (const name of stored) {
      const layer = name.includes('q_proj') ? 'layers.0.attention.query' : 'layers.0.attention.value';
      const leaf = sum.weights[layer]?.[name.includes('lora_A') ? 'a' : 'b'] as tf.Tensor;
      expectClose(tf.transpose(leaf).dataSync(), numbers(name), 1e-5);
    }
    // One beside the other, each with its own scale, is the same sum at the weights 1 and 1.
    const beside = attachLora(attachLora(model, first), second);
    const ones = sumLora([first, second].map((adapter) => ({ adapter, weight: 1 })));
    expectClose(forward(beside), forward(attachLora(model, ones)), 1e-5);
  });

  it('a sum does not depend on the order, and weights 1 and −1 of one adapter are nothing', async () => {
    const { model, first, second } = await both();
    const { tokens } = await peftReference('lora');
    const forward = (parts: readonly (readonly [LoraAdapter, number])[]): ArrayLike<number> => {
      const { weights } = attachLora(model, sumLora(parts.map(([adapter, weight]) => ({ adapter, weight }))));
      return model.architecture.forward(weights, tokens).dataSync();
    };
    const one = forward([[first, 0.4], [second, -1.3]]); // prettier-ignore
    expectClose(forward([[second, -1.3], [first, 0.4]]), one, 1e-5); // prettier-ignore
    const none = forward([[first, 1], [first, -1]]); // prettier-ignore
    expectClose(none, model.architecture.forward(model.weights, tokens).dataSync(), 1e-5);
  });

  it('with unlike targets, and none at all, are refused', async () => {
    const { model, first } = await both();
    const other = await adapterOf(peftFolder('lora-all-linear'), model, 'lora');
    const parts = [first, other].map((adapter) => ({ adapter, weight: 1 }));
    expect(() => sumLora(parts)).toThrow(/change different layers\n.*layers\.0\.attention\.key/s);
    expect(() => sumLora([...parts].reverse())).toThrow('change different layers');
    expect(() => sumLora([])).toThrow('nothing to add');
  });

  it('of DoRA cannot be added, nor stand on one another before they are merged', async () => {
    const [model, adapter] = await loadedLora('dora', 'llama');
    expect(() => sumLora([{ adapter, weight: 1 }])).toThrow('DoRA');
    const attached = attachLora(model, adapter);
    expect(() => attachLora(attached, adapter)).toThrow('merge the first adapter');
    expect(() => adapter.method.init(attached, key(1))).toThrow('merge the first adapter');
    attachLora(mergeLora(model, adapter), adapter);
  });

  it('a sum of one keeps an rsLoRA', async () => {
    const [model, adapter] = await loadedLora('lora-rslora', 'llama');
    const { tokens, numbers } = await peftReference('lora-rslora');
    const sum = sumLora([{ adapter, weight: 1 }]);
    expect(sum.method.scale).toBe(1);
    expect(lora(sum.method.config).config).toEqual(sum.method.config);
    const { weights } = attachLora(model, sum);
    expectClose(model.architecture.forward(weights, tokens).dataSync(), numbers('logits'), 1e-5);
  });
});
