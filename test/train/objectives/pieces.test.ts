import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { encoder } from '../../../src/model/encoder.js';
import { maskedLanguageModel } from '../../../src/model/heads/masked-language-model.js';
import { nextSentence } from '../../../src/model/heads/next-sentence.js';
import { meanOfTokens } from '../../../src/model/heads/pooling.js';
import { sequenceClassification } from '../../../src/model/heads/sequence-classification.js';
import { tokenClassification } from '../../../src/model/heads/token-classification.js';
import { withHead, withHeads } from '../../../src/model/heads/with-head.js';
import { mlpClassifier } from '../../../src/model/mlp-classifier.js';
import type { MaskedBatch } from '../../../src/tokens/masked-loader.js';
import type { Loss } from '../../../src/train/loss.js';
import { bertPretraining } from '../../../src/train/objectives/bert-pretraining.js';
import { classification } from '../../../src/train/objectives/classification.js';
import type { LabelledRows } from '../../../src/train/objectives/labelled-rows.js';
import { maskedLanguageModelling } from '../../../src/train/objectives/masked-language-modelling.js';
import { mixture } from '../../../src/train/objectives/mixture.js';
import { regression } from '../../../src/train/objectives/regression.js';
import { startTraining } from '../../../src/train/step.js';
import { constant } from '../../../src/train/schedules/schedule.js';
import { chain } from '../../../src/train/optimizers/optimizer.js';
import { scaleByLearningRate } from '../../../src/train/optimizers/scale-by-learning-rate.js';
import { flatten } from '../../../src/engine/tree.js';
import type { Tree } from '../../../src/engine/tree.js';
import { expectClose } from '../../model/close.js';

// The loss of a batch is a sum over its rows, divided by counts of the whole batch: so whatever a row counts, the pieces of a batch add up.

const rows = 4;
const time = 4;
const trunk = encoder({ layers: 1, width: 8, heads: 2, context: time, vocabularySize: 11 });
const classes = ['a', 'b', 'c'];
const draw = (seed: number, count: number, below: number): Int32Array =>
  Int32Array.from(uniformNumbers(key(seed), count), (number) => Math.floor(number * below));
const texts = {
  inputs: draw(1, rows * time, 11),
  mask: Int32Array.from({ length: rows * time }, (_, place) => (place % 7 === 3 ? 0 : 1)),
  context: time,
  batchSize: rows,
};

/** An objective on a model, and its batch with what counts. */
interface Case<Weights, B> {
  readonly loss: Loss<Weights, B>;
  readonly weights: Weights;
  batch(counted: Float32Array): B;
}
const made = <Weights, B>(given: Case<Weights, B>): Case<unknown, unknown> => given;

const heads = withHeads(trunk, {
  maskedLanguageModel: maskedLanguageModel(trunk),
  nextSentence: nextSentence(trunk),
  topic: sequenceClassification(trunk, { classes, pooling: meanOfTokens }),
});
type Heads = typeof heads;
const masked = withHead(trunk, maskedLanguageModel(trunk));
const tagger = withHead(trunk, tokenClassification(trunk, { classes }));
const scorer = withHead(trunk, sequenceClassification(trunk, { classes: ['one', 'two'] }));
const table = mlpClassifier({ sizes: [3, 5, 3] });
const tokens = (counted: Float32Array) => ({ ...texts, originals: draw(2, rows * time, 11), chosen: counted });

