import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { hashFile } from '../../src/files.js';
import { decoder } from '../../src/model/decoder.js';
import { loadModel, modelCodec, saveModel, weightHash } from '../../src/model/model.js';
import type { Model } from '../../src/model/model.js';
import { readSafetensors, writeSafetensors } from '../../src/model/files/safetensors.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const shapes = {
  llama: { layers: 2, width: 16, heads: 4, keyValueHeads: 2, context: 8, vocabularySize: 11, tiedEmbeddings: false },
  gpt: {
    layers: 1,
    width: 8,
    heads: 2,
    context: 8,
    vocabularySize: 11,
    norm: 'layer',
    positions: 'learned',
    mlp: 'gelu',
  },
} as const;

function fresh(name: keyof typeof shapes): Model {
  const architecture = decoder(shapes[name]);
  return { architecture, weights: architecture.init(key(1)) };
}

describe('a model in a folder', () => {
  it.each(['llama', 'gpt'] as const)('%s: comes back with the same config, hash and logits', async (name) => {
    const model = fresh(name);
    const place = join(folder, name);
    await modelCodec.write(model, place);
    const back = await modelCodec.read(place);
    expect(back.architecture.config).toEqual(model.architecture.config);
    expect(await weightHash(back)).toBe(await weightHash(model));
    expect(await hashFile(join(place, 'model.safetensors'))).toBe(await weightHash(model));
    const tokens = tf.tensor2d([[1, 5, 2]], [1, 3], 'int32');
    expect([...back.architecture.forward(back.weights, tokens).dataSync()]).toEqual([
      ...model.architecture.forward(model.weights, tokens).dataSync(),
    ]);
    expect(modelCodec.is(back)).toBe(true);
    expect(modelCodec.is({ weights: 1 })).toBe(false);
    expect(modelCodec.summarise(back).facts['parameters']).toBe(model.architecture.numParameters);
  });

  it('a Llama has the config.json that transformers reads; matrices lie as [outputs, inputs]', async () => {
    await saveModel(fresh('llama'), join(folder, 'hf'));
    const config = JSON.parse(await readFile(join(folder, 'hf', 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({
      model_type: 'llama',
      hidden_size: 16,
      intermediate_size: 64,
      num_key_value_heads: 2,
      head_dim: 4,
    });
    const { tensors } = await readSafetensors(join(folder, 'hf', 'model.safetensors'));
    expect(tensors.get('model.layers.1.self_attn.k_proj.weight')?.shape).toEqual([8, 16]);
    expect(tensors.get('lm_head.weight')?.shape).toEqual([11, 16]);
    expect([...tensors.keys()].filter((name) => name.startsWith('model.layers.0.'))).toHaveLength(9);
  });

  it('refuses a config of others, a missing weight, one too many, and one of another shape', async () => {
    const place = join(folder, 'damaged');
    await saveModel(fresh('llama'), place);
    const path = join(place, 'model.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    const withChange = async (
      change: (all: Map<string, typeof tensors extends ReadonlyMap<string, infer T> ? T : never>) => void,
    ) => {
      const changed = new Map(tensors);
      change(changed);
      await writeSafetensors(path, { tensors: changed, metadata });
      return loadModel(place);
    };
    await expect(withChange((all) => all.delete('model.norm.weight'))).rejects.toThrow(
      /model\.norm\.weight does not fit[\s\S]*no such tensor/,
    );
    await expect(withChange((all) => all.set('extra', { shape: [1], elements: Float32Array.of(1) }))).rejects.toThrow(
      /no place for[\s\S]*extra/,
    );
    const wrong = { shape: [4, 4], elements: new Float32Array(16) };
    await expect(withChange((all) => all.set('model.norm.weight', wrong))).rejects.toThrow(
      /model\.norm\.weight does not fit[\s\S]*\[4, 4\][\s\S]*\[16\]/,
    );
    await writeFile(join(place, 'config.json'), '{"model_type":"mamba"}');
    await expect(loadModel(place)).rejects.toThrow(/describes no model that is known here[\s\S]*mamba/);
    await writeFile(join(place, 'config.json'), '{"trainbook":{"format":2}}');
    await expect(loadModel(place)).rejects.toThrow(/does not describe a trainbook model/);
  });
});
