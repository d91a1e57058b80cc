import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { key } from '../../../../src/engine/key.js';
import { encoder } from '../../../../src/model/encoder.js';
import { maskedLanguageModel } from '../../../../src/model/heads/masked-language-model.js';
import { withHead } from '../../../../src/model/heads/with-head.js';
import { decoder } from '../../../../src/model/decoder.js';
import { loadModel } from '../../../../src/model/model.js';
import type { MaskedBatch } from '../../../../src/tokens/masked-loader.js';
import {
  distillAttention,
  distillHiddenStates,
  distillLogits,
  distillRelations,
  evenPairs,
  jensenShannon,
  maskedTokens,
  withProjections,
} from '../../../../src/train/objectives/distillation/index.js';
import type { StudentBatch } from '../../../../src/train/objectives/distillation/index.js';
import { expectClose } from '../../../model/close.js';
import { descend, expectSameDescent } from '../descent.js';
import type { Descended } from '../descent.js';
import { places, reference } from './reference.js';
import type { Case } from './reference.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../../model/fixtures/${name}`, import.meta.url));
const student = await loadModel(fixture('llama'));
const teacher = await loadModel(fixture('qwen3'));

const [batchSize, context] = [2, 8];
const column = (first: number): Int32Array =>
  Int32Array.from({ length: batchSize * context }, (_, place) => {
    const row = Math.floor(place / context);
    return reference.inputs[row * (context + 1) + (place % context) + first] ?? -1;
  });
const batch: StudentBatch = {
  inputs: column(0),
  targets: column(1),
  weights: Float32Array.from(reference.weights),
  batchSize,
  context,
};

function expectCase({ result, gradients }: Descended, expected: Case, prefix = ''): void {
  expect(Math.abs(result.loss - expected.loss)).toBeLessThan(1e-4);
  expect(Object.keys(expected.gradients).length).toBeGreaterThan(0);
  for (const [name, gradient] of Object.entries(expected.gradients)) {
    const path = name.startsWith('projections.') ? name : `${prefix}${places[name] ?? name}`;
    expectClose(gradients.get(path) ?? [], gradient.flat(), 1e-4);
  }
}

describe('distillation of logits', () => {
  it('has the loss and the gradients of transformers’ example, at once and in pieces', async () => {
    const loss = distillLogits({ teacher, temperature: 2, crossEntropy: 0.3 })(student.architecture);
    const whole = await descend(loss, student.weights, batch);
    expectCase(whole, reference.logits);
    for (const options of [{ lossChunks: 3 }, { microBatch: 1 }, { microBatch: 1, lossChunks: 2, recompute: true }]) {
      expectSameDescent(await descend(loss, student.weights, batch, options), whole, 1e-5);
    }
  });

  it('has TRL’s GKD loss and gradients', async () => {
    const settings = { divergence: jensenShannon({ beta: 0.3 }), temperature: 1, crossEntropy: 0 };
    const loss = distillLogits({ teacher, ...settings })(student.architecture);
    const whole = await descend(loss, student.weights, batch);
    expectCase(whole, reference.gkd);
    expectSameDescent(await descend(loss, student.weights, batch, { lossChunks: 4 }), whole, 1e-5);
  });

  it('asks nothing of the data where the student wrote', async () => {
    const loss = distillLogits({ teacher, crossEntropy: 0.5 })(student.architecture);
    const own = { ...batch, dataWeights: new Float32Array(batchSize * context) };
    const { result } = await descend(loss, student.weights, own);
    const whole = await descend(loss, student.weights, batch);
    expect(result.parts['crossEntropy']).toBe(0);
    expect(result.parts['distillation']).toBeCloseTo(whole.result.parts['distillation'] ?? NaN, 6);
  });

  it('refuses other vocabularies, and numbers out of range', async () => {
    const other = decoder({ layers: 1, width: 8, heads: 1, context: 8, vocabularySize: 49 });
    const loss = distillLogits({ teacher })(other);
    await expect(descend(loss, other.init(key(1)), batch)).rejects.toThrow('different vocabularies');
    expect(() => distillLogits({ teacher, temperature: 0 })).toThrow('no such temperature');
    expect(() => distillLogits({ teacher, crossEntropy: 1 })).toThrow('the teacher says nothing');
  });
});

