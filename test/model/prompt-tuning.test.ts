import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { promptTuning } from '../../src/model/prompt-tuning.js';
import type { PromptWeights } from '../../src/model/prompt-tuning.js';
import { adapterOf, baseModel, nextTokenLoss, peftFolder, peftReference } from './peft-reference.js';
import { expectClose } from './close.js';

describe('an adapter of PEFT', () => {
  it.each(['eager', 'compiled'])('%s: logits, loss and gradients are those of PEFT', async (how) => {
    const model = await baseModel('llama');
    const { method, weights } = await adapterOf(peftFolder('prompt'), model, 'prompt');
    const { tokens, numbers } = await peftReference('prompt');
    const adapted = method.adapt(model);
    // PEFT counts the first token too, which the last virtual one predicts.
    const run = (prompt: PromptWeights, rows: tf.Tensor) => ({
      all: adapted.forwardAll(prompt, rows),
      ofTokens: adapted.forward(prompt, rows),
      ...valueAndGrads<PromptWeights>((values) => nextTokenLoss(adapted.forwardAll(values, rows), rows))(prompt),
    });
    const { all, ofTokens, value, grads } =
      how === 'eager' ? run(weights, tokens) : await compile(run)(weights, tokens);
    expect(all.shape).toEqual([2, 17, 48]);
    expectClose(all.dataSync(), numbers('logits'), 1e-5);
    expectClose(ofTokens.dataSync(), tf.slice(all, [0, 5, 0], [2, 12, 48]).dataSync(), 1e-5);
    expectClose(value.dataSync(), numbers('loss'), 1e-5);
    expectClose(grads.embeddings.dataSync(), numbers('grad.prompt_embeddings'), 1e-4);
  });
});

describe('the first prompt', () => {
  it('is the embeddings of tokens, none twice', async () => {
    const model = await baseModel('llama');
    const { embeddings } = promptTuning({ numVirtualTokens: 48 }).init(model, key(2));
    const rows = (await embeddings.array()) as number[][];
    const table = (await model.weights.embedding.array()) as number[][];
    expect(rows.map(String).sort()).toEqual(table.map(String).sort());
    expect(rows).not.toEqual(table);
  });

  it('or uniform in ±0.5', async () => {
    const model = await baseModel('llama');
    const { embeddings } = promptTuning({ numVirtualTokens: 100, start: 'random' }).init(model, key(2));
    const numbers = embeddings.dataSync() as Float32Array;
    expect(Math.max(...numbers)).toBeLessThanOrEqual(0.5);
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(-0.5);
    const square = numbers.reduce((sum, each) => sum + each * each, 0) / numbers.length;
    expect(Math.abs(square * 12 - 1)).toBeLessThan(0.1); // 1600 draws: a deviation is √(4/5) / √1600 = 0.022
  });
});

it('what virtual tokens cannot have is refused', async () => {
  const model = await baseModel('llama');
  const method = promptTuning({ numVirtualTokens: 5 });
  const prompt = method.init(model, key(1));
  const adapted = method.adapt(model);
  const tokens = tf.zeros([1, 4], 'int32');
  expect(() => adapted.forward(prompt, tokens, { documents: tokens })).toThrow(
    /documents of the tokens.*prefixTuning/s,
  );
  expect(() => adapted.forward(prompt, tokens, { positions: tokens })).toThrow('positions of the tokens');
  const { context } = model.architecture.config;
  expect(() => adapted.forward(prompt, tf.zeros([1, context - 4], 'int32'))).toThrow('context');
  expect(() => promptTuning({ numVirtualTokens: 49 }).init(model, key(1))).toThrow("start: 'random'");
  expect(() => promptTuning({ numVirtualTokens: 5, start: 'text' as never })).toThrow('start');
});
