import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { flatten, treeEntries } from '../../src/engine/tree.js';
import { readJson } from '../../src/files.js';
import { decoder } from '../../src/model/decoder.js';
import { openGguf } from '../../src/model/files/gguf.js';
import { blockTypes, dequantise, quantiseQ8 } from '../../src/model/files/gguf-blocks.js';
import { halves, inPairs, loadGgufModel } from '../../src/model/gguf-model.js';
import { attachLora } from '../../src/model/lora-merge.js';
import { lora } from '../../src/model/lora.js';
import { opt } from '../../src/model/opt.js';
import type { Model } from '../../src/model/model.js';
import { saveGguf } from '../../src/model/save-gguf.js';
import { startDecoding } from '../../src/model/decoding.js';
import { ggufTokenizer } from '../../src/tokens/gguf-tokenizer.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { ggufPrompt, smallModels, smallTokenizers } from './small-gguf-models.js';
import { expectClose } from './close.js';

interface Truth {
  readonly prompt: string;
  readonly results: Readonly<
    Record<string, { readonly hash: string; readonly prompt: number[]; readonly written: number[] }>
  >;
}

// llama.cpp's reading of the same files, by fixtures/llama-cpp.mts.
const truth = (await readJson(join(import.meta.dirname, 'fixtures', 'llama-cpp.json'))) as Truth;
const tokenizers = await smallTokenizers();
const tokenizerOf = (name: string) => (name === 'qwen3' ? tokenizers.single : tokenizers.together);
const models = smallModels(tokenizers.together.size);

const read = (name: string, type: string) => truth.results[`${name}.${type}`] as Truth['results'][string];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-权重-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function greedy(model: Model, prompt: readonly number[], count: number): Promise<number[]> {
  const decoding = startDecoding(model, { batch: 1, length: 64 });
  const likeliest = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));
  const tokens = [likeliest(await decoding.start([prompt]))];
  while (tokens.length < count) tokens.push(likeliest(await decoding.next(Int32Array.of(tokens.at(-1) ?? 0))));
  decoding.dispose();
  return tokens;
}

describe.each(Object.entries(models))('saveGguf of %s', (name, model) => {
  it('in float32 is read back to the bit, with its tokenizer', async () => {
    const path = join(folder, `${name}.gguf`);
    await saveGguf(model, path, { tokenizer: tokenizerOf(name), type: 'F32', name: '小模型', chatTemplate: '{{ x }}' });
    const read = await loadGgufModel(path);
    const { initDeviation: _, ...config } = model.architecture.config;
    expect(read.architecture.config).toMatchObject(JSON.parse(JSON.stringify(config)) as object);
    const [before, after] = [model, read].map(({ weights }) => new Map(treeEntries<tf.Tensor>(weights)));
    expect([...(after?.keys() ?? [])]).toEqual([...(before?.keys() ?? [])]);
    for (const [weight, tensor] of before ?? [])
      expect(after?.get(weight)?.dataSync(), weight).toEqual(tensor.dataSync());
    const file = await openGguf(path);
    expect(file.metadata.get('general.name')).toBe('小模型');
    expect(file.metadata.get('tokenizer.chat_template')).toBe('{{ x }}');
    const tokenizer = ggufTokenizer(Object.fromEntries(file.metadata));
    await file.close();
    for (const text of [ggufPrompt, 'a1b22c333', '  two spaces\n\nand “quotes”', '']) {
      expect(tokenizer.encode(text)).toEqual(tokenizerOf(name).encode(text));
    }
    expect(tokenizer.endOfText).toBe(tokenizerOf(name).endOfText);
  });

  it('in F16 is the file that llama.cpp has read, and writes what it wrote', async () => {
    const { hash, prompt, written } = read(name, 'F16');
    const path = join(folder, `${name}.F16.gguf`);
    expect(await saveGguf(model, path, { tokenizer: tokenizerOf(name), type: 'F16' })).toBe(hash);
    expect(tokenizerOf(name).encode(ggufPrompt)).toEqual(prompt);
    expect(await greedy(await loadGgufModel(path), prompt, written.length)).toEqual(written);
  });

  it('in Q8_0 too; llama.cpp rounds what it multiplies to 8 bits as well, so that its choice may be a close second here', async () => {
    const { hash, prompt, written } = read(name, 'Q8_0');
    const path = join(folder, `${name}.Q8_0.gguf`);
    expect(await saveGguf(model, path, { tokenizer: tokenizerOf(name), type: 'Q8_0' })).toBe(hash);
    const { architecture, weights } = await loadGgufModel(path);
    const tokens = [...prompt, ...written];
    const logits = (await tf
      .squeeze(architecture.forward(weights, tf.tensor2d([tokens], undefined, 'int32')))
      .array()) as number[][];
    written.forEach((token, index) => {
      const row = logits[prompt.length + index - 1] ?? [];
      const [least, most] = [Math.min(...row), Math.max(...row)];
      expect((most - (row[token] ?? NaN)) / (most - least)).toBeLessThan(0.03);
    });
  });
});

