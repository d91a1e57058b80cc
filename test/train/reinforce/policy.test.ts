import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../src/engine/compile.js';
import { valueAndGrads } from '../../../src/engine/value-and-grads.js';
import { clippedPolicyLoss } from '../../../src/train/reinforce/clipped-policy-loss.js';
import { entropies } from '../../../src/train/reinforce/entropy.js';
import { klEstimates } from '../../../src/train/reinforce/kl.js';
import { tokenMean, type TokenMean } from '../../../src/train/reinforce/token-mean.js';
import { valueLoss } from '../../../src/train/reinforce/value-loss.js';
import { expectClose } from '../../model/close.js';
import { reference } from './reference.js';

const { policy, ppo } = reference;
const matrix = (rows: readonly (readonly number[])[]): tf.Tensor2D => tf.tensor2d(rows.map((row) => [...row]));
const means: Readonly<Record<string, TokenMean>> = {
  grpo: 'answers',
  bnpo: 'tokens',
  dr_grpo: { constantLength: policy.constantLength },
  dapo: 'tokens',
};
const quotient = ({ sum, count }: { readonly sum: tf.Scalar; readonly count: tf.Scalar }): tf.Scalar =>
  tf.div(sum, count);
const number = (scalar: tf.Tensor): number => scalar.dataSync()[0] ?? NaN;

