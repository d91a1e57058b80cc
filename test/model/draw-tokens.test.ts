import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { fold, key, uniformNumbers } from '../../src/engine/key.js';
import { normal } from '../../src/engine/random.js';
import { choiceOptions } from '../../src/model/choice.js';
import type { ChoiceOptions } from '../../src/model/choice.js';
import { filterLogits, tokenChooser } from '../../src/model/choose-token.js';
import { drawTokens } from '../../src/model/draw-tokens.js';
import { drawByInverse } from '../../src/model/inverse-cdf.js';
import { candidatesOf } from '../../src/model/logit-filters.js';
import { keepLikely, relativeToHighest } from '../../src/model/traced-logit-filters.js';

const numRows = 200;
const vocabularySize = 101; // no square: the last block is filled up

const choices: readonly ChoiceOptions[] = [
  {},
  { temperature: 0 },
  { temperature: 0.6 },
  { temperature: 0, repetitionPenalty: 4 },
  { topK: 7 },
  { topP: 0.8 },
  { topP: 0.3, temperature: 2 },
  { minP: 0.2 },
  { temperature: 1.4, topK: 40, topP: 0.9, minP: 0.01, repetitionPenalty: 1.3 },
];

describe('tokens drawn on tensors', () => {
  const logits = normal(key(1), [numRows, vocabularySize], { deviation: 2 });
  const numbers = logits.dataSync<'float32'>();
  const row = (index: number): Float32Array => numbers.slice(index * vocabularySize, (index + 1) * vocabularySize);
  const seenOf = (index: number): number[] => [index % vocabularySize, (7 * index) % vocabularySize, 3];
  const keys = Array.from({ length: numRows }, (_, index) => fold(key(2), index));
  const uniforms = tf.tensor1d(keys.map((own) => uniformNumbers(own, 1)[0] ?? 0));
  const marks = new Uint8Array(numRows * vocabularySize);
  for (let index = 0; index < numRows; index++)
    for (const token of seenOf(index)) marks[index * vocabularySize + token] = 1;
  const seen = tf.tensor2d(marks, [numRows, vocabularySize], 'bool');

  it.each(choices)('are those of the chooser: %j', async (options) => {
    const choice = choiceOptions.parse(options);
    const choose = tokenChooser(choice);
    const expected = keys.map((own, index) => choose(row(index), own, seenOf(index)));
    const eager = drawTokens(logits, uniforms, choice, seen);
    expect([...eager.tokens.dataSync()]).toEqual(expected);
    const compiled = compile((x: tf.Tensor, u: tf.Tensor, s: tf.Tensor) => drawTokens(x, u, choice, s), {
      target: 'graph',
    });
    const { tokens, logProbabilities } = await compiled(logits, uniforms, seen);
    expect([...tokens.dataSync()]).toEqual(expected);
    const all = tf.logSoftmax(tf.div(logits, choice.temperature === 0 ? 1 : choice.temperature)).dataSync();
    logProbabilities.dataSync().forEach((value, index) => {
      expect(value).toBeCloseTo(all[index * vocabularySize + (expected[index] ?? 0)] ?? NaN, 4);
    });
  });

  it('come from the same tokens as the filters leave, of equally likely ones too', () => {
    const few = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 9, maxLength: 9 });
    const filters = fc.record(
      {
        topK: fc.integer({ min: 1, max: 9 }),
        topP: fc.constantFrom(0.13, 0.37, 0.61, 0.93),
        minP: fc.constantFrom(0.09, 0.4),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(few, filters, (levels, options) => {
        const own = Float32Array.from(levels, (level) => 0.7 * level);
        const choice = choiceOptions.parse(options);
        const candidates = filterLogits(candidatesOf(own), choice, []);
        const left = keepLikely(relativeToHighest(tf.tensor2d([[...own]])), choice).dataSync<'float32'>();
        const kept = [...left.keys()].filter((token) => left[token] !== -Infinity);
        expect(kept).toEqual([...candidates.tokens.subarray(0, candidates.count)]);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

describe('a draw by the inverse of the sum', () => {
  it('takes the place where the sum passes u, never one without mass', () => {
    const masses = fc
      .array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 30 })
      .filter((all) => all.some((mass) => mass > 0));
    const uniform = fc.oneof(fc.constantFrom(0, 0.5, 1 - 2 ** -24), fc.double({ min: 0, max: 0.999, noNaN: true }));
    fc.assert(
      fc.property(masses, uniform, (all, u) => {
        const [place = -1] = drawByInverse(tf.tensor2d([all]), tf.tensor1d([u])).dataSync();
        expect(all[place]).toBeGreaterThan(0);
        const aim = Math.fround(u) * all.reduce((sum, mass) => sum + mass);
        const upTo = all.slice(0, place + 1).reduce((sum, mass) => sum + mass);
        expect(upTo).toBeGreaterThanOrEqual(aim - 1e-5);
        expect(upTo - (all[place] ?? 0)).toBeLessThanOrEqual(aim + 1e-5);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});
