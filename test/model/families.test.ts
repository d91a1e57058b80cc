import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { readJson } from '../../src/files.js';
import { namesOf } from '../../src/model/config-file.js';
import type { Decoder, ForwardOptions } from '../../src/model/decoder.js';
import { startDecoding } from '../../src/model/decoding.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { gpt2, gpt2Sizes } from '../../src/model/gpt2.js';
import { llama, llamaSizes } from '../../src/model/llama.js';
import { loadModel, saveModel, weightHash } from '../../src/model/model.js';
import { storedWeights } from '../../src/model/names.js';
import { opt, optSizes } from '../../src/model/opt.js';
import { mixtral } from '../../src/model/mixtral.js';
import { qwen2Moe, qwen3Moe } from '../../src/model/qwen-moe.js';
import { qwen2, qwen2Sizes, qwen3, qwen3Sizes } from '../../src/model/qwen.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { expectClose } from './close.js';

// The truth: Hugging Face transformers, by fixtures/transformers_decoders.py and transformers_experts.py.
const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const folders = [
  'gpt2',
  'opt',
  'llama',
  'llama-linear',
  'llama-dynamic',
  'llama-yarn',
  'llama-llama3',
  'qwen2',
  'qwen2-window',
  'qwen3',
  'qwen3-tied',
  'smollm2',
  'mixtral',
  'qwen2-moe',
  'qwen3-moe',
  'deepseek-v3',
  'deepseek-v3-yarn',
];
/** Compiled by XLA; the others for the graph executor, which takes a part of the time. */
const byXla = new Set(['gpt2', 'llama', 'qwen3', 'mixtral', 'deepseek-v3']);

