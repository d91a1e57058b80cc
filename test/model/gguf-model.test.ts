import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { startDecoding } from '../../src/model/decoding.js';
import type { MetadataValue } from '../../src/model/files/stored-tensor.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { describedGguf } from '../../src/model/gguf-architecture.js';
import { halves, loadGgufModel } from '../../src/model/gguf-model.js';
import { scalingOfFactors } from '../../src/model/gguf-rotary.js';
import { loadModel, modelCodec, weightHash } from '../../src/model/model.js';
import { openGguf } from '../../src/model/files/gguf.js';
import { ggufTokenizer } from '../../src/tokens/gguf-tokenizer.js';
import { expectClose } from './close.js';

// The truth: Hugging Face transformers; the files are written with the Python package gguf, by fixtures/gguf_models.py.
const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const ggufOf = (name: string): string => join(fixtures, 'gguf', `${name}.gguf`);

async function expected(path: string): Promise<{ tokens: tf.Tensor2D; logits: Float32Array }> {
  const { tensors } = await readSafetensors(join(fixtures, path));
  const ids = tensors.get('input_ids');
  return {
    tokens: tf.tensor2d(Array.from(ids?.elements as BigInt64Array, Number), ids?.shape as [number, number], 'int32'),
    logits: tensors.get('logits')?.elements as Float32Array,
  };
}

describe('a GGUF file', () => {
  it.each(['llama', 'llama-linear', 'llama-yarn', 'llama-llama3', 'qwen2', 'qwen3', 'gpt2', 'smollm2'])(
    '%s, F32: the model of the folder it was made from, number for number',
    async (folder) => {
      const model = await loadGgufModel(ggufOf(`${folder}.f32`));
      const { tokens, logits } = await expected(`${folder}/expected.safetensors`);
      expectClose(model.architecture.forward(model.weights, tokens).dataSync(), logits, 2e-5);
      const original = await loadModel(join(fixtures, folder));
      expect(model.architecture.config).toEqual({
        ...original.architecture.config,
        initDeviation: 0.02,
        dropout: 0, // these two concern training alone
      });
      expect(await weightHash(model)).toBe(await weightHash(original));
    },
  );

  it.each(['llama', 'qwen3-tied', 'gpt2'])('%s, F16: logits of the rounded weights', async (folder) => {
    const model = await loadGgufModel(ggufOf(`${folder}.f16`));
    const { tokens, logits } = await expected(`gguf/${folder}.f16.expected.safetensors`);
    expectClose(model.architecture.forward(model.weights, tokens).dataSync(), logits, 2e-5);
  });

  it('rows of a head: pairs side by side become halves', () => {
    const rows = { shape: [8, 2], elements: Float32Array.from({ length: 16 }, (_, index) => index >> 1) };
    const firsts = Array.from(halves(rows, 2).elements as Float32Array).filter((_, index) => index % 2 === 0);
    expect(firsts).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
  });
});

describe('what is not known is refused by its name', () => {
  const shapes = new Map([['token_embd.weight', [48, 16]]]);
  const plain: readonly (readonly [string, MetadataValue])[] = [
    ['block_count', 2],
    ['context_length', 64],
    ['embedding_length', 16],
    ['feed_forward_length', 24],
    ['attention.head_count', 4],
    ['attention.layer_norm_rms_epsilon', 1e-5],
  ];
  const described = (...more: (readonly [string, MetadataValue])[]) => {
    const own = [...plain, ...more].map(([key, value]) => [`llama.${key}`, value] as const);
    const metadata = new Map<string, MetadataValue>([['general.architecture', 'llama'], ...own]);
    return describedGguf(metadata, { shapes }, 'a.gguf').architecture.config;
  };

  it('architectures and keys', () => {
    expect(described().headSize).toBe(4);
    expect(() => describedGguf(new Map([['general.architecture', 'mamba']]), { shapes }, 'a.gguf')).toThrow(
      /a\.gguf holds a model that is not known here\n {2}received: general.architecture "mamba"\n {2}expected: gpt2/,
    );
    expect(() => describedGguf(new Map(), { shapes }, 'a.gguf')).toThrow('general.architecture "none"');
    expect(() => described(['attention.scale', 2])).toThrow('"attention.scale"');
    expect(() => described(['expert_count', 8])).toThrow('expert_count');
    expect(() => described(['rope.scaling.type', 'longrope'])).toThrow('rope.scaling.type');
    expect(() => described(['attention.head_count', [4, 2]])).toThrow('attention.head_count');
    expect(() => described(['rope.dimension_count', 2])).toThrow(
      /received: rope.dimension_count 2\n {2}expected: rope.dimension_count 4/,
    );
    expect(() => described(['attention.sliding_window', 8])).toThrow('attention.sliding_window 8');
    expect(described(['attention.sliding_window', 64]).window).toBeUndefined();
    expect(() => described(['block_count', 0])).toThrow('block_count');
  });

  it('factors of frequencies that are not those of Llama 3', () => {
    const rotary = { headSize: 6, base: 100 };
    expect(scalingOfFactors(Float32Array.of(1, 1, 1), rotary, 'a.gguf')).toBeUndefined();
    expect(() => scalingOfFactors(Float32Array.of(3, 1, 7), rotary, 'a.gguf')).toThrow(
      'rope_freqs.weight with 3.000, 1.000, 7.000',
    );
    expect(() => scalingOfFactors(Float32Array.of(1, 8), rotary, 'a.gguf')).toThrow('the 3 factors');
  });
});

const published = join(
  process.env['TRAINBOOK_MODELS'] ?? '',
  'SmolLM2-135M-Instruct',
  'SmolLM2-135M-Instruct.Q4_1.gguf',
);
const truth = join(process.env['TRAINBOOK_DATA'] ?? '', 'smollm2', 'expected.json');
type Expected = readonly {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly top5_next: readonly (readonly [number, string, number])[];
  readonly greedy_ids: readonly number[];
  readonly greedy_text: string;
}[];

it.skipIf(!existsSync(published) || !existsSync(truth))(
  'SmolLM2-135M-Instruct: ids, logits and greedy text (needs TRAINBOOK_MODELS and TRAINBOOK_DATA)',
  async () => {
    const file = await openGguf(published);
    const tokenizer = ggufTokenizer(Object.fromEntries(file.metadata));
    await file.close();
    const model = await loadGgufModel(published);
    expect(model.architecture.numParameters).toBe(134_515_008);
    const decoding = startDecoding(model, { batch: 1, length: 64 });
    for (const one of JSON.parse(await readFile(truth, 'utf8')) as Expected) {
      expect(tokenizer.encode(one.prompt, { special: true })).toEqual(one.ids);
      let logits = await decoding.start([one.ids]);
      const ranked = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0)).slice(0, 5);
      expect(ranked).toEqual(one.top5_next.map(([id]) => id));
      for (const [id, token, logit] of one.top5_next) {
        expect(tokenizer.token(id)).toBe(token);
        expect(Math.abs((logits[id] ?? NaN) - logit)).toBeLessThan(1e-3);
      }
      const written: number[] = [];
      for (;;) {
        written.push(logits.reduce((best, logit, id) => (logit > (logits[best] ?? 0) ? id : best), 0));
        if (written.length === one.greedy_ids.length) break;
        logits = await decoding.next(Int32Array.of(written.at(-1) ?? 0));
      }
      expect(written).toEqual(one.greedy_ids);
      expect(tokenizer.decode(written)).toBe(one.greedy_text);
    }
    decoding.dispose();
    modelCodec.dispose?.(model);
  },
  240_000, // three signatures of 30 layers are compiled
);
