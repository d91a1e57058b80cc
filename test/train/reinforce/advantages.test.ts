import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { adaptiveKl } from '../../../src/train/reinforce/adaptive-kl.js';
import { generalisedAdvantages, whiten } from '../../../src/train/reinforce/generalised-advantages.js';
import { groupAdvantages } from '../../../src/train/reinforce/group-advantages.js';
import { klEstimates, klShapedRewards } from '../../../src/train/reinforce/kl.js';
import { decoupledAdvantages, weighRewards } from '../../../src/train/reinforce/multi-reward.js';
import { overlongPenalty } from '../../../src/train/reinforce/overlong-penalty.js';
import { varyingGroups } from '../../../src/train/reinforce/varying-groups.js';
import { expectClose } from '../../model/close.js';
import { reference } from './reference.js';

const { groups, policy, ppo, controller } = reference;
const matrix = (rows: readonly (readonly number[])[]): tf.Tensor2D => tf.tensor2d(rows.map((row) => [...row]));
const reward = fc.double({ min: -5, max: 5, noNaN: true });

describe('generalisedAdvantages', () => {
  const longer = matrix(ppo.longerMask);

  it('equals TRL’s PPOTrainer: advantages, returns, whitened; compiled too', async () => {
    const given = { rewards: matrix(ppo.rewards), values: matrix(ppo.values), mask: longer };
    const options = { discount: ppo.discount, smoothing: ppo.smoothing };
    const compiled = compile((tokens: typeof given) => generalisedAdvantages(tokens, options), { target: 'graph' });
    for (const { advantages, returns } of [generalisedAdvantages(given, options), await compiled(given)]) {
      expectClose(advantages.dataSync(), ppo.plainAdvantages.flat(), 1e-5);
      expectClose(returns.dataSync(), ppo.returns.flat(), 1e-5);
      expectClose(whiten(advantages, matrix(ppo.mask)).dataSync(), ppo.advantages.flat(), 1e-5);
    }
    const kept = whiten(given.rewards, longer, { keepMean: true });
    expectClose(kept.dataSync(), ppo.whitenedRewards.flat(), 1e-5);
  });

  it('by hand: γ 0.5, λ 0.5; rewards 0, 0, 1 and values 1, 2, 3', () => {
    // δ = (0 + ½·2 − 1, 0 + ½·3 − 2, 1 − 3) = (0, −½, −2); A₃ = −2, A₂ = −½ − ¼·2 = −1, A₁ = 0 − ¼·1 = −¼.
    const { advantages, returns } = generalisedAdvantages(
      { rewards: tf.tensor2d([[0, 0, 1]]), values: tf.tensor2d([[1, 2, 3]]), mask: tf.ones([1, 3]) },
      { discount: 0.5, smoothing: 0.5 },
    );
    expect([...advantages.dataSync()]).toEqual([-0.25, -1, -2]);
    expect([...returns.dataSync()]).toEqual([0.75, 1, 1]);
  });

  it('passes over what does not count, inside an answer and after it, whatever stands there', () => {
    const whole = generalisedAdvantages({
      rewards: tf.tensor2d([[0, 9, 0, 1, NaN]]),
      values: tf.tensor2d([[1, 9, 2, 3, NaN]]),
      mask: tf.tensor2d([[1, 0, 1, 1, 0]]),
    });
    const alone = generalisedAdvantages({
      rewards: tf.tensor2d([[0, 0, 1]]),
      values: tf.tensor2d([[1, 2, 3]]),
      mask: tf.ones([1, 3]),
    });
    const [a = 0, b = 0, c = 0] = alone.advantages.dataSync();
    expect([...whole.advantages.dataSync()]).toEqual([a, 0, b, c, 0]);
  });

  it('with λ = 1 returns are the discounted rewards to come, whatever the critic says', () => {
    const row = fc.array(fc.tuple(reward, reward), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(row, fc.double({ min: 0.1, max: 1, noNaN: true }), (tokens, discount) => {
        const rewards = tokens.map(([earned]) => earned);
        const { returns } = generalisedAdvantages(
          {
            rewards: tf.tensor2d([rewards]),
            values: tf.tensor2d([tokens.map(([, value]) => value)]),
            mask: tf.ones([1, tokens.length]),
          },
          { discount, smoothing: 1 },
        );
        const toCome = rewards.reduceRight<number[]>((later, r) => [r + discount * (later[0] ?? 0), ...later], []);
        expectClose(returns.dataSync(), toCome, 2e-5);
      }),
      { numRuns: 15 },
    );
  });

  it('whitened numbers have mean 0 and deviation 1 over what counts; one number becomes 0', () => {
    const white = whiten(tf.tensor2d([[1, 2, 3, 99]]), tf.tensor2d([[1, 1, 1, 0]]));
    expectClose(white.dataSync(), [-1, 0, 1, 0], 1e-6);
    expectClose(whiten(tf.tensor2d([[7, 3]]), tf.tensor2d([[1, 0]])).dataSync(), [0, 0], 0);
    const empty = whiten(tf.tensor2d([[7, 3]]), tf.zeros([1, 2]));
    expectClose(empty.dataSync(), [0, 0], 0);
  });

  it('are constants: no gradient flows into the critic', () => {
    const { grads } = valueAndGrads((values: tf.Tensor2D) => {
      const given = { rewards: matrix(ppo.rewards), values, mask: longer };
      const { advantages, returns } = generalisedAdvantages(given);
      return tf.sum(tf.add(tf.mul(advantages, values), tf.mul(returns, 3)));
    })(matrix(ppo.values));
    expectClose(
      grads.dataSync(),
      generalisedAdvantages({
        rewards: matrix(ppo.rewards),
        values: matrix(ppo.values),
        mask: longer,
      }).advantages.dataSync(),
      1e-6,
    );
  });

  it('refuses γ and λ out of range', () => {
    const given = { rewards: matrix([[0]]), values: matrix([[0]]), mask: matrix([[1]]) };
    expect(() => generalisedAdvantages(given, { discount: 0 })).toThrow(/discount is out of range/);
    expect(() => generalisedAdvantages(given, { smoothing: 1.1 })).toThrow(/smoothing is out of range/);
  });
});

