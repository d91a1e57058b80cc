import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { lossAgainstFlops } from '../../src/evaluate/loss-against-flops.js';
import { decoder } from '../../src/model/decoder.js';
import { emptyCache } from '../../src/model/key-value-cache.js';
import { chooseTokens, putChosen, takeChosen } from '../../src/model/mixture-of-depths.js';
import { mapWeights } from '../../src/model/weights.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { expectClose } from './close.js';

const small = { layers: 2, width: 8, heads: 2, context: 16, vocabularySize: 12, initDeviation: 0.3 } as const;
const partial = (capacity: number) => decoder({ ...small, depths: { capacity, every: 2 } });
const rows = [
  [1, 5, 9, 2, 7, 3, 3, 8, 0],
  [4, 4, 8, 0, 10, 6, 1, 2, 5],
];

describe('Mixture-of-Depths', () => {
  it('takes the tokens with the highest scores, in the order of the row, and puts back what was added', () => {
    // By hand: scores are the only feature; 2 of 4 tokens: places 1 and 3 of row 0, 0 and 1 of row 1.
    const x = tf.tensor3d([[[0], [2], [-1], [1]], [[5], [4], [3], [2]]]); // prettier-ignore
    const chosen = chooseTokens({ capacity: 0.5, every: 2 }, { weight: tf.ones([1, 1]) }, x);
    expect(chosen.places.arraySync()).toEqual([[1, 3], [0, 1]]); // prettier-ignore
    const taken = takeChosen(chosen, x);
    expect(taken.arraySync()).toEqual([[[2], [1]], [[5], [4]]]); // prettier-ignore
    const after = putChosen(chosen, x, taken, tf.add(taken, 10));
    const gate = (score: number): number => score + 10 / (1 + Math.exp(-score));
    expectClose(after.dataSync(), [0, gate(2), -1, gate(1), gate(5), gate(4), 3, 2], 1e-5);
  });

  it('with room for all, and a router of 0, adds half of what the dense block adds', () => {
    const [whole, dense] = [partial(1), decoder(small)];
    const plain = dense.init(key(1));
    const routed = mapWeights(whole.init(key(1)), (leaf, path) =>
      path.includes('depthRouter') ? tf.zerosLike(leaf) : leaf,
    );
    const inputs = tf.tensor2d(rows, [2, 9], 'int32');
    const [, before, after] = dense.hiddenStates(plain, inputs) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const half = dense.layerLogits(plain, tf.div(tf.add(before, after), 2));
    expectClose(whole.forward(routed, inputs).dataSync(), half.dataSync(), 1e-4);
  });

  it('has the same gradients compiled and recomputed, and the router has one', async () => {
    const architecture = partial(0.4);
    const weights = architecture.init(key(2));
    const inputs = tf.tensor2d(rows, [2, 9], 'int32');
    const run = (recompute: boolean) => (given: DecoderWeights) =>
      valueAndGrads<DecoderWeights>((w) => tf.sum<tf.Scalar>(tf.square(architecture.hidden(w, inputs, { recompute }))))(
        given,
      );
    const eager = run(false)(weights);
    const compiled = await compile(run(true), { target: 'graph' })(weights);
    const router = (grads: DecoderWeights): tf.Tensor => grads.layers[1]?.depthRouter?.weight as tf.Tensor;
    expect(tf.max(tf.abs(router(eager.grads))).dataSync()[0]).toBeGreaterThan(1e-4);
    expectClose(router(compiled.grads).dataSync(), router(eager.grads).dataSync(), 1e-4);
    expectClose(compiled.grads.embedding.dataSync(), eager.grads.embedding.dataSync(), 1e-3);
  });

  it('says what it saves, and what that costs', async () => {
    const [dense, sparse] = [decoder(small), partial(0.25)];
    const block = 4 * 8 * 8 + 3 * 8 * 32;
    // By hand at length 8: the second block counts a quarter, its attention a sixteenth; the router reads a quarter of the tokens.
    expect(dense.cost(8).forwardFlops).toBe(2 * (2 * block + 96) + 2 * 4 * 8 * 8);
    expect(sparse.cost(8).forwardFlops).toBe(2 * (1.25 * block + 96 + 0.25 * 8) + (1 + 1 / 16) * 4 * 8 * 8);
    const measured = await lossAgainstFlops(
      {
        dense: { architecture: dense, weights: dense.init(key(3)) },
        sparse: { architecture: sparse, weights: sparse.init(key(3)) },
      },
      rows,
      { target: 'graph' },
    );
    expect(measured[0]?.saved).toBe(0);
    expect(measured[1]?.saved).toBeCloseTo(1 - sparse.cost(8).forwardFlops / dense.cost(8).forwardFlops, 10);
    expect(measured.every(({ loss }) => loss > 0 && Number.isFinite(loss))).toBe(true);
  });

  it('does not generate', () => {
    const architecture = partial(0.5);
    const empty = emptyCache({ layers: 2, batch: 1, rows: 4, shape: architecture.cacheShape });
    const token = tf.tensor2d([[1]], [1, 1], 'int32');
    const decode = (): unknown => architecture.decode(architecture.init(key(1)), token, tf.scalar(0, 'int32'), empty);
    expect(decode).toThrow('does not generate');
  });
});