describe('clippedPolicyLoss', () => {
  it.each(policy.cases)('equals TRL’s GRPOTrainer: $lossType, ratio of a $level, β $beta, ε $clipHigh', async (row) => {
    const mean = means[row.lossType] ?? 'tokens';
    const { beta, clipLow, clipHigh } = row;
    const step = compile(
      (current: tf.Tensor2D, old: tf.Tensor2D, base: tf.Tensor2D, advantages: tf.Tensor1D, mask: tf.Tensor2D) => {
        const tokens = (logProbabilities: tf.Tensor2D) => ({
          logProbabilities,
          oldLogProbabilities: old,
          advantages,
          mask,
        });
        const ratioOf = row.level === 'token' ? 'token' : 'answer';
        const options = { mean, clipLow, clipHigh, ratioOf } as const;
        const { value, grads } = valueAndGrads((logProbabilities: tf.Tensor2D) => {
          const loss = quotient(clippedPolicyLoss(tokens(logProbabilities), options));
          if (beta === 0) return loss;
          const kl = tokenMean(klEstimates(logProbabilities, base, 'k3'), mask, mean);
          return tf.add(loss, tf.mul(quotient(kl), beta));
        })(current);
        const kl = quotient(tokenMean(klEstimates(current, base, 'k3'), mask, 'tokens'));
        return { value, grads, kl, statistics: clippedPolicyLoss(tokens(current), options).statistics };
      },
      { target: 'graph' },
    );
    const { value, grads, kl, statistics } = await step(
      matrix(policy.logProbabilities),
      matrix(policy.oldLogProbabilities),
      matrix(policy.referenceLogProbabilities),
      tf.tensor1d([...policy.advantages]),
      matrix(policy.mask),
    );
    expect(number(value)).toBeCloseTo(row.loss, 6);
    expectClose(grads.dataSync(), row.gradient.flat(), 1e-6);
    if (row.kl !== undefined) expect(number(kl)).toBeCloseTo(row.kl, 6);
    if (row.level === 'sequence') return; // TRL counts clipped answers there, we their tokens
    expect(number(statistics.clippedLow) / number(statistics.numTokens)).toBeCloseTo(row.clippedLow, 6);
    expect(number(statistics.clippedHigh) / number(statistics.numTokens)).toBeCloseTo(row.clippedHigh, 6);
  });

  it('equals TRL’s PPOTrainer with an advantage for each token', () => {
    const tokens = {
      oldLogProbabilities: matrix(policy.oldLogProbabilities),
      advantages: matrix(ppo.advantages),
      mask: matrix(ppo.mask),
    };
    const { value, grads } = valueAndGrads((logProbabilities: tf.Tensor2D) =>
      quotient(clippedPolicyLoss({ ...tokens, logProbabilities })),
    )(matrix(policy.logProbabilities));
    expect(number(value)).toBeCloseTo(ppo.policyLoss, 6);
    expectClose(grads.dataSync(), ppo.policyGradient.flat(), 1e-6);
    const { statistics } = clippedPolicyLoss({ ...tokens, logProbabilities: matrix(policy.logProbabilities) });
    const clipped = number(statistics.clippedLow) + number(statistics.clippedHigh);
    expect(clipped / number(statistics.numTokens)).toBeCloseTo(ppo.policyClipped, 6);
  });

  it('by hand: ρ = 1.5 with A = 2 earns 1.2 · 2 without gradient, with A = −2 it costs 1.5 · 2 with one', () => {
    const at = (advantage: number, clipHigh = 0.2): [number, number] => {
      const { value, grads } = valueAndGrads((logProbabilities: tf.Tensor2D) =>
        quotient(
          clippedPolicyLoss(
            {
              logProbabilities,
              oldLogProbabilities: tf.zeros([1, 1]),
              advantages: tf.tensor1d([advantage]),
              mask: tf.ones([1, 1]),
            },
            { clipHigh },
          ),
        ),
      )(tf.tensor2d([[Math.log(1.5)]]));
      return [number(value), number(grads)];
    };
    expectClose(at(2), [-2.4, 0], 1e-6);
    expectClose(at(-2), [3, 3], 1e-6);
    expectClose(at(2, 0.6), [-3, -3], 1e-6); // clip-higher lets it go on
  });

  it('by hand: an answer’s ratio is the geometric mean of its tokens’, here √(4 · ¼) = 1', () => {
    const { sum, statistics } = clippedPolicyLoss(
      {
        logProbabilities: tf.tensor2d([[Math.log(4), Math.log(0.25), 5]]),
        oldLogProbabilities: tf.zeros([1, 3]),
        advantages: tf.tensor1d([3]),
        mask: tf.tensor2d([[1, 1, 0]]),
      },
      { ratioOf: 'answer', mean: 'answers', clipLow: 3e-4, clipHigh: 4e-4 },
    );
    expect(number(sum)).toBeCloseTo(-3, 5);
    expect(number(statistics.clippedHigh)).toBe(0);
    expect(number(statistics.approximateKl)).toBeCloseTo(4 - 1 - Math.log(4) + 0.25 - 1 + Math.log(4), 5);
  });

  it('at ratio 1 nothing is clipped, and the gradient is the policy gradient −A / Σ m', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -9, max: 0, noNaN: true }), fc.double({ min: -3, max: 3, noNaN: true })), {
          minLength: 1,
          maxLength: 6,
        }),
        (tokens) => {
          const given = tf.tensor2d([tokens.map(([logProbability]) => logProbability)]);
          const advantages = tokens.map(([, advantage]) => advantage);
          const rest = { oldLogProbabilities: given, advantages: tf.tensor2d([advantages]), mask: tf.onesLike(given) };
          const { grads } = valueAndGrads((logProbabilities: tf.Tensor2D) =>
            quotient(clippedPolicyLoss({ logProbabilities, ...rest })),
          )(given);
          expectClose(
            grads.dataSync(),
            advantages.map((advantage) => -advantage / tokens.length),
            1e-6,
          );
          const { statistics } = clippedPolicyLoss({ logProbabilities: given, ...rest });
          expect(number(statistics.clippedLow) + number(statistics.clippedHigh)).toBe(0);
          expect(number(statistics.approximateKl)).toBe(0);
        },
      ),
      { numRuns: 20 },
    );
  });

  it.each(['tokens', 'answers', { constantLength: 16 }] as const)(
    '%j: sums and counts of two halves are those of the whole, and padding may hold anything',
    (mean) => {
      const loss = (from: number, to: number, padding = 0): [number, number] => {
        const rows = <Row>(all: readonly Row[]): Row[] => all.slice(from, to);
        const mask = rows(policy.mask);
        const { sum, count } = clippedPolicyLoss(
          {
            logProbabilities: matrix(
              rows(policy.logProbabilities).map((row, i) => row.map((x, t) => (mask[i]?.[t] === 1 ? x : padding))),
            ),
            oldLogProbabilities: matrix(rows(policy.oldLogProbabilities)),
            advantages: tf.tensor1d(rows(policy.advantages)),
            mask: matrix(mask),
          },
          { mean },
        );
        return [number(sum), number(count)];
      };
      const [whole, first, second] = [loss(0, 6), loss(0, 2), loss(2, 6)];
      expectClose([first[0] + second[0], first[1] + second[1]], whole, 1e-5);
      expectClose(loss(0, 6, -Infinity), whole, 1e-6);
    },
  );

  it('padding of −∞ gives no gradient, neither NaN', () => {
    const { grads } = valueAndGrads((logProbabilities: tf.Tensor2D) =>
      quotient(
        clippedPolicyLoss({
          logProbabilities,
          oldLogProbabilities: tf.tensor2d([[-1, -2, -Infinity]]),
          advantages: tf.tensor1d([2]),
          mask: tf.tensor2d([[1, 0, 0]]),
        }),
      ),
    )(tf.tensor2d([[-1, -Infinity, -Infinity]]));
    expectClose(grads.dataSync(), [-2, 0, 0], 1e-6);
  });

  it('an answer without counted tokens does not count', () => {
    const x = tf.tensor2d([[2, 4], [9, 9]]); // prettier-ignore
    const mask = tf.tensor2d([[1, 1], [0, 0]]); // prettier-ignore
    const { sum, count } = tokenMean(x, mask, 'answers');
    expect([number(sum), number(count)]).toEqual([3, 1]);
    expect(number(tokenMean(x, mask, { constantLength: 8 }).count)).toBe(8);
  });

  it('refuses bounds and lengths out of range', () => {
    const none = tf.zeros<tf.Rank.R2>([1, 1]);
    const tokens = { logProbabilities: none, oldLogProbabilities: none, advantages: none, mask: none };
    expect(() => clippedPolicyLoss(tokens, { clipLow: 1 })).toThrow(/clipLow is out of range/);
    expect(() => clippedPolicyLoss(tokens, { clipHigh: 0 })).toThrow(/clipHigh/);
    expect(() => clippedPolicyLoss(tokens, { mean: { constantLength: 0 } })).toThrow(/constantLength/);
    // @ts-expect-error a mean is by tokens, by answers, or by a constant length
    expect(() => clippedPolicyLoss(tokens, { mean: 'sequence' })).not.toThrow(/out of range/);
  });
});

