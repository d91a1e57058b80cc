import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { flatten } from '../../src/engine/tree.js';
import type { Tree } from '../../src/engine/tree.js';
import { decoder } from '../../src/model/decoder.js';
import { encoder } from '../../src/model/encoder.js';
import { maskedLanguageModel } from '../../src/model/heads/masked-language-model.js';
import { lastToken } from '../../src/model/heads/pooling.js';
import { sequenceClassification } from '../../src/model/heads/sequence-classification.js';
import { textEmbedder } from '../../src/model/heads/text-embedder.js';
import { tokenClassification } from '../../src/model/heads/token-classification.js';
import { withHead, withHeads } from '../../src/model/heads/with-head.js';
import { expectClose } from './close.js';

const sizes = { layers: 1, width: 8, heads: 2, context: 4, vocabularySize: 11 };
const trunk = encoder({ ...sizes, dropout: 0.2 });
const tokens = tf.tensor2d([[3, 4, 5, 0], [6, 7, 8, 9]], undefined, 'int32'); // prettier-ignore
const mask = tf.tensor2d([[1, 1, 1, 0], [1, 1, 1, 1]], undefined, 'int32'); // prettier-ignore
const classes = ['a', 'b', 'c'];
const count = (weights: unknown): number =>
  flatten<tf.Tensor>(weights as Tree<tf.Tensor>).reduce((sum, { size }) => sum + size, 0);

/** Never called: each line under `@ts-expect-error` must not compile. */
export function mustNotCompile(): void {
  const model = withHead(trunk, sequenceClassification(trunk, { classes }));
  const words = decoder(sizes);
  // @ts-expect-error the weights are those of trunk and head
  model.forward(trunk.init(key(1)), tokens);
  // @ts-expect-error of another trunk
  model.forward({ trunk: words.init(key(1)), head: model.head.init(key(1)) }, tokens);
  // @ts-expect-error there is no such head
  withHeads(trunk, { topic: model.head }).only('topics');
}

describe('withHead', () => {
  it('is the head on the states of the trunk; the mask is for both', () => {
    const head = sequenceClassification(trunk, { classes });
    const model = withHead(trunk, head);
    const weights = model.init(key(1));
    const states = trunk.forward(weights.trunk, tokens, { documents: mask });
    const logits = model.forward(weights, tokens, { mask });
    expect(logits.shape).toEqual([2, 3]);
    expectClose(logits.dataSync(), head.forward(weights.head, states, { mask }).dataSync(), 1e-7);
    expectClose(model.hidden(weights, tokens, { mask }).dataSync(), states.dataSync(), 1e-7);
    expectClose(model.logits(weights, states, { mask }).dataSync(), logits.dataSync(), 1e-7);
    expect(model.numParameters).toBe(count(weights));
  });

  it('gives a head for masked tokens the table of the trunk', () => {
    const head = maskedLanguageModel(trunk);
    const model = withHead(trunk, head);
    const weights = model.init(key(1));
    const states = trunk.forward(weights.trunk, tokens);
    const expected = head.forward(weights.head, states, { embedding: weights.trunk.embedding });
    expectClose(model.forward(weights, tokens).dataSync(), expected.dataSync(), 1e-6);
    expectClose(model.logits(weights, tf.reshape(states, [8, 8])).dataSync(), expected.dataSync(), 1e-6);
  });

  it('reads the hidden states of a decoder', () => {
    const words = decoder(sizes);
    const head = sequenceClassification(words, { classes, pooling: lastToken, dense: false });
    const model = withHead(words, head);
    const weights = model.init(key(1));
    const states = words.hidden(weights.trunk, tokens, { documents: mask });
    const expected = head.forward(weights.head, states, { mask });
    expectClose(model.forward(weights, tokens, { mask }).dataSync(), expected.dataSync(), 1e-6);
  });

  it('leaves out of the head what its own key says, and nothing without one', () => {
    const still = encoder(sizes);
    const model = withHead(still, tokenClassification(still, { classes, dropout: 0.5 }));
    const weights = model.init(key(1));
    const run = (seed?: number) =>
      model.forward(weights, tokens, seed === undefined ? {} : { dropoutKey: key(seed) }).dataSync();
    expect([...run(1)]).toEqual([...run(1)]);
    expect([...run(1)]).not.toEqual([...run(2)]);
    expect([...run(1)]).not.toEqual([...run()]);
  });
});

describe('withHeads', () => {
  const heads = {
    topic: sequenceClassification(trunk, { classes }),
    words: tokenClassification(trunk, { classes: ['x', 'y'] }),
  };
  const model = withHeads(trunk, heads);
  const weights = model.init(key(1));

  it('gives what each head makes of the same states', () => {
    const { topic, words } = model.forward(weights, tokens, { mask });
    expect([topic.shape, words.shape]).toEqual([
      [2, 3],
      [2, 4, 2],
    ]);
    for (const [name, output] of [
      ['topic', topic],
      ['words', words],
    ] as const) {
      expectClose(model.only(name).forward(weights, tokens, { mask }).dataSync(), output.dataSync(), 1e-7);
    }
    expect(model.numParameters).toBe(count(weights));
  });

  it('draws the weights of a head from its name', () => {
    const fewer = withHeads(trunk, { words: heads.words }).init(key(1));
    expect([...fewer.heads.words.output.weight.dataSync()]).toEqual([...weights.heads.words.output.weight.dataSync()]);
  });
});

describe('textEmbedder', () => {
  it('gives vectors of length 1 with the weights of the trunk', () => {
    const model = textEmbedder(trunk);
    const vectors = model.forward(trunk.init(key(1)), tokens, { mask });
    expectClose(tf.sum(tf.square(vectors), 1).dataSync(), [1, 1], 1e-6);
  });
});
