import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { key } from '../../src/engine/key.js';
import { earlyExitCurve } from '../../src/evaluate/early-exit-curve.js';
import { decoder } from '../../src/model/decoder.js';
import { emptyCache } from '../../src/model/key-value-cache.js';
import { exitConfidence } from '../../src/model/early-exit.js';
import { withEarlyExit } from '../../src/model/with-early-exit.js';
import { expectClose } from './close.js';

const architecture = decoder({ layers: 3, width: 16, heads: 2, context: 16, vocabularySize: 20, initDeviation: 0.3 });
const weights = architecture.init(key(1));
const rows = [
  [1, 5, 9, 2, 7, 3],
  [4, 4, 8, 0, 19, 6],
];

/** The logits after a prompt and one more token. */
function decoded(model: typeof architecture): { logits: tf.Tensor; keys: tf.Tensor } {
  const empty = emptyCache({ layers: 3, batch: 2, rows: 8, shape: model.cacheShape });
  const prompt = tf.tensor2d(rows.map((row) => row.slice(0, 5)), [2, 5], 'int32'); // prettier-ignore
  const { cache } = model.decode(weights, prompt, tf.scalar(0, 'int32'), empty);
  const last = tf.tensor2d(rows.map((row) => row.slice(5)), [2, 1], 'int32'); // prettier-ignore
  const { logits, cache: after } = model.decode(weights, last, tf.scalar(5, 'int32'), cache);
  return { logits, keys: tf.stack(after.map(({ keys }) => keys)) };
}

describe('early exit', () => {
  it('with a threshold that nothing reaches is the whole model, its cache too', () => {
    for (const confidence of ['softmax', 'state'] as const) {
      const whole = decoded(architecture);
      const same = decoded(withEarlyExit(architecture, { confidence, threshold: 2 }));
      expectClose(same.logits.dataSync(), whole.logits.dataSync(), 1e-5);
      expectClose(same.keys.dataSync(), whole.keys.dataSync(), 1e-5);
    }
  });

  it('with a threshold that all reach goes through the first layer alone, and writes the keys of all', () => {
    const left = decoded(withEarlyExit(architecture, { confidence: 'state', threshold: -1 }));
    const states = architecture.hiddenStates(weights, tf.tensor2d(rows, [2, 6], 'int32'));
    const last = tf.slice(states[1] as tf.Tensor, [0, 5, 0], [2, 1, 16]);
    expectClose(left.logits.dataSync(), architecture.layerLogits(weights, last).dataSync(), 1e-5);
    // The new row of every layer's keys is there, those after it are empty.
    const keys = left.keys.arraySync() as number[][][][][];
    for (const layer of keys)
      for (const row of layer)
        for (const head of row) {
          expect(head[5]?.some((value) => value !== 0)).toBe(true);
          expect(head[6]?.every((value) => value === 0)).toBe(true);
        }
  });

  it('is as sure as its formulas say', () => {
    // By hand: p = softmax(ln 6, ln 3, 0) = (0.6, 0.3, 0.1); cos((3, 4), (4, 3)) = 24 / 25.
    const logits = tf.tensor2d([[Math.log(6), Math.log(3), 0]]);
    expect(exitConfidence('softmax', logits, logits, (states) => states).dataSync()[0]).toBeCloseTo(0.3, 6);
    const cosine = exitConfidence('state', tf.tensor2d([[3, 4]]), tf.tensor2d([[4, 3]]), (states) => states);
    expect(cosine.dataSync()[0]).toBeCloseTo(0.96, 6);
  });

  it('saves more with lower thresholds; the highest is the model’s own loss', async () => {
    const curve = await earlyExitCurve(
      { architecture, weights },
      rows,
      { confidence: 'softmax', thresholds: [-1, 0.05, 0.2, 2], target: 'graph' }, // prettier-ignore
    );
    const saved = curve.map((point) => point.saved);
    expect(saved).toEqual([...saved].sort((a, b) => b - a));
    expect([saved[0], saved[3]].map((each) => each?.toFixed(4))).toEqual(['0.6667', '0.0000']);
    const inputs = tf.tensor2d(rows.map((row) => row.slice(0, -1)), [2, 5], 'int32'); // prettier-ignore
    const targets = rows.flatMap((row) => row.slice(1));
    const logProbabilities = tf.logSoftmax(architecture.forward(weights, inputs)).dataSync();
    const loss = targets.reduce((sum, token, index) => sum - (logProbabilities[index * 20 + token] ?? NaN), 0) / 10;
    expect(curve[3]?.loss).toBeCloseTo(loss, 5);
    await expect(earlyExitCurve({ architecture, weights }, [[1]], { confidence: 'state', thresholds: [1] })).rejects.toThrow('one length'); // prettier-ignore
    expect(() => withEarlyExit(architecture, { confidence: 'state', threshold: 1, from: 4 })).toThrow('from 1 to 3');
  });
});
