import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { flatten } from '../../../src/engine/tree.js';
import { describedModel } from '../../../src/model/config-file.js';
import { openSafetensors } from '../../../src/model/files/safetensors.js';
import { float32Elements } from '../../../src/model/files/stored-tensor.js';
import type { TensorEntry } from '../../../src/model/files/stored-tensor.js';
import { loadModel, readWeights } from '../../../src/model/model.js';
import { readJson } from '../../../src/files.js';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** One tensor of several, end to end along a new first axis. */
async function stacked(parts: readonly TensorEntry[], shape: readonly number[]): Promise<TensorEntry> {
  const all = await Promise.all(parts.map(async (part) => float32Elements(await part.read())));
  const elements = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of all) {
    elements.set(part, start);
    start += part.length;
  }
  return { dtype: 'F32', storedAs: 'F32', shape, read: () => Promise.resolve({ shape, elements }) };
}

describe('experts that are stacked in a file', () => {
  it.each([
    ['mixtral', 4, 12, ['w1', 'w3', 'w2'], 'block_sparse_moe'],
    ['qwen3-moe', 6, 8, ['gate_proj', 'up_proj', 'down_proj'], 'mlp'],
  ] as const)('%s: are read as those apart', async (folder, number, hidden, [gate, up, down], network) => {
    const place = join(fixtures, folder);
    const file = await openSafetensors(join(place, 'model.safetensors'));
    const tensors = new Map(
      [...file.tensors]
        .filter(([name]) => !name.includes('.experts.'))
        .map(([name, entry]) => [name.replace('.block_sparse_moe.', '.mlp.'), entry] as const),
    );
    for (const layer of [0, 1]) {
      const of = (expert: number, matrix: string): TensorEntry =>
        file.tensors.get(`model.layers.${layer}.${network}.experts.${expert}.${matrix}.weight`) as TensorEntry;
      const each = Array.from({ length: number }, (_, expert) => expert);
      const before = `model.layers.${layer}.mlp.experts`;
      const both = each.flatMap((expert) => [of(expert, gate), of(expert, up)]);
      tensors.set(`${before}.gate_up_proj`, await stacked(both, [number, 2 * hidden, 16]));
      tensors.set(`${before}.down_proj`, await stacked(each.map((expert) => of(expert, down)), [number, 16, hidden])); // prettier-ignore
    }
    const described = describedModel(await readJson(join(place, 'config.json')), place);
    const read = await readWeights(described, { tensors }, folder);
    const { weights } = await loadModel(place);
    const expected = flatten<tf.Tensor>(weights as never).map((tensor) => tensor.dataSync());
    expect(flatten<tf.Tensor>(read as never).map((tensor) => tensor.dataSync())).toEqual(expected);
    await file.close();
  });
});
