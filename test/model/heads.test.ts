import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { decoder } from '../../src/model/decoder.js';
import { encoder } from '../../src/model/encoder.js';
import { loadEncoder } from '../../src/model/encoder-model.js';
import type { EncoderModel } from '../../src/model/encoder-model.js';
import type { EncoderWeights } from '../../src/model/encoder-specs.js';
import type { PoolerWeights } from '../../src/model/heads/pooler.js';
import { firstToken, lastToken, meanOfTokens } from '../../src/model/heads/pooling.js';
import { sentenceEmbedding } from '../../src/model/heads/sentence-embedding.js';
import { sequenceClassification } from '../../src/model/heads/sequence-classification.js';
import type {
  SequenceClassification,
  SequenceClassificationWeights,
} from '../../src/model/heads/sequence-classification.js';
import { tokenClassification } from '../../src/model/heads/token-classification.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { expectClose } from './close.js';
import { expectGradients, fixture, reference, trained } from './encoder-reference.js';
import type { Reference, Trained } from './encoder-reference.js';

// The truth: Hugging Face transformers, by fixtures/transformers_encoders.py.

const tensorOf = (values: number[][][]): tf.Tensor3D => tf.tensor3d(values);
const maskOf = (values: number[][]): tf.Tensor2D => tf.tensor2d(values, undefined, 'int32');

/** Logits of a head that classifies texts, their loss and gradients. */
async function classified(
  way: 'eager' | 'compiled',
  model: EncoderModel,
  name: 'nextSentence' | 'sequenceClassification',
  { expected, labels }: { readonly expected: Reference; readonly labels: tf.Tensor },
) {
  const mask = expected.tensor('attention_mask');
  const isBert = model.architecture.config.types === 2;
  const options = { documents: mask, ...(isBert ? { types: expected.tensor('token_type_ids') } : {}) };
  const tokens = expected.tensor('input_ids');
  const head = model.heads[name]?.architecture as SequenceClassification;
  const logitsOf = ({ trunk, heads }: Trained): tf.Tensor2D => {
    const states = model.architecture.forward(trunk, tokens, options);
    return head.forward(heads[name] as SequenceClassificationWeights, states, { mask });
  };
  const targets = { targets: labels, weights: tf.onesLike(tf.cast(labels, 'float32')) };
  const run = (weights: Trained) => ({
    logits: logitsOf(weights),
    ...valueAndGrads<Trained>((w) => crossEntropy(logitsOf(w), targets))(weights),
  });
  return way === 'eager' ? run(trained(model)) : compile(run, { target: 'graph' })(trained(model));
}

describe.each(['eager', 'compiled'] as const)('%s: heads equal those of transformers', (way) => {
  it.each(['bert-classification', 'roberta-classification'])('%s: logits, loss and gradients', async (folder) => {
    const model = await loadEncoder(fixture(folder));
    const expected = await reference(folder);
    const found = await classified(way, model, 'sequenceClassification', {
      expected,
      labels: expected.tensor('labels'),
    });
    expectClose(found.logits.dataSync(), expected.numbers('logits'), 1e-5);
    expect(found.value.dataSync()[0]).toBeCloseTo(expected.numbers('loss')[0] ?? NaN, 5);
    const gradients = expected.gradients('grad');
    expect(gradients.size).toBe(11);
    await expectGradients(model, found.grads, gradients);
  });

  it('bert: the next sentence, and the pooler that it has', async () => {
    const model = await loadEncoder(fixture('bert'));
    const expected = await reference('bert');
    const labels = expected.tensor('next_sentence_label');
    const found = await classified(way, model, 'nextSentence', { expected, labels });
    expectClose(found.logits.dataSync(), expected.numbers('seq_relationship_logits'), 1e-5);
    expect(found.value.dataSync()[0]).toBeCloseTo(expected.numbers('next_sentence_loss')[0] ?? NaN, 5);
    const gradients = expected.gradients('next_sentence_grad');
    expect(gradients.size).toBe(4);
    await expectGradients(model, found.grads, gradients);
  });

  it('bert-sentence, without a prefix: states, the pooler, the embedding of a sentence', async () => {
    const { architecture, weights, heads } = await loadEncoder(fixture('bert-sentence'));
    const { tensor, numbers } = await reference('bert-sentence');
    const mask = tensor('attention_mask');
    const run = (trunk: EncoderWeights, pooled: PoolerWeights, tokens: tf.Tensor) => {
      const states = architecture.forward(trunk, tokens, { documents: mask, types: tensor('token_type_ids') });
      return {
        pooled: heads.pooler?.architecture.forward(pooled, states, { mask }) as tf.Tensor,
        embedding: sentenceEmbedding(states, { mask }),
      };
    };
    const call = way === 'eager' ? run : compile(run);
    const found = await call(weights, heads.pooler?.weights as PoolerWeights, tensor('input_ids'));
    expectClose(found.pooled.dataSync(), numbers('pooler_output'), 1e-5);
    expectClose(found.embedding.dataSync(), numbers('sentence_embedding'), 2e-6);
  });

  it('roberta: the embedding of a sentence', async () => {
    const { architecture, weights } = await loadEncoder(fixture('roberta'));
    const { tensor, numbers } = await reference('roberta');
    const mask = tensor('attention_mask');
    const run = (trunk: EncoderWeights, tokens: tf.Tensor) =>
      sentenceEmbedding(architecture.forward(trunk, tokens, { documents: mask }), { mask });
    const found = await (way === 'eager' ? run : compile(run))(weights, tensor('input_ids'));
    expectClose(found.dataSync(), numbers('sentence_embedding'), 2e-6);
  });
});

