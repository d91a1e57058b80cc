import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { bert, bertSizes } from '../../src/model/bert.js';
import { encoder } from '../../src/model/encoder.js';
import { loadEncoder } from '../../src/model/encoder-model.js';
import type { EncoderWeights } from '../../src/model/encoder-specs.js';
import { maskedLanguageModel } from '../../src/model/heads/masked-language-model.js';
import type { MaskedLanguageModelWeights } from '../../src/model/heads/masked-language-model.js';
import { pooler } from '../../src/model/heads/pooler.js';
import { roberta, robertaSizes } from '../../src/model/roberta.js';
import { crossEntropy } from '../../src/train/objectives/cross-entropy.js';
import { expectClose } from './close.js';
import { expectGradients, fixture, realNumbers, realRows, reference, trained } from './encoder-reference.js';
import type { Reference, Trained } from './encoder-reference.js';

// The truth: Hugging Face transformers, by fixtures/transformers_encoders.py.

/** The batch of a folder: BERT's has types. */
const batchOf = ({ tensor }: Reference, folder: string) => ({
  tokens: tensor('input_ids'),
  documents: tensor('attention_mask'),
  ...(folder.startsWith('bert') ? { types: tensor('token_type_ids') } : {}),
});
const how = ['eager', 'compiled'] as const;

describe.each(['bert', 'roberta'])('%s in pre-training, a folder that transformers wrote', (folder) => {
  it.each(how)('%s: hidden states, logits of masked tokens, loss and all gradients', async (way) => {
    const model = await loadEncoder(fixture(folder));
    const { architecture, heads } = model;
    const expected = await reference(folder);
    const { tokens, ...options } = batchOf(expected, folder);
    const labels = expected.tensor('labels');
    const none = tf.zerosLike(labels);
    const counted = tf.cast(tf.greaterEqual(labels, none), 'float32');
    const logitsOf = ({ trunk: weights, heads: ofHeads }: Trained) => {
      const head = ofHeads['maskedLanguageModel'] as MaskedLanguageModelWeights;
      const states = architecture.forward(weights, tokens, options);
      return heads.maskedLanguageModel?.architecture.forward(head, states, weights) as tf.Tensor;
    };
    const run = (weights: Trained) => ({
      states: architecture.hiddenStates(weights.trunk, tokens, options),
      logits: logitsOf(weights),
      ...valueAndGrads<Trained>((w) =>
        crossEntropy(logitsOf(w), { targets: tf.maximum(labels, none), weights: counted }),
      )(weights),
    });
    const { states, logits, value, grads } = way === 'eager' ? run(trained(model)) : await compile(run)(trained(model));
    // Padding sees no text here, and is seen by none in either: only its own states differ.
    expect(states).toHaveLength(3);
    for (const [layer, state] of states.entries())
      expectClose(
        await realRows(state, options.documents),
        await realNumbers(expected.numbers(`hidden_states.${layer}`), options.documents),
        1e-5,
      );
    expectClose(
      await realRows(logits, options.documents),
      await realNumbers(expected.numbers('logits'), options.documents),
      2e-5,
    );
    expect(value.dataSync()[0]).toBeCloseTo(expected.numbers('loss')[0] ?? NaN, 5);
    const gradients = expected.gradients('grad');
    expect(gradients.size).toBeGreaterThan(40);
    await expectGradients(model, grads, gradients);
  });
});

describe('positions', () => {
  it('RoBERTa counts from 2 on, whatever stands before the text', async () => {
    const { architecture, weights } = await loadEncoder(fixture('roberta'));
    expect(architecture.config).toMatchObject({ firstPosition: 2, context: 16, types: 1, normEpsilon: 1e-3 });
    const { tensor, numbers } = await reference('roberta');
    const [tokens, mask] = [tensor('input_ids'), tensor('attention_mask')];
    // transformers' position ids are rows of the table; at padding it reads row 1.
    const positions = tf.sub(tensor('position_ids'), tf.scalar(2, 'int32'));
    const [embedded] = architecture.hiddenStates(weights, tokens, { positions });
    expectClose((embedded as tf.Tensor).dataSync(), numbers('hidden_states.0'), 2e-6);
    // Padding on the left: the text reads the same positions.
    const turned = { tokens: tf.reverse(tokens, 1), documents: tf.reverse(mask, 1) };
    const reversed = await realRows(architecture.forward(weights, turned.tokens, turned), turned.documents);
    const alone = (await turned.tokens.array()) as number[][];
    const rows = alone.map((row, index) => row.slice(index === 0 ? 0 : 4));
    const each = rows.map((row) => architecture.forward(weights, tf.tensor2d([row], undefined, 'int32')).dataSync());
    expectClose(
      reversed,
      each.flatMap((values) => [...values]),
      1e-5,
    );
  });

  it('documents in one row are as each alone, for any lengths', async () => {
    const architecture = encoder({ layers: 2, width: 8, heads: 2, context: 12, vocabularySize: 7, firstPosition: 2 });
    const weights = architecture.init(key(3));
    const document = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(document, { minLength: 1, maxLength: 3 }), async (texts) => {
        const row = texts.flat();
        const numbers = texts.flatMap((text, index) => text.map(() => index + 5));
        const together = architecture.forward(weights, tf.tensor2d([row], [1, row.length], 'int32'), {
          documents: tf.tensor2d([numbers], [1, row.length], 'int32'),
        });
        const each = texts.map((text) => architecture.forward(weights, tf.tensor2d([text], [1, text.length], 'int32')));
        expectClose(await together.data(), await tf.concat(each, 1).data(), 1e-5);
      }),
      { numRuns: 15 },
    );
  });

  it('a sequence beyond the context is refused', () => {
    const architecture = encoder({ layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 7 });
    expect(() => architecture.forward(architecture.init(key(1)), tf.zeros([1, 5], 'int32'))).toThrow(
      /longer than the context[\s\S]*5 tokens[\s\S]*at most 4/,
    );
  });
});

