import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../../src/engine/backend.js';
import { key } from '../../../src/engine/key.js';
import { normal } from '../../../src/engine/random.js';
import {
  chunkwiseRetention,
  headDecays,
  parallelRetention,
  recurrentRetention,
} from '../../../src/model/retention/retention.js';
import type { RetentionInputs } from '../../../src/model/retention/retention.js';
import { expectClose } from '../close.js';

const [batch, heads, keySize, valueSize] = [2, 3, 4, 6] as const;
const decays = headDecays(heads);

function inputsOf(time: number): RetentionInputs {
  return {
    queries: normal(key(1), [batch, heads, time, keySize]),
    keys: normal(key(2), [batch, heads, time, keySize]),
    values: normal(key(3), [batch, heads, time, valueSize]),
  };
}

const rowsOf = (x: tf.Tensor, from: number, count: number): tf.Tensor =>
  tf.slice(x, [0, 0, from, 0], [batch, heads, count, x.shape[3] as number]);
const cut = ({ queries, keys, values }: RetentionInputs, from: number, count: number): RetentionInputs => ({
  queries: rowsOf(queries, from, count),
  keys: rowsOf(keys, from, count),
  values: rowsOf(values, from, count),
});

/** Token after token. */
function recurrent(inputs: RetentionInputs, time: number): { outputs: tf.Tensor; state: tf.Tensor } {
  let state = tf.zeros([batch, heads, keySize, valueSize]);
  const outputs = Array.from({ length: time }, (_, token) => {
    const retained = recurrentRetention(cut(inputs, token, 1), decays, state);
    state = retained.state;
    return retained.outputs;
  });
  return { outputs: tf.concat(outputs, 2), state };
}

describe('retention', () => {
  it('forgets half in 22, 44 and 88 tokens', () => {
    expect(decays).toEqual([31 / 32, 63 / 64, 127 / 128]);
    expect(decays.map((decay) => Math.round(Math.log(0.5) / Math.log(decay)))).toEqual([22, 44, 88]);
  });

  it('is the same in the parallel, the recurrent and the chunkwise form, for any length and chunk', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 23 }), fc.integer({ min: 1, max: 9 }), (time, chunk) => {
        tf.tidy(() => {
          const inputs = inputsOf(time);
          const one = recurrent(inputs, time);
          const chunkwise = chunkwiseRetention(inputs, decays, { chunk });
          expectClose(parallelRetention(inputs, decays).dataSync(), one.outputs.dataSync(), 2e-5);
          expectClose(chunkwise.outputs.dataSync(), one.outputs.dataSync(), 2e-5);
          expectClose(chunkwise.state.dataSync(), one.state.dataSync(), 2e-5);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('goes on from a state, whatever the tokens before were read in', () => {
    const inputs = inputsOf(17);
    const whole = recurrent(inputs, 17);
    const { state } = recurrent(cut(inputs, 0, 6), 6);
    const rest = chunkwiseRetention(cut(inputs, 6, 11), decays, { chunk: 4, before: state });
    expectClose(rest.outputs.dataSync(), rowsOf(whole.outputs, 6, 11).dataSync(), 2e-5);
    expectClose(rest.state.dataSync(), whole.state.dataSync(), 2e-5);
  });

  it('has the same gradients in the parallel and the chunkwise form', () => {
    const { queries, keys, values } = inputsOf(10);
    const of = (form: (inputs: RetentionInputs) => tf.Tensor): Float32Array[] =>
      tf
        .grads((q, k, v) => tf.sum(tf.square(form({ queries: q, keys: k, values: v }))))([queries, keys, values])
        .map((gradient) => gradient.dataSync<'float32'>());
    const chunkwise = of((inputs) => chunkwiseRetention(inputs, decays, { chunk: 4 }).outputs);
    of((inputs) => parallelRetention(inputs, decays)).forEach((gradient, index) => {
      expectClose(chunkwise[index] ?? [], gradient, 1e-3);
    });
  });

  it('keeps documents apart, wherever they begin and end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 8 }),
        (lengths, chunk) => {
          tf.tidy(() => {
            const numbers = lengths.flatMap((length, number) => Array<number>(length).fill(number));
            const time = numbers.length;
            const documents = tf.tensor2d([numbers, numbers], [batch, time], 'int32');
            const inputs = inputsOf(time);
            let from = 0;
            const apart = lengths.map((length) => {
              const own = parallelRetention(cut(inputs, from, length), decays);
              from += length;
              return own;
            });
            const expected = tf.concat(apart, 2).dataSync();
            expectClose(parallelRetention(inputs, decays, documents).dataSync(), expected, 2e-5);
            expectClose(chunkwiseRetention(inputs, decays, { chunk, documents }).outputs.dataSync(), expected, 2e-5);
          });
        },
      ),
      { numRuns: 30 },
    );
  });
});
