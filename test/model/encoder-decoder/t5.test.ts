import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { key } from '../../../src/engine/key.js';
import { treeEntries } from '../../../src/engine/tree.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { readJson } from '../../../src/files.js';
import { encoderDecoderFile } from '../../../src/model/encoder-decoder/encoder-decoder-file.js';
import {
  encoderDecoderCodec,
  loadEncoderDecoder,
  saveEncoderDecoder,
} from '../../../src/model/encoder-decoder/encoder-decoder-model.js';
import type { EncoderDecoderWeights } from '../../../src/model/encoder-decoder/encoder-decoder-specs.js';
import { readSafetensors } from '../../../src/model/files/safetensors.js';
import { storedWeights } from '../../../src/model/names.js';
import { relativeBias, relativeBiasAt, relativeBucket } from '../../../src/model/encoder-decoder/relative-positions.js';
import type { RelativeBuckets } from '../../../src/model/encoder-decoder/relative-positions.js';
import { t5, t5Sizes, t5V11, t5V11Sizes } from '../../../src/model/encoder-decoder/t5.js';
import { crossEntropy } from '../../../src/train/objectives/cross-entropy.js';
import { expectClose } from '../close.js';
import { fixture, realNumbers, realRows, reference } from '../encoder-reference.js';

// The truth: Hugging Face transformers, by fixtures/transformers_t5.py.
const truth = JSON.parse(await readFile(fixture('t5.json').replace(/\/$/, ''), 'utf8')) as {
  readonly buckets: readonly (RelativeBuckets & { readonly found: readonly number[] })[];
  readonly parameters: Readonly<Record<'t5' | 'v1.1', Readonly<Record<string, number>>>>;
};
const folders = ['t5', 't5-v1.1'];

