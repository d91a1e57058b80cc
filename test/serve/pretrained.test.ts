import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { codecs } from '../../src/experiment/codecs.js';
import { Store } from '../../src/experiment/store.js';
import { readGeneration } from '../../src/model/generation-config.js';
import { weightHash } from '../../src/model/model.js';
import { loadPretrained, stopsOf } from '../../src/serve/pretrained.js';
import { savePretrained } from '../../src/serve/save-pretrained.js';
import { characterTokenizer } from '../../src/tokens/characters.js';
import { saveTokenizer } from '../../src/tokens/tokenizer-codec.js';

const fixtures = fileURLToPath(new URL('../model/fixtures/', import.meta.url));
const gguf = join(fixtures, 'gguf', 'smollm2.f32.gguf');
const tokenizer = characterTokenizer({ documents: [{ text: 'abcdefgh' }] });

let at: string;
const put = (path: string, value: unknown): Promise<void> => writeFile(join(at, path), JSON.stringify(value));
beforeAll(async () => {
  at = await mkdtemp(join(tmpdir(), 'trainbook-模型 '));
});
afterAll(async () => {
  await rm(at, { recursive: true });
});

describe('a GGUF file', () => {
  it('gives its model, tokenizer, chat template and stops; so does a folder with it', async () => {
    const read = await loadPretrained(gguf);
    expect([read.kind, read.chat?.template.name, read.tokenizer.size]).toEqual(['GGUF file', 'ChatML', 48]);
    expect(read.tokenizer.encode('user assistant.')).toEqual([35, 30, 43, 31]);
    expect([...stopsOf(read)]).toEqual([2]);
    await mkdir(join(at, 'one'));
    await copyFile(gguf, join(at, 'one', 'model.gguf'));
    const again = await loadPretrained(join(at, 'one'));
    expect(await weightHash(again.model)).toBe(await weightHash(read.model));
    await copyFile(gguf, join(at, 'one', 'other.gguf'));
    await expect(loadPretrained(join(at, 'one'))).rejects.toThrow('2 GGUF files: model.gguf, other.gguf; name one');
  });

  it('is saved as a Hugging Face folder, and comes back the same', async () => {
    const read = await loadPretrained(gguf);
    const generation = { stops: [2, 0], temperature: 0.6, topP: 0.9, topK: 20 };
    const folder = join(at, 'saved');
    const saved = await savePretrained({ ...read, generation }, folder);
    const again = await loadPretrained(folder);
    expect(again.kind).toBe('Hugging Face folder');
    expect(again.generation).toEqual(generation);
    expect(again.jinja).toEqual(read.jinja);
    expect(again.chat?.template).toBe(read.chat?.template);
    expect(again.tokenizer.json).toBe(read.tokenizer.json);
    expect(again.tokenizer.endOfText).toBe(2);
    expect(await weightHash(again.model)).toBe(saved);
    expect(again.model.architecture.config).toEqual(read.model.architecture.config);
    const config = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')) as object;
    expect(config).toMatchObject({ bos_token: '<|im_start|>', eos_token: '<|im_end|>' });
    expect([...stopsOf(again)]).toEqual([2, 0]);
  });
});