describe('options', () => {
  const small = { layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 7 };

  it('are checked, and every option that breaks a rule is named', () => {
    expect(() => encoder({ ...small, heads: 3 })).toThrow(/encoder: heads: heads must divide width: 8 \/ 3/);
    expect(() => encoder({ ...small, dropout: 1 })).toThrow(/encoder: dropout/);
    expect(() => encoder({ ...small, vocabularySize: 0 })).toThrow(/encoder: vocabularySize/);
    // @ts-expect-error decoders have this, encoders do not
    expect(() => encoder({ ...small, keyValueHeads: 1 })).toThrow(/keyValueHeads/);
    expect(encoder(small).config).toMatchObject({ hidden: 32, types: 2, mlp: 'geluExact', firstPosition: 0 });
  });

  it('without types there is no table of types', () => {
    const { specs, numParameters } = encoder({ ...small, types: 0 });
    expect(specs.types).toBeUndefined();
    expect(numParameters).toBe(encoder(small).numParameters - 2 * 8);
  });

  it('dropout leaves out by key, and only with one', () => {
    const architecture = encoder({ ...small, dropout: 0.5 });
    const weights = architecture.init(key(1));
    const tokens = tf.tensor2d([[1, 2, 3, 4]], [1, 4], 'int32');
    const run = (dropoutKey?: ReturnType<typeof key>) => [
      ...architecture.forward(weights, tokens, { dropoutKey }).dataSync(),
    ];
    expect(run(key(7))).toEqual(run(key(7)));
    expect(run(key(7))).not.toEqual(run(key(8)));
    expect(run()).not.toEqual(run(key(7)));
  });
});

describe('published sizes', () => {
  const withPooler = (architecture: ReturnType<typeof bert>) =>
    architecture.numParameters + pooler(architecture).numParameters;
  it.each([
    ['BERT base', withPooler(bert('base')), 109_482_240],
    ['BERT large', withPooler(bert('large')), 335_141_888],
    ['MiniLM-L6-H384', withPooler(bert('minilm')), 22_713_216],
    ['RoBERTa base', withPooler(roberta('base')), 124_645_632],
    ['RoBERTa large', withPooler(roberta('large')), 355_359_744],
    [
      'RoBERTa base with its masked language model',
      roberta('base').numParameters + maskedLanguageModel(roberta('base')).numParameters,
      124_697_433,
    ],
  ])('%s has the parameters that transformers counts', (_name, counted, published) => {
    expect(counted).toBe(published);
  });

  it('FLOPs are those of the products, counted by hand', () => {
    for (const size of Object.keys(bertSizes) as (keyof typeof bertSizes)[]) {
      const { layers, width } = bertSizes[size];
      // 12 width² weights a layer, and scores and means over 512 tokens.
      expect(bert(size).flopsPerToken).toBe(layers * (24 * width ** 2 + 4 * width * 512));
    }
    for (const size of Object.keys(robertaSizes) as (keyof typeof robertaSizes)[])
      expect(roberta(size).cost(128).forwardFlops).toBeLessThan(roberta(size).flopsPerToken);
  });

  it('FLOPs are those that the compiler counts', () => {
    const architecture = encoder({ layers: 2, width: 64, heads: 4, context: 32, vocabularySize: 50 });
    const run = compile((weights: EncoderWeights, tokens: tf.Tensor) => architecture.forward(weights, tokens));
    const { flops } = run.explain(architecture.init(key(1)), tf.zeros([2, 32], 'int32'));
    const counted = 2 * 32 * architecture.flopsPerToken;
    expect(flops / counted).toBeGreaterThan(1);
    expect(flops / counted).toBeLessThan(1.25); // norms, softmax and GELU are on top
  });
});