describe.each(folders)('%s, a folder that transformers wrote', (folder) => {
  it.each(['eager', 'compiled'])(
    '%s: states, logits, loss and all gradients are those of transformers',
    async (how) => {
      const { architecture, weights } = await loadEncoderDecoder(fixture(folder));
      const { tensor, numbers, gradients } = await reference(folder);
      const labels = tensor('labels');
      const none = tf.zerosLike(labels);
      const targets = { targets: tf.maximum(labels, none), weights: tf.cast(tf.greaterEqual(labels, none), 'float32') };
      const inputs = { source: tensor('input_ids'), target: tensor('decoder_input_ids') };
      const mask = tensor('attention_mask');
      const options = { sourceDocuments: mask };
      const run = (values: EncoderDecoderWeights) => ({
        states: architecture.encode(values, inputs.source, options),
        logits: architecture.forward(values, inputs, options),
        ...valueAndGrads<EncoderDecoderWeights>((w) => crossEntropy(architecture.forward(w, inputs, options), targets))(
          values,
        ),
      });
      const { states, logits, value, grads } =
        how === 'eager' ? run(weights) : await compile(run, { target: 'graph' })(weights);
      // Padding sees no text here: only its own states differ.
      expectClose(await realRows(states, mask), await realNumbers(numbers('encoder'), mask), 1e-5);
      expectClose(logits.dataSync(), numbers('logits'), 1e-4);
      expect(value.dataSync()[0]).toBeCloseTo(numbers('loss')[0] ?? NaN, 5);
      const expected = gradients('grad');
      const stored = await storedWeights(grads, encoderDecoderFile(architecture).names);
      expect([...stored.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [name, all] of expected) {
        const largest = all.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
        expectClose(stored.get(name)?.elements as Float32Array, all, 1e-4 + 1e-3 * largest);
      }
    },
  );

  it('is written as it was read', async () => {
    const model = await loadEncoderDecoder(fixture(folder));
    const at = await mkdtemp(join(tmpdir(), 'trainbook-家-'));
    try {
      const hash = await saveEncoderDecoder(model, at);
      const [before, after] = await Promise.all(
        [fixture(folder), at].map(
          async (place) => (await readJson(join(place, 'config.json'))) as Record<string, unknown>,
        ),
      );
      for (const [name, value] of Object.entries(after ?? {})) {
        // transformers 5 says that all T5s are tied, and keeps two tables where there are two.
        if (name !== 'trainbook' && name !== 'tie_word_embeddings' && before !== undefined && name in before)
          expect([name, value]).toEqual([name, before[name]]);
      }
      const files = await Promise.all(
        [fixture(folder), at].map((place) => readSafetensors(join(place, 'model.safetensors'))),
      );
      const names = files.map(({ tensors }) => [...tensors.keys()].sort());
      expect(names[1]).toEqual(names[0]);
      // Read again without what trainbook wrote beside Hugging Face's keys, and with it.
      const { trainbook: _own, ...theirs } = after ?? {};
      expect(theirs).toMatchObject({ model_type: 't5' });
      const again = await encoderDecoderCodec.read(at);
      expect(again.architecture.config).toEqual(model.architecture.config);
      expect(encoderDecoderCodec.is(again)).toBe(true);
      const copy = await mkdtemp(join(tmpdir(), 'trainbook-t5-'));
      expect(await saveEncoderDecoder(again, copy)).toBe(hash);
      await rm(copy, { recursive: true });
    } finally {
      await rm(at, { recursive: true });
    }
  });
});

describe('relative positions', () => {
  it.each(truth.buckets)('$buckets buckets to $distance, bidirectional $bidirectional', ({ found, ...buckets }) => {
    const offsets = found.map((_, index) => index - 300);
    expect(offsets.map((offset) => relativeBucket(offset, buckets))).toEqual(found);
  });

  it('the bias of places i and j is that of the bucket of j − i, and so in a cache', async () => {
    const buckets = { buckets: 8, distance: 10, bidirectional: false };
    const table = tf.tensor2d(
      Array.from({ length: 16 }, (_, index) => Math.sin(index)),
      [8, 2],
    );
    const rows = await table.array();
    const expected = [0, 1].map((head) =>
      Array.from({ length: 7 }, (_, i) =>
        Array.from({ length: 7 }, (_, j) => rows[relativeBucket(j - i, buckets)]?.[head]),
      ),
    );
    const bias = relativeBias(table, buckets, 7);
    expect(bias.shape).toEqual([1, 2, 1, 7, 7]);
    expect(tf.squeeze(bias).arraySync()).toEqual(expected);
    const later = relativeBiasAt(table, buckets, tf.tensor1d([4, 5], 'int32'), 7);
    expect(tf.squeeze(later).arraySync()).toEqual(expected.map((head) => head.slice(4, 6)));
  });
});

describe('published sizes', () => {
  it.each(Object.entries(truth.parameters.t5))('T5 %s has %i parameters', (size, numParameters) => {
    expect(t5(size as keyof typeof t5Sizes).numParameters).toBe(numParameters);
  });
  it.each(Object.entries(truth.parameters['v1.1']))('T5 v1.1 %s has %i parameters', (size, numParameters) => {
    expect(t5V11(size as keyof typeof t5V11Sizes).numParameters).toBe(numParameters);
  });
  it('there are no others', () => {
    expect(Object.keys(t5Sizes)).toEqual(Object.keys(truth.parameters.t5));
    expect(Object.keys(t5V11Sizes)).toEqual(Object.keys(truth.parameters['v1.1']));
  });
});

describe('first weights', () => {
  it('have the deviations of T5: queries smaller by the root of a head’s size', () => {
    const { specs } = t5('small');
    const starts = new Map(treeEntries(specs).map(([path, { start }]) => [path, start]));
    expect(starts.get('embedding')).toBe(1);
    expect(starts.get('encoder.relative')).toBeCloseTo(512 ** -0.5, 12);
    expect(starts.get('decoder.layers.3.cross.query.weight')).toBeCloseTo((512 * 64) ** -0.5, 12);
    expect(starts.get('decoder.layers.3.cross.key.weight')).toBeCloseTo(512 ** -0.5, 12);
    expect(starts.get('encoder.layers.0.mlp.down.weight')).toBeCloseTo(2048 ** -0.5, 12);
    expect(starts.get('decoder.norm.weight')).toBe('ones');
  });

  it('give logits of about unit variance', async () => {
    const architecture = t5('small', { layers: 1, width: 64, heads: 2, hidden: 128, vocabularySize: 50 });
    const tokens = tf.tensor2d([[1, 2, 3, 4, 5, 6, 7, 8]], undefined, 'int32');
    const logits = await architecture.forward(architecture.init(key(3)), { source: tokens, target: tokens }).data();
    const variance = (logits as Float32Array).reduce((sum, x) => sum + x * x, 0) / logits.length;
    expect(variance).toBeGreaterThan(0.3);
    expect(variance).toBeLessThan(3);
  });
});