describe('kl', () => {
  it.each([
    ['k1', ppo.rewards],
    ['k3', ppo.rewardsK3],
  ] as const)('%s: shaped rewards equal TRL’s PPOTrainer', (estimator, expected) => {
    // TRL gives the score, and reads the mask, one token after the answer; log-probabilities of padding are equal there.
    const padded = (rows: readonly (readonly number[])[]): tf.Tensor2D =>
      tf.where(tf.greater(matrix(ppo.mask), 0), matrix(rows), tf.onesLike(matrix(rows)));
    const { rewards } = klShapedRewards(
      {
        scores: tf.tensor1d([...ppo.scores]),
        logProbabilities: padded(policy.oldLogProbabilities),
        referenceLogProbabilities: padded(policy.referenceLogProbabilities),
        mask: matrix(ppo.longerMask),
      },
      { coefficient: tf.scalar(ppo.coefficient), estimator },
    );
    expectClose(rewards.dataSync(), expected.flat(), 1e-6);
  });

  it('by hand: the score stands at the last token that counts; an empty answer has none', () => {
    const { rewards, kl } = klShapedRewards(
      {
        scores: tf.tensor1d([5, 7]),
        logProbabilities: tf.tensor2d([[-1, -1, -1], [-1, -1, -1]]), // prettier-ignore
        referenceLogProbabilities: tf.tensor2d([[-3, -1, -Infinity], [-2, -2, -2]]), // prettier-ignore
        mask: tf.tensor2d([[1, 1, 0], [0, 0, 0]]), // prettier-ignore
      },
      { coefficient: 0.5 },
    );
    expectClose(kl.dataSync(), [2, 0, 0, 0, 0, 0], 0);
    expectClose(rewards.dataSync(), [-1, 5, 0, 0, 0, 0], 0);
  });

  it('over all outcomes, k1 and k3 have the KL as their mean, and the gradient of k2 is the KL’s', () => {
    // π = softmax(0, 1, 2), ref uniform: Σ π · estimate is the expectation, without a draw.
    const logits = tf.tensor1d([0, 1, 2]);
    const p = [...tf.softmax(logits).dataSync()];
    const exact = p.reduce((sum, each) => sum + each * Math.log(each * 3), 0);
    const ref = tf.fill<tf.Rank.R2>([1, 3], -Math.log(3));
    const meanOf = (estimator: 'k1' | 'k2' | 'k3', z: tf.Tensor1D): tf.Scalar =>
      tf.sum(tf.mul(klEstimates(tf.reshape(tf.logSoftmax(z), [1, 3]), ref, estimator), tf.tensor2d([p])));
    expect(meanOf('k1', logits).dataSync()[0]).toBeCloseTo(exact, 5);
    expect(meanOf('k3', logits).dataSync()[0]).toBeCloseTo(exact, 5);
    const { grads } = valueAndGrads((z: tf.Tensor1D) => meanOf('k2', z))(logits);
    expectClose(
      grads.dataSync(),
      p.map((each) => each * (Math.log(each * 3) - exact)),
      1e-6,
    ); // ∂KL/∂z
  });
});