describe('a Hugging Face folder', () => {
  it('has the stops of its publishers, and no chat without a template', async () => {
    const folder = join(at, 'base');
    await cp(join(fixtures, 'llama'), folder, { recursive: true });
    await expect(loadPretrained(folder)).rejects.toThrow('no tokenizer here');
    await saveTokenizer(tokenizer, folder);
    const read = await loadPretrained(folder);
    expect(read.chat).toBeUndefined();
    expect(read.generation.stops).toEqual([2]);
    expect(stopsOf(read).has(tokenizer.endOfText)).toBe(true);
  });

  it('whose template is not known says why there is no chat, and keeps the template', async () => {
    const folder = join(at, 'unknown');
    await savePretrained(await loadPretrained(gguf), folder);
    await writeFile(join(folder, 'chat_template.jinja'), '{% for m in messages %}{{ m.content }}{% endfor %}');
    const read = await loadPretrained(folder);
    expect(read.chat).toBeUndefined();
    expect(read.chatProblem?.message).toContain('templateOfJinja: no template here');
    expect(read.jinja?.jinja).toContain('m.content');
  });

  it('generation_config.json: one stop or several, numbers where the model is to be sampled', async () => {
    const folder = join(at, 'generation');
    await mkdir(folder);
    expect(await readGeneration(folder)).toEqual({ stops: [] });
    await put('generation/config.json', { eos_token_id: 7 });
    expect(await readGeneration(folder)).toEqual({ stops: [7] });
    await put('generation/generation_config.json', {
      eos_token_id: [3, 4],
      do_sample: true,
      temperature: 0.6,
      top_p: 0.9,
    });
    expect(await readGeneration(folder)).toEqual({ stops: [3, 4], temperature: 0.6, topP: 0.9 });
    await put('generation/generation_config.json', { eos_token_id: 3, do_sample: false, temperature: 0.6, top_k: 50 });
    expect(await readGeneration(folder)).toEqual({ stops: [3] });
    await put('generation/generation_config.json', { eos_token_id: 'end' });
    await expect(readGeneration(folder)).rejects.toThrow('does not say how to generate');
  });
});

describe('a checkpoint', () => {
  it('has the tokenizer of its run, or one of its own', async () => {
    const runs = join(at, 'runs');
    const store = new Store(join(runs, 'store'), codecs);
    const artifact = await store.put(tokenizer, { stage: 'tokenizer', code: 'c' });
    const createdAt = '2026-11-21T06:31:12.000Z';
    await mkdir(join(runs, 'tiny', 'r1'), { recursive: true });
    const spec = { experiment: 'tiny', runId: 'r1', seed: 1, config: {}, stages: ['tokenizer', 'base'], code: 'c' };
    await put('runs/tiny/r1/spec.json', { format: 1, ...spec, createdAt });
    await put('runs/tiny/r1/status.json', { state: 'running', startedAt: createdAt });
    const made = { stage: 'tokenizer', kind: 'tokenizer', artifact, parents: [], code: 'c', numericClass: 'n' };
    await put('runs/tiny/r1/lineage.json', { format: 1, stages: [{ ...made, cached: false, seconds: 1 }] });
    const identity = join(runs, 'store', 'checkpoints', 'base', '9f0c');
    const checkpoint = join(identity, 'step-00000100');
    await mkdir(checkpoint, { recursive: true });
    for (const name of ['config.json', 'model.safetensors'])
      await copyFile(join(fixtures, 'llama', name), join(checkpoint, name));
    for (const name of ['state.json', 'optimizer.safetensors']) await writeFile(join(checkpoint, name), '{}');
    await expect(loadPretrained(checkpoint)).rejects.toThrow(/has no tokenizer[^]*saveTokenizer/);
    await writeFile(`${identity}.json`, JSON.stringify({ run: 'tiny/r1', createdAt, reads: {} }));
    const read = await loadPretrained(checkpoint);
    expect([read.kind, read.tokenizer.json]).toEqual(['checkpoint', tokenizer.json]);
    expect((await loadPretrained(identity)).kind).toBe('checkpoint'); // the newest in a folder of checkpoints
    await expect(loadPretrained(join(runs, 'tiny', 'r1'))).rejects.toThrow('makes a model has finished');
  });
});

describe('what holds no model', () => {
  it('is said, with what was expected', async () => {
    await expect(loadPretrained(join(at, 'nowhere'))).rejects.toThrow(
      /received: no such file[^]*expected: a Hugging Face/,
    );
    await mkdir(join(at, 'empty'));
    await expect(loadPretrained(join(at, 'empty'))).rejects.toThrow('received: an empty folder');
    await writeFile(join(at, 'empty', 'notes.txt'), 'hello');
    await expect(loadPretrained(join(at, 'empty'))).rejects.toThrow('received: a folder with notes.txt');
    await expect(loadPretrained(join(at, 'empty', 'notes.txt'))).rejects.toThrow(
      /begins with "hell"[^]*name the folder/,
    );
    await expect(loadPretrained(join(fixtures, 'bert'))).rejects.toThrow(/is an encoder[^]*model_type "bert"/);
  });
});
