import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { key } from '../../src/engine/key.js';
import { likeliest } from '../../src/model/choose-token.js';
import { decoder } from '../../src/model/decoder.js';
import { glm } from '../../src/model/glm.js';
import { writeBlanks } from '../../src/model/write-blanks.js';
import { fillBlanks } from '../../src/tokens/sequences/blanks.js';

const marks = { mask: 40, start: 41, end: 42 };
const sizes = { layers: 1, width: 16, heads: 2, context: 24, vocabularySize: 43, initDeviation: 0.4 };
const architecture = glm('base', sizes);
const model = { architecture, weights: architecture.init(key(5)) };

it('takes the likeliest tokens of the row that training would show, one after another', async () => {
  const [text, maxTokens] = [[3, 1, 40, 4, 40, 9], 4];
  const filled = await writeBlanks(model, text, marks, { temperature: 0, maxTokens, key: key(1) });
  expect(filled).toHaveLength(2);
  expect(filled.flat().length).toBeGreaterThan(2);
  // The whole text, with what was filled in, as a row of training: 3 1 … 4 … 9, the first blank first.
  const [first = [], second = []] = filled;
  const tokens = [3, 1, ...first, 4, ...second, 9];
  const blanks = [
    { start: 2, end: 2 + first.length },
    { start: 3 + first.length, end: 3 + first.length + second.length },
  ];
  const made = fillBlanks(tokens, blanks, [0, 1], marks);
  const row = (of: readonly number[]): tf.Tensor => tf.tensor2d([[...of]], undefined, 'int32');
  const logits = architecture.forward(model.weights, row(made.inputs), {
    prefix: tf.tensor1d([made.prefix], 'int32'),
    positions: row(made.positions),
    blockPositions: row(made.blockPositions),
  });
  const likely = ((await tf.squeeze(logits).array()) as number[][]).map((all) => likeliest(Float32Array.from(all)));
  // What is likeliest at each place of a blank is what was filled in, and then the end, where it came.
  let place = made.prefix;
  for (const one of filled) {
    expect(likely.slice(place, place + one.length)).toEqual(one);
    if (one.length < maxTokens) expect(likely[place + one.length]).toBe(marks.end);
    place += one.length + 1;
  }
  expect(await writeBlanks(model, text, marks, { temperature: 0, maxTokens, key: key(2) })).toEqual(filled);
});

it('refuses texts without blanks, and models that know no places in them', async () => {
  const options = { maxTokens: 3, key: key(1) };
  await expect(writeBlanks(model, [1, 2], marks, options)).rejects.toThrow(/nothing to fill[\s\S]*0 of them blanks/);
  await expect(writeBlanks(model, [40], marks, { ...options, maxTokens: 24 })).rejects.toThrow(
    /maxTokens from 1 to 23/,
  );
  const plain = decoder({ ...sizes, positions: 'learned' });
  await expect(writeBlanks({ architecture: plain, weights: plain.init(key(1)) }, [40], marks, options)).rejects.toThrow(
    /no places within blanks[\s\S]*learned positions/,
  );
});
