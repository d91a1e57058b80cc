import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fold, key } from '../../src/engine/key.js';
import { uniform } from '../../src/engine/random.js';
import { mapTree } from '../../src/engine/tree.js';
import { readJson } from '../../src/files.js';
import { lora } from '../../src/model/lora.js';
import { readSafetensors, writeSafetensors } from '../../src/model/files/safetensors.js';
import type { Safetensors } from '../../src/model/files/safetensors.js';
import type { Model } from '../../src/model/model.js';
import { loadAdapter, saveAdapter } from '../../src/model/peft-folder.js';
import type { Adapter } from '../../src/model/peft-folder.js';
import type { PeftMethod } from '../../src/model/peft-config.js';
import { prefixTuning } from '../../src/model/prefix-tuning.js';
import { promptTuning } from '../../src/model/prompt-tuning.js';
import { baseModel, peftFolder, peftReference } from './peft-reference.js';
import { expectClose } from './close.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trainbook-適-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const files = ['adapter_config.json', 'adapter_model.safetensors'] as const;

describe.each([
  ['lora', 'llama'],
  ['lora-rslora', 'llama'],
  ['lora-all-linear', 'llama'],
  ['lora-gpt2', 'gpt2'],
  ['lora-second', 'llama'],
  ['dora', 'llama'],
  ['dora-gpt2', 'gpt2'],
  ['prefix', 'llama'],
  ['prompt', 'llama'],
])('%s, a folder that PEFT wrote', (name, base) => {
  it.each(files)('is written as it was read, byte by byte: %s', async (file) => {
    const { architecture } = await baseModel(base);
    const adapter = await loadAdapter(peftFolder(name), architecture);
    const hash = await saveAdapter(adapter, join(folder, 'again'), { architecture, base });
    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    const [before, after] = await Promise.all(
      [peftFolder(name), join(folder, 'again')].map((place) => readFile(join(place, file))),
    );
    expect(after?.equals(before ?? Buffer.alloc(0))).toBe(true);
  });
});

/** An adapter with numbers that follow from the key alone, B of LoRA not 0. */
function drawn(method: PeftMethod, { architecture }: Model, name: string): Adapter {
  const weights = mapTree<{ readonly shape: readonly number[] }, tf.Tensor>(
    method.specs(architecture),
    ({ shape }, path) => uniform(fold(key(name), path), shape, { min: -0.5, max: 0.5 }),
  );
  return { kind: method.kind, method, weights } as Adapter;
}

/** Folders that trainbook wrote, and PEFT's logits for them, by fixtures/peft_written.py. */
const written: readonly (readonly [name: string, base: string, method: PeftMethod])[] = [
  ['written-lora', 'qwen3-tied', lora({ rank: 2, alpha: 3, dropout: 0.1, targets: 'all-linear', scaling: 'root' })],
  ['written-lora-gpt2', 'gpt2', lora({ rank: 3, targets: ['c_attn', 'mlp.c_proj', 'transformer.h.1.mlp.c_fc'] })],
  ['written-prefix', 'qwen3', prefixTuning({ numVirtualTokens: 4 })],
  ['written-prefix-gpt2', 'gpt2', prefixTuning({ numVirtualTokens: 3 })],
  ['written-prompt', 'qwen2', promptTuning({ numVirtualTokens: 4 })],
];

describe.each(written)('%s, a folder that PEFT reads', (name, base, method) => {
  it('is what is written today', async () => {
    const model = await baseModel(base);
    await saveAdapter(drawn(method, model, name), folder, { architecture: model.architecture, base });
    for (const file of files) {
      const [before, after] = await Promise.all([peftFolder(name), folder].map((place) => readFile(join(place, file))));
      expect(after?.equals(before ?? Buffer.alloc(0)), file).toBe(true);
    }
  });

  it('gives PEFT’s logits', async () => {
    const model = await baseModel(base);
    const adapter = await loadAdapter(peftFolder(name), model.architecture);
    const { tokens, numbers } = await peftReference(name);
    const logits =
      adapter.kind === 'prompt'
        ? adapter.method.adapt(model).forwardAll(adapter.weights, tokens)
        : adapter.kind === 'prefix'
          ? adapter.method.adapt(model).forward(adapter.weights, tokens)
          : adapter.method.adapt(model).forward(adapter.weights, tokens);
    expectClose(logits.dataSync(), numbers('logits'), 1e-5);
  });
});

