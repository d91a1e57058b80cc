import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { configFile, namesOf } from '../../src/model/config-file.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoder, ForwardOptions } from '../../src/model/decoder.js';
import { startDecoding } from '../../src/model/decoding.js';
import { readSafetensors } from '../../src/model/files/safetensors.js';
import { visibilityMask } from '../../src/model/mixing.js';
import { glm } from '../../src/model/glm.js';
import { loadModel } from '../../src/model/model.js';
import { storedWeights } from '../../src/model/names.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { growContext } from '../../src/train/growth/grow-context.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { expectClose } from './close.js';
import { fixture } from './encoder-reference.js';

// The truth: Hugging Face transformers, by fixtures/transformers_prefix.py.
const { tensors } = await readSafetensors(join(fixture('.'), 'prefix.safetensors'));
const found = (name: string) => {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`no ${name}`);
  return tensor;
};
const numbers = (name: string): Float32Array => found(name).elements as Float32Array;
const integers = (name: string): tf.Tensor =>
  tf.tensor(Int32Array.from(found(name).elements as BigInt64Array, Number), [...found(name).shape], 'int32');
const prefix = integers('prefix');

const run = (architecture: Decoder, weights: DecoderWeights, options: ForwardOptions) => ({
  logits: architecture.forward(weights, integers('input_ids'), options),
  ...valueAndGrads<DecoderWeights>((w) =>
    crossEntropy(architecture.forward(w, integers('input_ids'), options), {
      targets: integers('targets'),
      weights: tf.cast(integers('counted'), 'float32'),
    }),
  )(weights),
});

async function expectGradients(architecture: Decoder, grads: DecoderWeights, start: string): Promise<void> {
  const stored = await storedWeights(
    { ...grads, positions: { weight: grads.positions['weight'] as tf.Tensor } },
    namesOf(architecture),
  );
  const names = [...tensors.keys()].filter((name) => name.startsWith(start) && !name.endsWith('blocks'));
  expect(names.length).toBeGreaterThan(10);
  for (const name of names)
    expectClose(stored.get(name.slice(start.length))?.elements as Float32Array, numbers(name), 1e-4);
}

describe('a prefix that is read both ways', () => {
  it('logits, loss and gradients are those of transformers', async () => {
    const { architecture, weights } = await loadModel(fixture('gpt2'));
    const { logits, value, grads } = run(architecture, weights, { prefix });
    expectClose(logits.dataSync(), numbers('logits'), 2e-5);
    expect(value.dataSync()[0]).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
    await expectGradients(architecture, grads, 'grad.');
  });

  it('a prompt that is the prefix, and token by token after it, with a cache', async () => {
    const model = await loadModel(fixture('gpt2'));
    const rows = (await integers('input_ids').array()) as number[][];
    const expectedAt = (places: readonly number[]): number[] =>
      places.flatMap((place, row) => [
        ...numbers('logits').subarray((row * 12 + place) * 48, (row * 12 + place + 1) * 48),
      ]);
    const decoding = startDecoding(model, { batch: 2, length: 12, prefix: true });
    expectClose(
      await decoding.start([rows[0]?.slice(0, 5) ?? [], rows[1]?.slice(0, 8) ?? []]),
      expectedAt([4, 7]),
      2e-5,
    );
    expectClose(await decoding.next(Int32Array.of(rows[0]?.[5] ?? 0, rows[1]?.[8] ?? 0)), expectedAt([5, 8]), 2e-5);
    expectClose(await decoding.next(Int32Array.of(rows[0]?.[6] ?? 0, rows[1]?.[9] ?? 0)), expectedAt([6, 9]), 2e-5);
    decoding.dispose();
  });

  it('its mask: all see the prefix, and what stands before them', async () => {
    const mask = visibilityMask({ causal: true, prefix: tf.tensor1d([2, 0], 'int32') }, 4) as tf.Tensor;
    const seen = tf.squeeze(tf.cast(tf.equal(mask, 0), 'int32'));
    expect(await seen.array()).toEqual([
      [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
      ],
      [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
      ],
    ]);
  });
});

describe('places within blanks', () => {
  const blanks = async (): Promise<{ architecture: Decoder; weights: DecoderWeights }> => {
    const base = await loadModel(fixture('gpt2'));
    const block = tf.tensor(numbers('blocks'), [32, 16]);
    return {
      architecture: decoder({ ...base.architecture.config, positions: 'learned2d' }),
      weights: { ...base.weights, positions: { ...base.weights.positions, block } },
    };
  };
  const options = { prefix, positions: integers('positions'), blockPositions: integers('block_positions') };

  it('logits, loss and gradients are those of transformers with a second table', async () => {
    const { architecture, weights } = await blanks();
    const { logits, value, grads } = run(architecture, weights, options);
    expectClose(logits.dataSync(), numbers('block.logits'), 2e-5);
    expect(value.dataSync()[0]).toBeCloseTo(numbers('block.loss')[0] ?? NaN, 5);
    const { architecture: named } = await loadModel(fixture('gpt2'));
    await expectGradients(named, grads, 'block.grad.');
    expectClose(grads.positions['block']?.dataSync() ?? [], numbers('block.grad.blocks'), 1e-4);
  });

  it('are of no published family, and have a name in files', async () => {
    const { architecture, weights } = await blanks();
    expect(configFile(architecture)).not.toHaveProperty('model_type');
    const stored = await storedWeights(weights, namesOf(architecture));
    expect(stored.get('model.embed_block_positions.weight')?.shape).toEqual([32, 16]);
    const { weights: grown } = growContext(34)({ architecture, weights });
    expect(Object.values(grown.positions).map(({ shape }) => shape)).toEqual([
      [34, 16],
      [34, 16],
    ]);
    // Row 0 of the blanks is for tokens outside of them: the rows after the last begin anew at row 1.
    const rows = (await grown.positions['block']?.array()) as number[][];
    expect(rows.slice(32)).toEqual(rows.slice(1, 3));
  });

  it('make a GLM, whose sizes are about those of the paper', () => {
    // 30,522 tokens, 2 · 512 positions, 12 blocks of 7,087,872, a norm: 110 million; 24 blocks of 12,596,224: 340.
    expect(glm('base').numParameters).toBe((30_522 + 1024) * 768 + 12 * 7_087_872 + 2 * 768);
    expect(glm('large').numParameters).toBe((30_522 + 1024) * 1024 + 24 * 12_596_224 + 2 * 1024);
  });

  it('are refused by a model that knows none', () => {
    const architecture = decoder({ layers: 1, width: 8, heads: 2, context: 12, vocabularySize: 48 });
    expect(() => architecture.forward(architecture.init(key(1)), integers('input_ids'), options)).toThrow(
      /places within blanks[\s\S]*rotary positions[\s\S]*learned2d/,
    );
  });
});