describe('poolings, by hand', () => {
  // Three texts of two features: padded on the right, on the left, not at all.
  const states = tensorOf([
    [[1, 2], [3, 4], [50, 60]], // prettier-ignore
    [[50, 60], [5, 6], [7, 8]], // prettier-ignore
    [[1, 0], [2, 0], [6, 3]], // prettier-ignore
  ]);
  const mask = maskOf([
    [1, 1, 0],
    [0, 1, 1],
    [1, 1, 1],
  ]);
  it.each([
    ['firstToken', firstToken, [1, 2, 5, 6, 1, 0]],
    ['lastToken', lastToken, [3, 4, 7, 8, 6, 3]],
    ['meanOfTokens', meanOfTokens, [2, 3, 6, 7, 3, 1]],
  ])('%s', (_name, pooling, expected) => {
    expectClose(pooling(states, mask).dataSync(), expected, 1e-6);
    expectClose(pooling(states).dataSync(), pooling(states, tf.onesLike(mask)).dataSync(), 1e-6);
  });

  it('a sentence embedding has length 1 and forgets the length of the mean; (3, 4) is (0.6, 0.8)', () => {
    const lengths = (x: tf.Tensor) => tf.norm(x, 2, 1).dataSync();
    expectClose(
      sentenceEmbedding(states, { mask }).dataSync().slice(0, 2),
      [2, 3].map((x) => x / Math.sqrt(13)),
      1e-6,
    );
    expectClose(sentenceEmbedding(states, { mask, pooling: lastToken }).dataSync().slice(0, 2), [0.6, 0.8], 1e-6);
    expectClose(lengths(sentenceEmbedding(states, { mask })), [1, 1, 1], 1e-6);
    expect([...sentenceEmbedding(tf.zeros([1, 2, 2])).dataSync()]).toEqual([0, 0]);
    const slope = tf.grad((x: tf.Tensor) => tf.sum(sentenceEmbedding(x as tf.Tensor3D)))(tf.zeros([1, 2, 2]));
    expect([...slope.dataSync()].every(Number.isFinite)).toBe(true);
  });
});

describe('heads on a decoder', () => {
  const trunk = decoder({ layers: 1, width: 8, heads: 2, context: 8, vocabularySize: 9 });
  const weights = trunk.init(key(5));
  const head = sequenceClassification(trunk, { classes: ['bad', 'good'], pooling: lastToken, dense: false });
  const ofHead = head.init(key(6));

  it('classify by the last token: padding on the right changes nothing', () => {
    const text = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(text, (tokens) => {
        const alone = tf.tensor2d([tokens], [1, tokens.length], 'int32');
        const padded = tf.tensor2d([[...tokens, ...Array<number>(8 - tokens.length).fill(0)]], [1, 8], 'int32');
        const mask = maskOf([[...tokens.map(() => 1), ...Array<number>(8 - tokens.length).fill(0)]]);
        const logits = head.forward(ofHead, trunk.hidden(weights, padded, { documents: mask }), { mask });
        expectClose(logits.dataSync(), head.forward(ofHead, trunk.hidden(weights, alone)).dataSync(), 1e-5);
      }),
      { numRuns: 15 },
    );
  });

  it('have a linear layer of the pooled state, and no more', () => {
    expect(head.numParameters).toBe(8 * 2 + 2);
    expect(head.flops).toBe(2 * 8 * 2);
    const states = tensorOf([[[1, 2, 3, 4, 5, 6, 7, 8]]]);
    const known = { output: { weight: tf.ones([8, 2]), bias: tf.tensor1d([0, 1]) } };
    expect([...head.forward(known, states).dataSync()]).toEqual([36, 37]);
  });
});

describe('token classification', () => {
  const trunk = encoder({ layers: 1, width: 2, heads: 1, context: 8, vocabularySize: 9 });

  it('is a linear layer of each token', () => {
    const head = tokenClassification(trunk, { classes: ['O', 'B', 'I'] });
    const weights = { output: { weight: tf.tensor2d([1, 0, 1, 0, 1, 1], [2, 3]), bias: tf.tensor1d([0, 10, 20]) } };
    const logits = head.forward(weights, tensorOf([[[1, 2], [3, 4]]])); // prettier-ignore
    expect(logits.shape).toEqual([1, 2, 3]);
    expect([...logits.dataSync()]).toEqual([1, 12, 23, 3, 14, 27]);
  });

  it('drops out by key alone, as classification does at either place', () => {
    const [token, before, after] = [
      tokenClassification(trunk, { classes: ['O', 'B'], dropout: 0.5 }),
      sequenceClassification(trunk, { classes: ['O', 'B'], inputDropout: 0.5, dense: false }),
      sequenceClassification(trunk, { classes: ['O', 'B'], dropout: 0.5, dense: false }),
    ];
    const states = tf.ones([64, 1, 2]);
    for (const head of [before, after, token]) {
      const weights = head.init(key(1));
      const run = (dropoutKey?: ReturnType<typeof key>) => [
        ...head.forward(weights, states, { dropoutKey }).dataSync(),
      ];
      expect(run(key(2))).toEqual(run(key(2)));
      expect(run(key(2))).not.toEqual(run(key(3)));
      expect(new Set(run()).size).toBe(2); // all rows alike
    }
  });

  it('refuses classes of one name, and none', () => {
    expect(() => tokenClassification(trunk, { classes: ['O', 'O'] })).toThrow(
      /tokenClassification: classes: two classes have one name/,
    );
    expect(() => sequenceClassification(trunk, { classes: [] })).toThrow(/sequenceClassification: classes/);
  });
});