describe('valueLoss', () => {
  const mask = matrix(ppo.longerMask);
  const [oldValues, returns] = [matrix(ppo.values), matrix(ppo.returns)];

  it('equals TRL’s PPOTrainer: value, clipped share, gradient', () => {
    const { value, grads } = valueAndGrads((values: tf.Tensor2D) =>
      quotient(valueLoss({ values, oldValues, returns, mask }, { clip: ppo.clip })),
    )(matrix(ppo.newValues));
    expect(number(value)).toBeCloseTo(ppo.valueLoss, 5);
    expectClose(grads.dataSync(), ppo.valueGradient.flat(), 1e-6);
    const { clipped, count } = valueLoss({ values: matrix(ppo.newValues), oldValues, returns, mask });
    expect(number(clipped) / number(count)).toBeCloseTo(ppo.valueClipped, 6);
  });

  it('by hand: from 0 to 1 where 1 is right; the step beyond 0.2 earns nothing: ½ · 0.8²', () => {
    const one = tf.ones<tf.Rank.R2>([1, 1]);
    const { sum, clipped } = valueLoss({ values: one, oldValues: tf.zeros([1, 1]), returns: one, mask: one });
    expect(number(sum)).toBeCloseTo(0.32, 6);
    expect(number(clipped)).toBe(1);
    expect(() => valueLoss({ values: one, oldValues: one, returns: one, mask: one }, { clip: 0 })).toThrow(/clip/);
  });
});

describe('entropies', () => {
  it('is log V for equal logits, near 0 for a sure one, with gradient −p (log p + H)', () => {
    const logits = tf.tensor2d([[7, 7, 7, 7], [90, 0, 0, 0], [Math.log(0.5), Math.log(0.25), Math.log(0.25), -90]]); // prettier-ignore
    expectClose(entropies(logits).dataSync(), [Math.log(4), 0, 1.5 * Math.LN2], 1e-6);
    const { grads } = valueAndGrads((z: tf.Tensor2D) => tf.sum(entropies(z)))(logits);
    const h = 1.5 * Math.LN2;
    const row = [-0.5 * (Math.log(0.5) + h), -0.25 * (Math.log(0.25) + h), -0.25 * (Math.log(0.25) + h), 0];
    expectClose(grads.dataSync(), [0, 0, 0, 0, 0, 0, 0, 0, ...row], 1e-6);
  });
});