describe('adaptiveKl', () => {
  const { initial, target, horizon, numAnswers, rows } = controller;

  it('equals TRL’s controller step by step, through JSON', () => {
    const { next } = adaptiveKl({ initial, target, horizon });
    let saved = JSON.stringify(initial);
    for (const { kl, coefficient } of rows) {
      const reached = next(Number(JSON.parse(saved)), { kl, numAnswers });
      expect(reached).toBeCloseTo(coefficient, 12);
      saved = JSON.stringify(reached);
      expect(JSON.parse(saved)).toBe(reached);
    }
  });

  it('rests at the target, rises above it and falls below, by at most 20% · answers / horizon', () => {
    const { next } = adaptiveKl({ initial, target, horizon });
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 10, noNaN: true }),
        fc.double({ min: -50, max: 50, noNaN: true }),
        (b, kl) => {
          expect(next(b, { kl: target, numAnswers })).toBe(b);
          const changed = next(b, { kl, numAnswers }) / b - 1;
          expect(Math.abs(changed)).toBeLessThanOrEqual((0.2 * numAnswers) / horizon + 1e-12);
          if (Math.abs(kl - target) > 1e-9) expect(Math.sign(changed)).toBe(Math.sign(kl - target));
        },
      ),
    );
  });

  it('refuses what is out of range', () => {
    expect(() => adaptiveKl({ initial: 0, target, horizon })).toThrow(/initial must be positive/);
    const { next } = adaptiveKl({ initial, target, horizon });
    expect(() => next(1, { kl: NaN, numAnswers })).toThrow(/not finite/);
    expect(() => next(1, { kl: 1, numAnswers: 5 * horizon })).toThrow(/raise the horizon/);
  });
});