const cases: Readonly<Record<string, Case<unknown, unknown>>> = {
  'masked tokens': made({
    loss: maskedLanguageModelling({ zLoss: 0.01, labelSmoothing: 0.1 })(masked),
    weights: masked.init(key(1)),
    batch: tokens,
  }),
  'masked tokens and pairs': made({
    loss: bertPretraining()(heads),
    weights: heads.init(key(1)),
    batch: (counted) => ({
      ...tokens(counted),
      following: draw(3, rows, 2),
      pairWeights: counted.slice(0, rows),
    }),
  }),
  'classes of features': made({
    loss: classification({ classWeights: [1, 2, 5], labelSmoothing: 0.1 })(table),
    weights: table.init(key(1)),
    batch: (counted) => ({
      inputs: Float32Array.from(uniformNumbers(key(4), rows * 3)),
      targets: draw(5, rows, 3),
      weights: counted.slice(0, rows),
      batchSize: rows,
    }),
  }),
  'classes of tokens': made({
    loss: classification()(tagger),
    weights: tagger.init(key(1)),
    batch: (counted) => ({ ...texts, targets: draw(6, rows * time, 3), weights: counted }),
  }),
  'numbers of texts': made({
    loss: regression({ huber: 0.5 })(scorer),
    weights: scorer.init(key(1)),
    batch: (counted) => ({
      ...texts,
      targets: Float32Array.from(uniformNumbers(key(7), rows * 2)),
      weights: counted.slice(0, rows),
    }),
  }),
  'a mixture': made({
    loss: mixture<Heads, ReturnType<Heads['init']>, { topic: LabelledRows; masked: MaskedBatch }>({
      topic: [(model) => classification()(model.only('topic')), 0.3],
      masked: [(model) => maskedLanguageModelling()(model.only('maskedLanguageModel')), 2],
    })(heads),
    weights: heads.init(key(1)),
    batch: (counted) => ({
      topic: { ...texts, targets: draw(8, rows, 3), weights: counted.slice(0, rows) },
      masked: tokens(counted),
    }),
  }),
};

const gradientStep = chain(scaleByLearningRate(constant(1)));

/** Steps of `weights ← weights − gradient`, compiled once, each from the same first weights. */
function descents({ loss, weights }: Case<unknown, unknown>, microBatch?: number) {
  const training = startTraining(loss, { weights, optimizer: gradientStep, target: 'graph', microBatch });
  const first = flatten<tf.Tensor>(weights as Tree<tf.Tensor>);
  return {
    step: async (batch: unknown) => {
      flatten(training.cells.parameters).forEach((cell, index) => {
        cell.write(first[index] as tf.Tensor);
      });
      const result = await training.step(batch, 1);
      const after = flatten<tf.Tensor>(training.weights() as Tree<tf.Tensor>);
      return { result, weights: after.flatMap((tensor) => [...tensor.dataSync()]) };
    },
    dispose: () => {
      training.dispose();
    },
  };
}

describe('a batch in pieces has the loss, its parts and the gradients of the whole', () => {
  it.each(Object.keys(cases))('%s, however what counts is spread', async (name) => {
    const given = cases[name] as Case<unknown, unknown>;
    // Of a mixture a batch has the rows of both kinds.
    const microBatch = name === 'a mixture' ? 4 : 2;
    const [whole, pieces] = [descents(given), descents(given, microBatch)];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0, 0, 0.5, 1, 3), { minLength: rows * time, maxLength: rows * time }),
        async (counted) => {
          const batch = given.batch(Float32Array.from(counted));
          const [expected, found] = [await whole.step(batch), await pieces.step(batch)];
          expect(found.result.loss).toBeCloseTo(expected.result.loss, 5);
          expect(Object.keys(found.result.parts)).toEqual(Object.keys(expected.result.parts));
          expectClose(Object.values(found.result.parts), Object.values(expected.result.parts), 1e-5);
          expectClose(found.weights, expected.weights, 2e-6);
        },
      ),
      { numRuns: 6, seed: 11 },
    );
    whole.dispose();
    pieces.dispose();
  });

  it('of a mixture, each kind in as many pieces', async () => {
    const given = cases['a mixture'] as Case<unknown, unknown>;
    const uneven = descents(given, 1);
    const batch = given.batch(new Float32Array(rows * time).fill(1));
    await expect(uneven.step(batch)).rejects.toThrow(/4 rows of topic\/inputs in 8 pieces/);
    uneven.dispose();
  });
});
