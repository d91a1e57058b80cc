import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import '../../src/engine/backend.js';
import { compile } from '../../src/engine/compile.js';
import { key } from '../../src/engine/key.js';
import { normal } from '../../src/engine/random.js';
import { flatten } from '../../src/engine/tree.js';
import { valueAndGrads } from '../../src/engine/value-and-grads.js';
import { decoder } from '../../src/model/decoder.js';
import type { Decoder } from '../../src/model/decoder.js';
import { placeAssignments, slotsFrom } from '../../src/model/dispatch.js';
import { experts } from '../../src/model/experts.js';
import type { ExpertsWeights } from '../../src/model/experts.js';
import { emptyCache } from '../../src/model/key-value-cache.js';
import { expertsOptions } from '../../src/model/experts-options.js';
import type { ExpertsOptions } from '../../src/model/experts-options.js';
import { gated } from '../../src/model/mlp.js';
import type { DecoderWeights } from '../../src/model/weights.js';
import { expectClose } from './close.js';

const width = 6;

/** Weights and tokens of a mixture; a large router makes some experts full. */
function drawn(options: ExpertsOptions, tokens: number, spread = 1) {
  const mixture = experts(expertsOptions.parse(options));
  const weights = Object.fromEntries(
    Object.entries(mixture.shapes(width)).map(([name, shape], index) => [
      name,
      { weight: normal(key(index), shape, { deviation: name === 'router' ? spread : 0.5 }) },
    ]),
  ) as ExpertsWeights;
  return { mixture, weights, x: normal(key(99), [1, tokens, width]) };
}

/** All experts for all tokens, of which the gates take their own: the definition. */
function everyExpert(weights: ExpertsWeights, x: tf.Tensor, number: number, active: number): tf.Tensor {
  const rows = tf.reshape<tf.Rank.R2>(x, [-1, width]);
  const matrix = (name: string): tf.Tensor => weights[name]?.weight as tf.Tensor;
  const scores = tf.softmax(tf.matMul(rows, matrix('router')));
  const { values, indices } = tf.topk(scores, active);
  const gates = tf.div(values, tf.sum(values, 1, true));
  const ofExperts = tf.sum(tf.mul(tf.oneHot(indices, number, 1, 0, 'float32'), tf.expandDims(gates, 2)), 1); // [tokens, E]
  const all = Array.from({ length: number }, (_, expert) => {
    const own = (name: string): tf.Tensor2D => tf.squeeze(tf.slice(matrix(name), [expert, 0, 0], [1, -1, -1]), [0]);
    const inner = gated(tf.matMul(rows, own('expertGate')), tf.matMul(rows, own('expertUp')));
    return tf.mul(tf.matMul(inner, own('expertDown')), tf.slice(ofExperts, [0, expert], [-1, 1]));
  });
  return tf.reshape(tf.addN(all), x.shape);
}

describe('experts', () => {
  // 40 tokens, so that experts share them in the first round; the last router sends nearly all to two: several further rounds.
  it.each([
    ['one round or two', 1],
    ['many rounds', 40],
  ])('are those of the definition, with their gradients, in %s', async (_name, spread) => {
    const { mixture, weights, x } = drawn({ number: 6, active: 2, hidden: 5 }, 40, spread);
    const skewed = {
      ...weights,
      ...(spread > 1 && { router: { weight: tf.mul(tf.ones([width, 6]), tf.tensor1d([9, 8, 0, 0, 0, 0])) } }),
    } as ExpertsWeights;
    const probe = normal(key(7), x.shape);
    const value =
      (form: (w: ExpertsWeights, given: tf.Tensor) => tf.Tensor) => (all: readonly [ExpertsWeights, tf.Tensor]) =>
        tf.sum<tf.Scalar>(tf.mul(form(...all), probe));
    const defined = valueAndGrads(value((w, given) => everyExpert(w, given, 6, 2)))([skewed, x]);
    const own = (all: [ExpertsWeights, tf.Tensor]) =>
      valueAndGrads(value((w, given) => mixture.forward(w, given).y))(all);
    const found = {
      eager: own([skewed, x]),
      graph: await compile(own, { target: 'graph' })([skewed, x]),
      ...(spread > 1 && { xla: await compile(own, { target: 'xla' })([skewed, x]) }),
    };
    for (const each of Object.values(found)) {
      expectClose(each.value.dataSync(), defined.value.dataSync(), 1e-4);
      flatten<tf.Tensor>(each.grads).forEach((gradient, index) => {
        expectClose(
          gradient.dataSync(),
          (flatten<tf.Tensor>(defined.grads as never)[index] as tf.Tensor).dataSync(),
          1e-4,
        );
      });
    }
  });

  it('with few tokens, each by copies of its own matrices, give the same', () => {
    const { mixture, weights, x } = drawn({ number: 8, active: 2, hidden: 5 }, 1);
    expectClose(mixture.forward(weights, x).y.dataSync(), everyExpert(weights, x, 8, 2).dataSync(), 1e-5);
  });

  it('with a capacity, drop the last second choices first, and none when all are asked for', () => {
    // By hand: every token chooses expert 0, then expert 1; room is 0.5 · 2 · 8 / 4 = 2 tokens each.
    const { mixture, weights, x } = drawn({ number: 4, active: 2, hidden: 5, capacity: 0.5 }, 8);
    const router = { weight: tf.mul(tf.ones([width, 4]), tf.tensor1d([3, 2, 1, 0])) };
    const positive = tf.abs(x);
    const { y, routing } = mixture.forward({ ...weights, router }, positive);
    expect(routing.dropped.arraySync()).toEqual([[0, 0], [0, 0], ...Array.from({ length: 6 }, () => [1, 1])]);
    expect((y.arraySync() as number[][][])[0]?.slice(2)).toEqual(
      Array.from({ length: 6 }, () => Array<number>(width).fill(0)),
    );
    const all = mixture.forward({ ...weights, router }, positive, { all: true });
    expectClose(all.y.dataSync(), everyExpert({ ...weights, router }, positive, 4, 2).dataSync(), 1e-5);
    expect(tf.sum(all.routing.dropped).dataSync()[0]).toBe(0);
  });

  it('places first choices before second ones', () => {
    // By hand: tokens choose (0, 1), (1, 0), (0, 2). Expert 0: token 0, token 2, then token 1’s second choice.
    const chosen = tf.tensor2d([[0, 1], [1, 0], [0, 2]], [3, 2], 'int32'); // prettier-ignore
    const placed = placeAssignments(chosen, 3);
    expect(placed.ranks.arraySync()).toEqual([[0, 0, 1], [1, 2, 0]]); // prettier-ignore
    expect(placed.counts.arraySync()).toEqual([3, 2, 1]);
    expect(placed.order.arraySync()).toEqual([0, 2, 4, 1, 3, 5]);
    const slots = slotsFrom(placed, 2);
    expect(slots.kept.arraySync()).toEqual([[1, 1, 1], [1, 0, 1]]); // prettier-ignore
    // Assignments are numbered by choice, then token: expert 0 has 0 and 2, expert 1 has 1 and 3, expert 2 has 5.
    expect(slots.assignments.arraySync()).toEqual([0, 2, 1, 3, 5, 0]);
    expect(slots.filled.arraySync()).toEqual([1, 1, 1, 1, 1, 0]);
  });
});