describe('what is not supported is refused', () => {
  /** Copies a folder with other settings and tensors. */
  async function changed(
    name: string,
    settings: Readonly<Record<string, unknown>>,
    change: (contents: Safetensors) => Safetensors = (contents) => contents,
  ): Promise<void> {
    const json = (await readJson(join(peftFolder(name), files[0]))) as Record<string, unknown>;
    await writeFile(join(folder, files[0]), JSON.stringify({ ...json, ...settings }));
    const contents = await readSafetensors(join(peftFolder(name), files[1]));
    await writeSafetensors(join(folder, files[1]), change(contents));
  }

  it.each([
    ['lora', { use_qalora: true }, 'use_qalora: true'],
    ['lora', { modules_to_save: ['lm_head'] }, 'modules_to_save: ["lm_head"]'],
    ['lora', { rank_pattern: { q_proj: 2 } }, 'rank_pattern: {"q_proj":2}'],
    ['lora', { alpha_pattern: { q_proj: 2 } }, 'alpha_pattern'],
    ['lora', { layers_to_transform: [0] }, 'layers_to_transform: [0]'],
    ['lora', { a_setting_of_tomorrow: 'on' }, 'a_setting_of_tomorrow: "on"'],
    ['lora', { bias: 'all' }, 'bias'],
    ['lora', { init_lora_weights: 'pissa' }, 'init_lora_weights'],
    ['lora', { target_modules: '.*_proj' }, 'patterns are not supported'],
    ['lora', { task_type: 'SEQ_CLS' }, 'task_type'],
    ['lora', { peft_type: 'IA3' }, 'peft_type'],
    ['lora', { r: undefined }, 'r'],
    ['lora', { target_modules: ['q_proj', 'v_proj', 'wq'] }, 'no linear layer of this name'],
    ['prefix', { num_layers: 3 }, 'num_layers 3'],
    ['prefix', { num_attention_heads: 1 }, 'num_attention_heads 1'],
    ['prefix', { num_transformer_submodules: 2 }, 'num_transformer_submodules'],
    ['prompt', { token_dim: 32 }, 'token_dim 32'],
    ['prompt', { num_virtual_tokens: 4 }, /prompt_embeddings does not fit.*received: \[5, 16\].*expected: \[4, 16\]/s],
    ['lora', { r: 8 }, /q_proj\.lora_A\.weight does not fit.*received: \[4, 16\].*expected: \[8, 16\]/s],
    ['lora', { target_modules: ['q_proj'] }, /no place for\n.*v_proj\.lora_A/s],
    ['lora', { target_modules: ['q_proj', 'v_proj', 'k_proj'] }, /k_proj\.lora_A.*no such tensor/s],
  ])('%s with %j', async (name, settings, message) => {
    await changed(name, settings);
    const { architecture } = await baseModel('llama');
    await expect(loadAdapter(folder, architecture)).rejects.toThrow(message);
    await expect(loadAdapter(folder, architecture)).rejects.toMatchObject({ name: 'TrainbookError' });
  });

  it('settings of other versions of PEFT that are off, or say what does not count, are no obstacle', async () => {
    await changed('lora', {
      a_setting_of_tomorrow: false,
      another: {},
      third: [],
      peft_version: '0.7.1',
      fan_in_fan_out: true,
      auto_mapping: { base_model_class: 'LlamaForCausalLM' },
      task_type: null,
    });
    const { architecture } = await baseModel('llama');
    const adapter = await loadAdapter(folder, architecture);
    expect(adapter.method.config).toEqual({
      rank: 4,
      alpha: 8,
      dora: false,
      dropout: 0,
      targets: ['q_proj', 'v_proj'],
      scaling: 'rank',
    });
  });

  it('halves are read as the numbers that they are', async () => {
    const half = (elements: Float32Array): Uint16Array =>
      Uint16Array.from(new Uint32Array(elements.slice().buffer), (bits) => bits >>> 16);
    await changed('prompt', {}, ({ metadata, tensors }) => ({
      metadata,
      tensors: new Map(
        [...tensors].map(([name, { shape, elements }]) => [
          name,
          { shape, elements: half(elements as Float32Array), dtype: 'BF16' as const },
        ]),
      ),
    }));
    const { architecture } = await baseModel('llama');
    const [cut, whole] = await Promise.all([folder, peftFolder('prompt')].map((at) => loadAdapter(at, architecture)));
    if (cut?.kind !== 'prompt' || whole?.kind !== 'prompt') throw new Error('not prompts');
    const numbers = whole.weights.embeddings.dataSync();
    expectClose(cut.weights.embeddings.dataSync(), numbers, 2 ** -7 * Math.max(...numbers.map(Math.abs)));
    expect(cut.weights.embeddings.dataSync()).not.toEqual(numbers);
  });

  it('a missing file, and weights that are not the method’s', async () => {
    const model = await baseModel('llama');
    const { architecture } = model;
    await expect(loadAdapter(join(folder, 'nowhere'), architecture)).rejects.toThrow('adapter_config.json');
    await writeFile(join(folder, files[0]), await readFile(join(peftFolder('lora'), files[0])));
    await expect(loadAdapter(folder, architecture)).rejects.toThrow('adapter_model.safetensors');
    const method = lora({ rank: 4, targets: ['q_proj'] });
    const { weights } = drawn(lora({ rank: 2, targets: ['q_proj'] }), model, 'other') as Extract<
      Adapter,
      { kind: 'lora' }
    >;
    await expect(
      saveAdapter({ kind: 'lora', method, weights }, join(folder, 'none'), { architecture }),
    ).rejects.toThrow(/does not fit the architecture\n.*query\.a \[16, 2\].*query\.a \[16, 4\]/s);
    await expect(readFile(join(folder, 'none', files[0]))).rejects.toThrow('ENOENT');
  });
});
