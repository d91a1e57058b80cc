import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key } from '../../../src/engine/key.js';
import { describeArchitecture } from '../../../src/model/describe.js';
import { encoderDecoder } from '../../../src/model/encoder-decoder/encoder-decoder.js';
import {
  describedEncoderDecoder,
  encoderDecoderFile,
} from '../../../src/model/encoder-decoder/encoder-decoder-file.js';
import { summariseEncoderDecoder } from '../../../src/model/encoder-decoder/encoder-decoder-model.js';
import { t5 } from '../../../src/model/encoder-decoder/t5.js';
import { expectClose } from '../close.js';

const sizes = { layers: 1, width: 8, heads: 2, vocabularySize: 10, buckets: 8, distance: 12 };
const row = (tokens: readonly number[]): tf.Tensor => tf.tensor2d([[...tokens]], [1, tokens.length], 'int32');

describe('options', () => {
  it('fill in what follows from others', () => {
    expect(encoderDecoder({ ...sizes, layers: 3 }).config).toMatchObject({
      decoderLayers: 3,
      headSize: 4,
      hidden: 32,
      scaledOutput: true,
      startToken: 0,
    });
    const gated = encoderDecoder({ ...sizes, decoderLayers: 2, mlp: 'geglu', tiedEmbeddings: false });
    expect(gated.config).toMatchObject({ decoderLayers: 2, hidden: 32, scaledOutput: false });
    expect(gated.specs.output['weight']?.shape).toEqual([10, 8]);
  });

  it.each([
    [{ heads: 3 }, /heads must divide width/],
    [{ buckets: 7 }, /buckets must be even/],
    [{ buckets: 32, distance: 16 }, /distance must be above half of the buckets/],
    [{ context: 8 }, /context/],
    [{ dropout: 1 }, /dropout/],
  ])('%o is refused', (wrong, message) => {
    expect(() => encoderDecoder({ ...sizes, ...wrong })).toThrow(message);
  });
});

describe('cost', () => {
  it('by hand', () => {
    // A block of the encoder has 4 · 8 · 8 + 2 · 8 · 32 = 768 weights in matrices, one of the decoder 768 + 256, of which keys and values
    // of the source are 128; the table has 80. Scores and means of values: 4 · 8 FLOPs for each query and key.
    const architecture = encoderDecoder(sizes);
    const read = 3 * (2 * (768 + 128) + 32 * 3);
    const written = (keys: number): number => 2 * (1024 - 128 + 80) + 32 * (keys + 3);
    expect(architecture.cost({ source: 3, target: 2 })).toMatchObject({
      forwardFlops: read + 2 * written(2),
      decodeFlops: written(3),
      cacheBytes: 4 * 2 * 8 * 5,
    });
    // Tables, biases of 8 buckets for 2 heads a stack, norms of 8.
    expect(architecture.numParameters).toBe(768 + 1024 + 80 + 2 * 16 + (2 + 3 + 2) * 8);
  });
});

describe('reading', () => {
  it('several pairs in one row are as each alone', async () => {
    const architecture = encoderDecoder(sizes);
    const weights = architecture.init(key(3));
    const tokens = (most: number) => fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: most });
    const pair = fc.record({ source: tokens(4), target: tokens(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 3 }), async (pairs) => {
        const numbered = (name: 'source' | 'target'): number[] =>
          pairs.flatMap((one, index) => one[name].map(() => index + 1));
        const together = architecture.forward(
          weights,
          { source: row(pairs.flatMap(({ source }) => source)), target: row(pairs.flatMap(({ target }) => target)) },
          { sourceDocuments: row(numbered('source')), targetDocuments: row(numbered('target')) },
        );
        const each = pairs.map(({ source, target }) =>
          architecture.forward(weights, { source: row(source), target: row(target) }),
        );
        expectClose(await together.data(), await tf.concat(each, 1).data(), 1e-4);
      }),
      { numRuns: 10 },
    );
  });

  it('takes embeddings in place of tokens', async () => {
    const architecture = encoderDecoder(sizes);
    const weights = architecture.init(key(3));
    const [source, target] = [row([1, 2, 3]), row([0, 4])];
    const embedded = { source: tf.gather(weights.embedding, source), target: tf.gather(weights.embedding, target) };
    expectClose(
      await architecture.forward(weights, embedded).data(),
      await architecture.forward(weights, { source, target }).data(),
      1e-6,
    );
  });
});

describe('files', () => {
  const none = { tensors: new Map() };

  it('a model for which transformers has no words keeps the names of the tree', () => {
    const { json, names } = encoderDecoderFile(encoderDecoder({ ...sizes, tiedEmbeddings: false, scaledOutput: true }));
    expect(Object.keys(json as object)).toEqual(['trainbook']);
    expect(names.find(({ path }) => path === 'decoder.layers.*.cross.query.weight')?.name).toBe(
      'decoder.layers.*.cross.query.weight',
    );
    const again = describedEncoderDecoder(json, none, 'config.json').architecture;
    expect(again.config).toMatchObject({ tiedEmbeddings: false, scaledOutput: true });
  });

  it('UL2’s gated SiLU has T5’s words', () => {
    const { json, names } = encoderDecoderFile(encoderDecoder({ ...sizes, mlp: 'swiglu', tiedEmbeddings: false }));
    expect(json).toMatchObject({ model_type: 't5', feed_forward_proj: 'gated-silu', tie_word_embeddings: false });
    expect(names.some(({ name }) => name === 'encoder.block.*.layer.1.DenseReluDense.wi_1.weight')).toBe(true);
    const { trainbook: _own, ...theirs } = json as Record<string, unknown>;
    const { architecture } = describedEncoderDecoder(
      theirs,
      { tensors: new Map([['lm_head.weight', { shape: [10, 8] } as never]]) },
      'config.json',
    );
    expect(architecture.config).toMatchObject({ mlp: 'swiglu', tiedEmbeddings: false, scaledOutput: false });
  });

  it('what transformers 5 ties though it does not scale is tied here', () => {
    const { json } = encoderDecoderFile(encoderDecoder(sizes));
    const { trainbook: _own, ...theirs } = json as Record<string, unknown>;
    const config = { ...theirs, scale_decoder_outputs: false };
    expect(describedEncoderDecoder(config, none, 'config.json').architecture.config).toMatchObject({
      tiedEmbeddings: true,
      scaledOutput: false,
    });
  });

  it.each([
    [{ model_type: 'bart' }, /no encoder–decoder that is known here[\s\S]*loadModel/],
    [{ trainbook: { format: 9 } }, /does not describe a trainbook encoder–decoder/],
    [{ model_type: 't5', d_model: 8 }, /not supported here[\s\S]*vocab_size/],
  ])('%o is refused', (json, message) => {
    expect(() => describedEncoderDecoder(json, none, 'config.json')).toThrow(message);
  });
});

it('is described and summarised', () => {
  const architecture = t5('small');
  const text = describeArchitecture(architecture);
  expect(text).toContain('encoderDecoder: 60,506,624 parameters');
  expect(text).toContain('cross');
  const { title, facts } = summariseEncoderDecoder({ architecture, weights: {} as never });
  expect(title).toBe('Encoder–decoder');
  expect(facts).toMatchObject({ parameters: 60_506_624, 'layers of the decoder': 6 });
});