describe('distillation of attention', () => {
  it('has MiniLM’s loss and gradients', async () => {
    const loss = distillAttention({ teacher })(student.architecture);
    expectCase(await descend(loss, student.weights, batch), reference.attention);
  });

  it.each(reference.relations)(
    'has MiniLMv2’s loss and gradients with $heads heads, layer $layer',
    async (expected) => {
      const { heads, layer } = expected;
      const loss = distillRelations({ teacher, heads, teacherLayer: layer })(student.architecture);
      const whole = await descend(loss, student.weights, batch);
      expectCase(whole, expected);
      expect(Object.keys(whole.result.parts)).toEqual(['queries', 'keys', 'values']);
      const pieces = await descend(loss, student.weights, batch, { microBatch: 1, recompute: true });
      expectSameDescent(pieces, whole, 1e-5);
    },
  );

  it('of a model with itself is 0', async () => {
    for (const loss of [distillAttention({ teacher: student }), distillRelations({ teacher: student, heads: 8 })]) {
      const { result } = await descend(loss(student.architecture), student.weights, batch);
      expect(Math.abs(result.loss)).toBeLessThan(1e-6);
    }
  });

  it('keeps to documents and windows', async () => {
    // Two documents in a row are two rows: the loss of the row is the mean of theirs.
    const [first, second] = [0, 1].map((row) => ({
      ...batch,
      inputs: batch.inputs.slice(row * context, row * context + 4),
      targets: batch.targets.slice(row * context, row * context + 4),
      weights: new Float32Array(4).fill(1),
      batchSize: 1,
      context: 4,
    })) as [StudentBatch, StudentBatch];
    const joined: StudentBatch = {
      inputs: Int32Array.of(...first.inputs, ...second.inputs),
      targets: Int32Array.of(...first.targets, ...second.targets),
      weights: new Float32Array(8).fill(1),
      documents: Int32Array.of(1, 1, 1, 1, 2, 2, 2, 2),
      positions: Int32Array.of(0, 1, 2, 3, 0, 1, 2, 3),
      batchSize: 1,
      context: 8,
    };
    const loss = distillRelations({ teacher, heads: 4 })(student.architecture);
    const of = async (rows: StudentBatch): Promise<number> => (await descend(loss, student.weights, rows)).result.loss;
    expect(await of(joined)).toBeCloseTo(((await of(first)) + (await of(second))) / 2, 5);
  });

  it('refuses layers and heads that are none', async () => {
    expect(() => distillAttention({ teacher, teacherLayer: 2 })(student.architecture)).toThrow('no such layer');
    expect(() => distillRelations({ teacher, heads: 0 })).toThrow('nothing to relate');
    const uneven = distillRelations({ teacher, heads: 3 })(student.architecture);
    await expect(descend(uneven, student.weights, batch)).rejects.toThrow('cannot be cut into as many heads');
    const other = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 48 });
    const few = distillAttention({ teacher })(other);
    await expect(descend(few, other.init(key(1)), batch)).rejects.toThrow('take distillRelations');
  });
});

describe('distillation of hidden states', () => {
  const { pairs, projections } = reference.hiddenStates;
  const named = pairs.map(([own, goal]) => ({ student: own, teacher: goal }));

  it('has the loss and the gradients of PyTorch, those of the projections too', async () => {
    const loss = distillHiddenStates({ teacher, pairs: named })(student.architecture);
    const weights = { student: student.weights, projections: projections.map((rows) => tf.tensor2d(rows)) };
    expectCase(await descend(loss, weights, batch), reference.hiddenStates, 'student.');
  });

  it('pairs states evenly: TinyBERT’s every third', () => {
    expect(evenPairs(4, 12).map((pair) => pair.teacher)).toEqual([0, 3, 6, 9, 12]);
    expect(evenPairs(2, 5).map((pair) => pair.teacher)).toEqual([0, 3, 5]);
  });

  it('refuses states that are none, and pairs without a projection', async () => {
    const wrong = [{ student: 3, teacher: 0 }];
    expect(() => distillHiddenStates({ teacher, pairs: wrong })(student.architecture)).toThrow('no such states');
    const { weights } = withProjections(student, teacher, { pairs: named.slice(1), key: key(1) });
    const loss = distillHiddenStates({ teacher, pairs: named })(student.architecture);
    await expect(descend(loss, weights, batch)).rejects.toThrow('has no projection');
  });
});

describe('encoders', () => {
  const sizes = { context: 8, vocabularySize: 48 } as const;
  const large = encoder({ layers: 2, width: 24, heads: 4, ...sizes });
  const small = encoder({ layers: 1, width: 16, heads: 2, ...sizes });
  const heads = {
    teacher: withHead(large, maskedLanguageModel(large)),
    student: withHead(small, maskedLanguageModel(small)),
  };
  const masked = (padding: number): MaskedBatch => ({
    inputs: Int32Array.from(batch.inputs, (token, place) => (place % context < 6 ? token : padding)),
    mask: Int32Array.from(batch.inputs, (_, place) => (place % context < 6 ? 1 : 0)),
    originals: batch.targets,
    chosen: Float32Array.from(batch.inputs, (_, place) => (place % context === 2 ? 1 : 0)),
    batchSize,
    context,
  });

  it('learn logits of masked tokens, relations and states; padding says nothing', async () => {
    const trunk = { architecture: large, weights: large.init(key(1)) };
    const full = { architecture: heads.teacher, weights: heads.teacher.init(key(1)) };
    const logits = distillLogits({ teacher: full, rows: maskedTokens })(heads.student);
    const relations = distillRelations({ teacher: trunk, heads: 8, rows: maskedTokens })(small);
    const states = distillHiddenStates({ teacher: trunk, rows: maskedTokens })(small);
    const weights = small.init(key(2));
    const projected = withProjections({ architecture: small, weights }, trunk, { key: key(3) });
    const losses = async (rows: MaskedBatch): Promise<number[]> => [
      (await descend(logits, heads.student.init(key(2)), rows)).result.loss,
      (await descend(relations, weights, rows)).result.loss,
      (await descend(states, projected.weights, rows)).result.loss,
    ];
    const found = await losses(masked(5));
    for (const loss of found) expect(loss).toBeGreaterThan(1e-6);
    expectClose(await losses(masked(9)), found, 1e-5);
  });

  it('cannot be given what does not fit', () => {
    const headed = (): unknown =>
      // @ts-expect-error a trunk with a head does not show what is inside it
      distillAttention({ teacher: { architecture: heads.teacher, weights: heads.teacher.init(key(1)) } });
    expect(headed).toBeTypeOf('function');
    // @ts-expect-error rows of masked tokens are not read as rows of text
    const loss: { tensors(rows: MaskedBatch): unknown } = distillLogits({ teacher })(student.architecture);
    expect(loss).toBeDefined();
  });
});