const small = { layers: 2, width: 16, heads: 2, context: 32, vocabularySize: 20 } as const;
const mixed = (more: Partial<ExpertsOptions> = {}): Decoder =>
  decoder({ ...small, experts: { number: 4, active: 2, hidden: 8, ...more } });
const tokens = (batch: number, time: number): tf.Tensor =>
  tf.tensor2d(
    Array.from({ length: batch * time }, (_, index) => (index * 7 + 3) % 20),
    [batch, time],
    'int32',
  );

describe('a decoder with experts', () => {
  it('counts the parameters that a token meets, and their FLOPs', () => {
    const architecture = mixed({ shared: { hidden: 8 } });
    const expert = 3 * 16 * 8;
    expect(architecture.numParameters - architecture.numActiveParameters).toBe(2 * 2 * expert);
    const matrices = 2 * (4 * 16 * 16 + 16 * 4 + 3 * expert) + 20 * 16;
    expect(architecture.cost(10).forwardFlops).toBe(2 * matrices + 4 * 2 * 16 * 10);
    expect(decoder(small).numActiveParameters).toBe(decoder(small).numParameters);
  });

  it('gives the same when its blocks are computed again in the backward pass, routing included', async () => {
    const architecture = mixed({ balancedBy: 'bias' });
    const weights = architecture.init(key(3));
    const inputs = tokens(2, 16);
    const run = (recompute: boolean) => (given: DecoderWeights) =>
      valueAndGrads<DecoderWeights>((w) => {
        const { hidden, routing } = architecture.routed(w, inputs, { recompute });
        return tf.addN([tf.sum(tf.square(hidden)), ...routing.map(({ logits }) => tf.sum(tf.square(logits)))]);
      })(given);
    const [plain, again] = [
      await compile(run(false), { target: 'graph' })(weights),
      await compile(run(true), { target: 'graph' })(weights),
    ];
    expectClose(again.value.dataSync(), plain.value.dataSync(), 1e-4);
    flatten<tf.Tensor>(plain.grads).forEach((gradient, index) => {
      expectClose((flatten<tf.Tensor>(again.grads as never)[index] as tf.Tensor).dataSync(), gradient.dataSync(), 1e-4);
    });
  });

  it('decodes what its full pass says, though training drops tokens', () => {
    const architecture = mixed();
    const weights = architecture.init(key(4));
    const all = tokens(2, 12);
    const expected = tf.squeeze(tf.slice(architecture.forward(weights, all), [0, 11, 0], [2, 1, 20]), [1]);
    for (const each of [architecture, mixed({ capacity: 0.25 })]) {
      const empty = emptyCache({ layers: 2, batch: 2, rows: 12, shape: each.cacheShape });
      const { cache } = each.decode(weights, tf.slice(all, [0, 0], [2, 11]), tf.scalar(0, 'int32'), empty);
      const { logits } = each.decode(weights, tf.slice(all, [0, 11], [2, 1]), tf.scalar(11, 'int32'), cache);
      expectClose(logits.dataSync(), expected.dataSync(), 1e-5);
    }
  });

  it('says what does not fit', () => {
    expect(() => mixed({ active: 5 })).toThrow('there are 4 experts, a token cannot go through 5');
    expect(() => mixed({ fromLayer: 2 })).toThrow('experts.fromLayer must be a layer');
    expect(() => mixed({ groups: { number: 3, active: 1 } })).toThrow('groups.number must divide the experts');
    expect(() => decoder({ ...small, mlp: 'gelu', experts: { number: 4, active: 2, hidden: 8 } })).toThrow('SwiGLU');
    // @ts-expect-error experts have a number
    expect(() => decoder({ ...small, experts: { active: 2, hidden: 8 } })).toThrow('number');
  });
});
