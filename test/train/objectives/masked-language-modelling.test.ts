import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { mapTree } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { loadEncoder } from '../../../src/model/encoder-model.js';
import { withHeads } from '../../../src/model/heads/with-head.js';
import type { MaskedPairBatch } from '../../../src/tokens/masked-loader.js';
import { bertPretraining } from '../../../src/train/objectives/bert-pretraining.js';
import { maskedLanguageModelling } from '../../../src/train/objectives/masked-language-modelling.js';
import { expectGradients, fixture, reference, trained } from '../../model/encoder-reference.js';
import type { Trained } from '../../model/encoder-reference.js';
import { descend, expectSameDescent } from './descent.js';
import type { Descended } from './descent.js';

// The truth: BertForPreTraining of Hugging Face transformers, by test/model/fixtures/transformers_encoders.py.
const expected = await reference('bert');
const model = await loadEncoder(fixture('bert'));
const { maskedLanguageModel, nextSentence } = model.heads;
if (maskedLanguageModel === undefined || nextSentence === undefined) throw new Error('no heads for pre-training');
const architecture = withHeads(model.architecture, {
  maskedLanguageModel: maskedLanguageModel.architecture,
  nextSentence: nextSentence.architecture,
});
const weights = {
  trunk: model.weights,
  heads: { maskedLanguageModel: maskedLanguageModel.weights, nextSentence: nextSentence.weights },
};

const integers = (name: string): Int32Array => Int32Array.from(expected.tensor(name).dataSync());
const labels = integers('labels'); // −100 where nothing is to be predicted
const [batchSize = 0, context = 0] = expected.tensor('input_ids').shape;
const batch: MaskedPairBatch = {
  inputs: integers('input_ids'),
  mask: integers('attention_mask'),
  types: integers('token_type_ids'),
  originals: labels.map((label) => Math.max(0, label)),
  chosen: Float32Array.from(labels, (label) => (label < 0 ? 0 : 1)),
  following: integers('next_sentence_label'),
  pairWeights: new Float32Array(batchSize).fill(1),
  batchSize,
  context,
};

/** Gradients in the tree of the weights, zeros for other heads. */
function treeOf({ gradients }: Descended): Trained {
  const all = trained(model) as unknown as Tree<tf.Tensor>;
  const tree = mapTree<tf.Tensor, tf.Tensor>(all, (leaf, path) => {
    const gradient = gradients.get(path);
    return gradient === undefined ? tf.zerosLike(leaf) : tf.tensor(gradient, leaf.shape);
  });
  return tree as unknown as Trained;
}

const partOf = (gradients: ReadonlyMap<string, Float32Array>, pattern: RegExp) =>
  new Map([...gradients].filter(([name]) => pattern.test(name)));

describe('maskedLanguageModelling', () => {
  const loss = maskedLanguageModelling()(architecture.only('maskedLanguageModel'));

  it('equals transformers’ BERT: loss and all gradients', async () => {
    const found = await descend(loss, weights, batch);
    expect(found.result.loss).toBeCloseTo(expected.numbers('loss')[0] ?? NaN, 5);
    await expectGradients(model, treeOf(found), expected.gradients('grad'));
  });

  it('with the logits in pieces too', async () => {
    expectSameDescent(await descend(loss, weights, batch, { lossChunks: 3 }), await descend(loss, weights, batch));
  });
});

describe('bertPretraining', () => {
  const loss = bertPretraining()(architecture);

  it('has transformers’ two losses for parts, and the gradients of both', async () => {
    const found = await descend(loss, weights, batch);
    const [masked = NaN] = expected.numbers('loss');
    const [next = NaN] = expected.numbers('next_sentence_loss');
    expect(Object.keys(found.result.parts)).toEqual(['maskedLanguageModel', 'nextSentence']);
    expect(found.result.parts['maskedLanguageModel']).toBeCloseTo(masked, 5);
    expect(found.result.parts['nextSentence']).toBeCloseTo(next, 5);
    expect(found.result.loss).toBeCloseTo(masked + next, 5);
    const ofHead = partOf(expected.gradients('grad'), /^cls\.predictions\.transform/);
    const ofPairs = partOf(expected.gradients('next_sentence_grad'), /^(cls\.seq_relationship|bert\.pooler)/);
    expect([ofHead.size, ofPairs.size]).toEqual([4, 4]);
    await expectGradients(model, treeOf(found), new Map([...ofHead, ...ofPairs]));
  });

  it('counts tokens and pairs apart: by hand', () => {
    // Three tokens and one pair and a half: each mean has its own count.
    const few = {
      ...batch,
      chosen: new Float32Array(batch.chosen.length).fill(1, 0, 3),
      pairWeights: new Float32Array(batchSize).fill(1, 0, 1).fill(0.5, 1, 2),
    };
    const counts = loss.counts(loss.tensors(few));
    expect([counts['maskedLanguageModel'], counts['nextSentence']].map((count) => count?.dataSync()[0])).toEqual([
      3, 1.5,
    ]);
  });

  it('with the logits in pieces, a z-loss and micro-batches', async () => {
    const more = bertPretraining({ zLoss: 0.01 })(architecture);
    const whole = await descend(more, weights, batch);
    expect(Object.keys(whole.result.parts)).toEqual(['maskedLanguageModel', 'zLoss', 'nextSentence']);
    expectSameDescent(await descend(more, weights, batch, { lossChunks: 4, microBatch: 1 }), whole);
  });
});