interface Reference {
  readonly tensor: (name: string) => tf.Tensor;
  readonly numbers: (name: string) => Float32Array;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

async function reference(folder: string, file = 'expected'): Promise<Reference> {
  const { tensors } = await readSafetensors(join(fixtures, folder, `${file}.safetensors`));
  const numbers = (name: string): Float32Array => tensors.get(name)?.elements as Float32Array;
  return {
    numbers,
    tensor: (name) => {
      const found = tensors.get(name);
      if (found === undefined) throw new Error(`no ${name}`);
      const { shape, elements } = found;
      return tf.tensor(Int32Array.from(elements as BigInt64Array, Number), [...shape], 'int32');
    },
    gradients: new Map(
      [...tensors].flatMap(([name, { elements }]) =>
        name.startsWith('grad.') ? [[name.slice(5), elements as Float32Array] as const] : [],
      ),
    ),
  };
}

/** Mean loss of the tokens after the first of each row. */
function nextTokenLoss(
  architecture: Decoder,
  weights: DecoderWeights,
  tokens: tf.Tensor,
  options?: ForwardOptions,
): tf.Scalar {
  const [batch, time] = tokens.shape as [number, number];
  const targets = tf.concat([tf.slice(tokens, [0, 1], [batch, time - 1]), tf.zeros([batch, 1], 'int32')], 1);
  const counted = tf.tensor2d(
    Array.from({ length: batch }, () => Array.from({ length: time }, (_, t) => Number(t < time - 1))),
  );
  return crossEntropy(architecture.forward(weights, tokens, options), { targets, weights: counted });
}

/** The gradients by their names in files, each to 1e-4 of transformers', and all of them. */
async function expectGradients(
  architecture: Decoder,
  grads: DecoderWeights,
  expected: Reference['gradients'],
): Promise<void> {
  const stored = await storedWeights(grads, namesOf(architecture));
  expect([...stored.keys()]).toEqual(expect.arrayContaining([...expected.keys()]));
  for (const [name, numbers] of expected) {
    expectClose(stored.get(name)?.elements as Float32Array, numbers, 1e-4);
  }
}

describe.each(folders)('%s, a folder that transformers wrote', (folder) => {
  it.each(['eager', 'compiled'])('%s: logits, loss and all gradients are those of transformers', async (how) => {
    const { architecture, weights } = await loadModel(join(fixtures, folder));
    const { tensor, numbers, gradients } = await reference(folder);
    const run = (values: DecoderWeights, tokens: tf.Tensor) => ({
      logits: architecture.forward(values, tokens),
      ...valueAndGrads<DecoderWeights>((w) => nextTokenLoss(architecture, w, tokens))(values),
    });
    const tokens = tensor('input_ids');
    const target = byXla.has(folder) ? 'xla' : 'graph';
    const { logits, value, grads } =
      how === 'eager' ? run(weights, tokens) : await compile(run, { target })(weights, tokens);
    expectClose(logits.dataSync(), numbers('logits'), 2e-5);
    expect(value.dataSync()[0]).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
    expect(gradients.size).toBeGreaterThan(10);
    await expectGradients(architecture, grads, gradients);
  });

  it('with a cache, a prompt and then token by token, the logits are the same', async () => {
    const model = await loadModel(join(fixtures, folder));
    const { tensor, numbers } = await reference(folder);
    const rows = (await tensor('input_ids').array()) as number[][];
    const logits = numbers('logits');
    const decoding = startDecoding(model, { batch: 2, length: 12 });
    const expectedAt = (position: number): number[] =>
      [0, 1].flatMap((row) => [...logits.subarray((row * 12 + position) * 48, (row * 12 + position + 1) * 48)]);
    expectClose(await decoding.start(rows.map((row) => row.slice(0, 5))), expectedAt(4), 2e-5);
    for (let position = 5; position < 12; position++) {
      const column = rows.map((row) => row[position] ?? 0);
      expectClose(await decoding.next(Int32Array.from(column)), expectedAt(position), 2e-5);
    }
    decoding.dispose();
  });

  it('is written as it was read', async () => {
    const model = await loadModel(join(fixtures, folder));
    const at = await mkdtemp(join(tmpdir(), 'trainbook-家-'));
    try {
      await saveModel(model, at);
      const [before, after] = await Promise.all(
        [join(fixtures, folder), at].map(
          async (place) => (await readJson(join(place, 'config.json'))) as Record<string, unknown>,
        ),
      );
      // What decides the model is written as transformers wrote it; other keys (library versions, token ids) are not kept.
      for (const [name, value] of Object.entries(after ?? {})) {
        if (name !== 'trainbook' && before !== undefined && name in before && value !== null)
          expect([name, value]).toEqual([name, before[name]]);
      }
      const files = await Promise.all(
        [join(fixtures, folder), at].map((place) => readSafetensors(join(place, 'model.safetensors'))),
      );
      const names = files.map(({ tensors }) => [...tensors.keys()].sort());
      expect(names[1]).toEqual(names[0]);
      const again = await loadModel(at);
      expect(await weightHash(again)).toBe(await weightHash(model));
      expect(again.architecture.config).toEqual(model.architecture.config);
    } finally {
      await rm(at, { recursive: true });
    }
  });
});

describe('rows that are more than tokens from position 0 on', () => {
  it.each(['llama', 'gpt2', 'opt'])('%s: padding on the left, as a document of its own', async (folder) => {
    const { architecture, weights } = await loadModel(join(fixtures, folder));
    const { tensor, numbers } = await reference(folder, 'padded');
    const mask = tensor('attention_mask');
    const logits = architecture.forward(weights, tensor('input_ids'), {
      documents: mask,
      positions: tensor('position_ids'),
    });
    const real = tf.mul(logits, tf.cast(tf.expandDims(mask, 2), 'float32'));
    expectClose(real.dataSync(), numbers('logits'), 2e-5);
  });

  it.each(['llama', 'gpt2', 'opt'])(
    '%s: a batch of prompts of different lengths, decoded with a cache',
    async (folder) => {
      const model = await loadModel(join(fixtures, folder));
      const { tensor, numbers } = await reference(folder, 'padded');
      const masks = (await tensor('attention_mask').array()) as number[][];
      const prompts = ((await tensor('input_ids').array()) as number[][]).map((row, index) =>
        row.filter((_, place) => masks[index]?.[place] === 1),
      );
      const expectedAt = (place: number): number[] =>
        [0, 1, 2].flatMap((row) => [
          ...numbers('logits').subarray((row * 10 + place) * 48, (row * 10 + place + 1) * 48),
        ]);
      const decoding = startDecoding(model, { batch: 3, length: 10 });
      expectClose(await decoding.start(prompts.map((prompt) => prompt.slice(0, -2))), expectedAt(7), 2e-5);
      expectClose(await decoding.next(Int32Array.from(prompts, (prompt) => prompt.at(-2) ?? 0)), expectedAt(8), 2e-5);
      // Sequences may change places, and each goes on where it was.
      await decoding.reorder(Int32Array.of(2, 0, 1));
      const last = prompts.map((prompt) => prompt.at(-1) ?? 0);
      const logits = await decoding.next(Int32Array.from([2, 0, 1], (index) => last[index] ?? 0));
      expectClose(
        [1, 2, 0].flatMap((place) => [...logits.subarray(place * 48, (place + 1) * 48)]),
        expectedAt(9),
        2e-5,
      );
      decoding.dispose();
    },
  );

  it('two documents in a row: logits, loss and gradients are those of each alone', async () => {
    const { architecture, weights } = await loadModel(join(fixtures, 'llama'));
    const { tensor, numbers, gradients } = await reference('llama', 'packed');
    const labels = (await tensor('labels').array()) as number[][];
    const options = { documents: tensor('documents'), positions: tensor('position_ids') };
    // Label t is predicted at t − 1.
    const targets = tf.tensor2d(
      labels.map((row) => [...row.slice(1).map((label) => Math.max(label, 0)), 0]),
      [2, 12],
      'int32',
    );
    const counted = tf.tensor2d(labels.map((row) => [...row.slice(1).map((label) => Number(label >= 0)), 0]));
    const run = (values: DecoderWeights) =>
      valueAndGrads<DecoderWeights>((w) =>
        crossEntropy(architecture.forward(w, tensor('input_ids'), options), { targets, weights: counted }),
      )(values);
    expectClose(architecture.forward(weights, tensor('input_ids'), options).dataSync(), numbers('logits'), 2e-5);
    const { value, grads } = run(weights);
    expect(value.dataSync()[0]).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
    await expectGradients(architecture, grads, gradients);
  });

  it('dynamic scaling of rotary positions beyond the original context', async () => {
    const { architecture, weights } = await loadModel(join(fixtures, 'llama-dynamic'));
    const { tensor, numbers, gradients } = await reference('llama-dynamic', 'long');
    const tokens = tensor('input_ids');
    expectClose(architecture.forward(weights, tokens).dataSync(), numbers('logits'), 2e-5);
    const { grads } = valueAndGrads<DecoderWeights>((w) => nextTokenLoss(architecture, w, tokens))(weights);
    await expectGradients(architecture, grads, gradients);
  });

  it('embeddings in place of tokens', async () => {
    const { architecture, weights } = await loadModel(join(fixtures, 'llama'));
    const { tensor, numbers } = await reference('llama');
    const embedded = tf.gather(weights.embedding, tensor('input_ids'));
    expectClose(architecture.forward(weights, embedded).dataSync(), numbers('logits'), 2e-5);
  });
});

describe('published sizes', () => {
  it.each([
    ['gpt2 small', gpt2('small').numParameters, 124_439_808],
    ['gpt2 medium', gpt2('medium').numParameters, 354_823_168],
    ['gpt2 large', gpt2('large').numParameters, 774_030_080],
    ['gpt2 xl', gpt2('xl').numParameters, 1_557_611_200],
    ['OPT-125m', opt('125m').numParameters, 125_239_296],
    ['OPT-1.3b', opt('1.3b').numParameters, 1_315_758_080],
    ['SmolLM2-135M', llama('smollm2-135m').numParameters, 134_515_008],
    ['Llama-2-7B', llama('llama2-7b').numParameters, 6_738_415_616],
    ['Llama-3-8B', llama('llama3-8b').numParameters, 8_030_261_248],
    ['Qwen2.5-0.5B', qwen2('0.5b').numParameters, 494_032_768],
    ['Qwen2.5-7B', qwen2('7b').numParameters, 7_615_616_512],
    ['Qwen3-0.6B', qwen3('0.6b').numParameters, 596_049_920],
    ['Qwen3-8B', qwen3('8b').numParameters, 8_190_735_360],
    ['Mixtral-8x7B', mixtral('8x7b').numParameters, 46_702_792_704],
    ['Qwen1.5-MoE-A2.7B', qwen2Moe('a2.7b').numParameters, 14_315_784_192],
    ['Qwen3-30B-A3B', qwen3Moe('30b-a3b').numParameters, 30_532_122_624],
  ])('%s has the parameters that its card states', (_name, counted, published) => {
    expect(counted).toBe(published);
  });

  it('every size is a model', () => {
    for (const size of Object.keys(gpt2Sizes) as (keyof typeof gpt2Sizes)[]) expect(gpt2(size).kind).toBe('decoder');
    for (const size of Object.keys(optSizes) as (keyof typeof optSizes)[]) expect(opt(size).kind).toBe('decoder');
    for (const size of Object.keys(llamaSizes) as (keyof typeof llamaSizes)[]) expect(llama(size).kind).toBe('decoder');
    for (const size of Object.keys(qwen2Sizes) as (keyof typeof qwen2Sizes)[]) expect(qwen2(size).kind).toBe('decoder');
    for (const size of Object.keys(qwen3Sizes) as (keyof typeof qwen3Sizes)[]) expect(qwen3(size).kind).toBe('decoder');
  });
});