describe('groupAdvantages', () => {
  const [correct, format] = groups.rewards;
  const [first, second] = groups.weights;
  const sums = weighRewards({ correct, format }, { correct: first, format: second });

  it.each(['group', 'batch', 'none'] as const)('scale %s: equals TRL’s GRPOTrainer', (scale) => {
    expectClose(groupAdvantages(sums, { scale }).flat(), groups[scale].flat(), 1e-5);
  });

  it('decoupled: equals TRL’s normalize_then_sum', () => {
    const advantages = decoupledAdvantages({ correct, format }, { correct: first, format: second });
    expectClose(advantages.flat(), groups.decoupled.flat(), 1e-5);
  });

  it('by hand: 1, 0, 0 has mean ⅓ and deviation √⅓', () => {
    const root = Math.sqrt(1 / 3);
    expectClose(
      groupAdvantages([[1, 0, 0]], { epsilon: 0 })[0] ?? [],
      [2 / 3 / root, -1 / 3 / root, -1 / 3 / root],
      1e-12,
    );
    expectClose(groupAdvantages([[1, 0, 0]], { scale: 'none' })[0] ?? [], [2 / 3, -1 / 3, -1 / 3], 1e-12);
  });

  it('sum to 0 in each group, in the order of the rewards, whatever is added to them; scaled they are the same for c · r', () => {
    const group = fc.array(reward, { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(group, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('group', 'batch', 'none'),
        (rewards, scale) => {
          const advantages = groupAdvantages(rewards, { scale });
          for (const [g, found] of advantages.entries()) {
            expect(Math.abs(found.reduce((sum, a) => sum + a, 0))).toBeLessThan(1e-8);
            const given = rewards[g] ?? [];
            found.forEach((a, i) => { found.forEach((b, j) => {
            if ((given[i] ?? 0) > (given[j] ?? 0)) expect(a).toBeGreaterThanOrEqual(b);
          }); }); // prettier-ignore
          }
          const raised = groupAdvantages(rewards.map((each) => each.map((r) => r + 3)), { scale }); // prettier-ignore
          expectClose(raised.flat(), advantages.flat(), 1e-7);
        },
      ),
    );
    const doubled = groupAdvantages([[2, 0, 6]], { epsilon: 0 });
    expectClose(doubled.flat(), groupAdvantages([[1, 0, 3]], { epsilon: 0 }).flat(), 1e-12);
  });

  it('decoupled: a kind counts by its weight, whatever its unit, where in a sum the largest unit wins', () => {
    const kinds = { right: [[1, 0, 0, 1]], length: [[0, 30, 0, 30]] };
    const weights = { right: 1, length: 1 };
    const [[right = 0, long = 0] = []] = decoupledAdvantages(kinds, weights, { epsilon: 0 });
    expect(right).toBeCloseTo(long, 12);
    const [[drowned = 0, loud = 0] = []] = groupAdvantages(weighRewards(kinds, weights));
    expect([drowned < 0, loud > 0]).toEqual([true, true]); // a right answer is told that it is bad
    expect(decoupledAdvantages({ right: [] }, { right: 1 })).toEqual([]);
  });

  it('refuses a lone answer, rewards of other groups, and a missing weight', () => {
    expect(() => groupAdvantages([[1, 0], [1]])).toThrow(/group 1 has no answers to compare[\s\S]*1 answer\n/);
    expect(() => weighRewards({ a: [[1, 0]], b: [[1]] }, { a: 1, b: 1 })).toThrow(
      /b and a are not rewards of the same/,
    );
    // @ts-expect-error every kind of reward needs a weight
    expect(weighRewards({ a: [[1, 0]], b: [[1, 2]] }, { a: 1 }).flat()).toEqual([NaN, NaN]);
  });
});

describe('DAPO', () => {
  it('drops groups without variance and counts them by their reward', () => {
    const batch = [[0, 0], [1, 0], [1, 1], [0, 0], [0.5, 0.6]]; // prettier-ignore
    const { kept, numDropped, droppedAt } = varyingGroups(batch, (rewards) => rewards);
    expect(kept).toEqual([[1, 0], [0.5, 0.6]]); // prettier-ignore
    expect(numDropped).toBe(3);
    expect([...droppedAt]).toEqual([[0, 2], [1, 1]]); // prettier-ignore
  });

  it('keeps just the groups whose advantages are not all 0', () => {
    const group = fc.array(fc.constantFrom(0, 1), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(group), (batch) => {
        const { kept, numDropped } = varyingGroups(batch, (rewards) => rewards);
        expect(kept).toEqual(batch.filter((rewards) => groupAdvantages([rewards]).flat().some((a) => a !== 0))); // prettier-ignore
        expect(kept.length + numDropped).toBe(batch.length);
      }),
    );
  });

  it('overlong: 0 to 150 tokens, −1 at 200 and beyond, a line between', () => {
    const penalty = (length: number): number => overlongPenalty(length, { longest: 200, buffer: 50 });
    expect([0, 150, 151, 180, 200, 201].map(penalty)).toEqual([0, 0, -0.02, -0.6, -1, -1]);
    expect(() => overlongPenalty(1, { longest: 10, buffer: 11 })).toThrow(/buffer/);
  });
});