describe('packing', () => {
  it('in blocks of 8 bits is wrong by half a step at most', () => {
    const values = Float32Array.from({ length: 320 }, (_, index) => Math.sin(index * index) * 10 ** (index % 7) * 1e-3);
    values.fill(0, 64, 96);
    const read = dequantise(blockTypes.Q8_0, quantiseQ8(values));
    for (let block = 0; block < 10; block++) {
      const own = values.subarray(32 * block, 32 * block + 32);
      const most = Math.max(...own.map(Math.abs));
      own.forEach((value, index) => {
        // Half a step, and what float16 takes from 127 of them.
        expect(Math.abs(value - (read[32 * block + index] ?? NaN))).toBeLessThanOrEqual(
          most * (0.5 / 127 + 2 ** -11) * 1.001,
        );
      });
    }
  });

  it('stores matrices as asked, vectors as float32, and rows of no whole blocks as halves', async () => {
    const odd = decoder({
      layers: 1,
      width: 48,
      heads: 4,
      hidden: 64,
      context: 16,
      vocabularySize: tokenizers.together.size,
    });
    const path = join(folder, 'odd.gguf');
    const weights = odd.init(key(1));
    await saveGguf({ architecture: odd, weights }, path, { tokenizer: tokenizers.together, type: 'Q8_0' });
    const file = await openGguf(path);
    const stored = new Map([...file.tensors].map(([name, { storedAs }]) => [name, storedAs]));
    await file.close();
    expect(stored.get('blk.0.attn_q.weight')).toBe('F16'); // rows of 48
    expect(stored.get('blk.0.ffn_down.weight')).toBe('Q8_0'); // rows of 64
    expect(stored.get('blk.0.attn_norm.weight')).toBe('F32');
    const read = await loadGgufModel(path);
    for (const [index, tensor] of flatten<tf.Tensor>(read.weights).entries()) {
      const own = flatten<tf.Tensor>(weights)[index] as tf.Tensor;
      expectClose(tensor.dataSync(), own.dataSync(), 0.1 / 127);
    }
  });

  it('turns rows of pairs, and back', () => {
    const tensor = { shape: [8, 2], elements: Float32Array.from({ length: 16 }, (_, index) => index) };
    expect([...(inPairs(tensor, 2).elements as Float32Array).slice(0, 8)]).toEqual([0, 1, 4, 5, 2, 3, 6, 7]);
    expect(halves(inPairs(tensor, 2), 2).elements).toEqual(tensor.elements);
  });
});

describe('what GGUF has no place for', () => {
  const { llama } = models as { llama: Model };
  const tokenizer = tokenizers.together;
  const of = (options: object) => {
    const { initDeviation: _, ...config } = llama.architecture.config;
    const architecture = decoder({ ...config, ...options });
    return saveGguf({ architecture, weights: architecture.init(key(1)) }, join(folder, 'refused.gguf'), { tokenizer });
  };

  it.each([
    ['experts', { experts: { number: 2, active: 1, hidden: 8 } }, 'gpt2, llama, qwen2 or qwen3'],
    ['dynamic positions', { rotaryScaling: { kind: 'ntk', factor: 2, originalContext: 32 } }, 'rotaryScaling'],
    [
      'other frequencies',
      { rotaryScaling: { kind: 'llama3', factor: 8, originalContext: 48, lowFrequency: 2, highFrequency: 5 } },
      'scaled in a way',
    ],
    ['a window', { window: { size: 8, fromLayer: 1 } }, 'the family none'],
  ])('is refused before a byte is written: %s', async (_, options, message) => {
    await expect(of(options)).rejects.toThrow(message);
    expect(await readdir(folder)).not.toContain('refused.gguf');
  });

  it('is refused: a family without files, another kind of tokenizer, an adapter beside the weights', async () => {
    const path = join(folder, 'refused.gguf');
    const small = opt('125m', { layers: 1, width: 16, heads: 2, hidden: 32, context: 16, vocabularySize: 300 });
    await expect(saveGguf({ architecture: small, weights: small.init(key(1)) }, path, { tokenizer })).rejects.toThrow(
      'opt',
    );
    const characters = characterTokenizer({ documents: [{ text: 'abc' }] });
    await expect(saveGguf(llama, path, { tokenizer: characters })).rejects.toThrow('byte-level BPE');
    const method = lora({ rank: 2, targets: ['q_proj'] });
    const attached = attachLora(llama, { kind: 'lora', method, weights: method.init(llama, key(1)) });
    await expect(saveGguf(attached, path, { tokenizer })).rejects.toThrow('mergeLora');
    expect(await readdir(folder)).not.toContain('refused.gguf');
  });
});
