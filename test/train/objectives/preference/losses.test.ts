import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from '../../../../src/engine/compile.js';
import { valueAndGrads } from '../../../../src/engine/value-and-grads.js';
import {
  bradleyTerryLosses,
  dpoLosses,
  ipoLosses,
  ktoLosses,
  mismatchedKl,
  orpoLosses,
  preferenceMetrics,
  simpoLosses,
} from '../../../../src/train/objectives/preference/index.js';
import type { OfPairs, PreferenceLosses } from '../../../../src/train/objectives/preference/index.js';
import { expectClose } from '../../../model/close.js';
import { reference } from './reference.js';

const { pairs, judged, rewards } = reference;
const vector = (numbers: ArrayLike<number>): tf.Tensor1D => tf.tensor1d(Array.from(numbers));
const ofPairs = (chosen: readonly number[], rejected: readonly number[]): OfPairs => ({
  chosen: vector(chosen),
  rejected: vector(rejected),
});
const policy = (): OfPairs => ofPairs(pairs.chosen, pairs.rejected);
const frozen = (): OfPairs => ofPairs(...pairs.reference);

/** The mean of the losses and its gradients, as a compiled function of a training computes them. */
async function meanAndGradients<Tree extends object>(
  losses: (given: Tree) => tf.Tensor1D,
  given: Tree,
): Promise<{ loss: number; gradients: Float32Array[] }> {
  const compiled = compile(
    (values: Tree) => {
      const { value, grads } = valueAndGrads((tree: unknown) => tf.mean<tf.Scalar>(losses(tree as Tree)))(values);
      return [value, ...(Object.values(grads as object) as tf.Tensor[])];
    },
    { target: 'graph' },
  );
  const [value, ...gradients] = await compiled(given);
  return { loss: (value as tf.Tensor).dataSync()[0] ?? NaN, gradients: gradients.map((g) => g.dataSync<'float32'>()) };
}

async function expectSame<Tree extends object>(
  losses: (given: Tree) => tf.Tensor1D,
  given: Tree,
  expected: { readonly loss: number; readonly gradients: readonly (readonly number[])[] },
): Promise<void> {
  const { loss, gradients } = await meanAndGradients(losses, given);
  expect(Math.abs(loss - expected.loss)).toBeLessThan(1e-5);
  expected.gradients.forEach((gradient, index) => {
    expectClose(gradients[index] ?? [], gradient, 1e-6);
  });
}

const numbersOf = (metrics: Readonly<Record<string, tf.Scalar>>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value.dataSync()[0] ?? NaN]));

describe('losses of pairs and their gradients equal TRL’s', () => {
  it('dpo, and its metrics', async () => {
    const { beta, metrics } = pairs.dpo;
    await expectSame((given: OfPairs) => dpoLosses(given, frozen(), { beta }).losses, policy(), pairs.dpo);
    const found = numbersOf({ ...preferenceMetrics(dpoLosses(policy(), frozen(), { beta }).rewards) });
    expectClose(Object.values(found), [metrics.chosen, metrics.rejected, metrics.margin, metrics.accuracy], 1e-6);
  });

  it('dpo with label smoothing', () =>
    expectSame((given: OfPairs) => dpoLosses(given, frozen(), pairs.smoothed).losses, policy(), pairs.smoothed));

  it('ipo of means over tokens', () => {
    const lengths = [vector(pairs.lengths.slice(0, 5)), vector(pairs.lengths.slice(5))] as const;
    const means = ({ chosen, rejected }: OfPairs): OfPairs => ({
      chosen: tf.div(chosen, lengths[0]),
      rejected: tf.div(rejected, lengths[1]),
    });
    return expectSame(
      (given: OfPairs) => ipoLosses(means(given), means(frozen()), pairs.ipo).losses,
      policy(),
      pairs.ipo,
    );
  });

  it('simpo', () => expectSame((given: OfPairs) => simpoLosses(given, pairs.simpo).losses, policy(), pairs.simpo));

  it('orpo’s odds ratio', () => {
    const { lambda } = pairs.orpo;
    const eighth = (numbers: tf.Tensor1D): tf.Tensor1D => tf.div(numbers, 8);
    return expectSame(
      ({ chosen, rejected }: OfPairs) =>
        tf.mul(orpoLosses({ chosen: eighth(chosen), rejected: eighth(rejected) }, { lambda }).losses, lambda),
      policy(),
      pairs.orpo,
    );
  });

  it.each([
    ['plain', {}, false],
    ['withMargins', {}, true],
    ['centred', { centring: rewards.centring }, true],
  ] as const)('bradleyTerry, %s', async (name, options, withMargins) => {
    const halves = (all: tf.Tensor1D): OfPairs => {
      const [chosen, rejected] = tf.split(all, 2) as [tf.Tensor1D, tf.Tensor1D];
      return { chosen, rejected };
    };
    const margins = withMargins ? vector(rewards.margins) : undefined;
    const losses = ({ all }: { all: tf.Tensor1D }): PreferenceLosses =>
      bradleyTerryLosses(halves(all), options, margins);
    await expectSame(
      (given: { all: tf.Tensor1D }) => losses(given).losses,
      { all: vector(rewards.rewards) },
      rewards[name],
    );
    const { margin, accuracy } = numbersOf({ ...preferenceMetrics(losses({ all: vector(rewards.rewards) }).rewards) });
    expect(margin).toBeCloseTo(rewards[name].metrics.margin, 6);
    expect(accuracy).toBeCloseTo(rewards[name].metrics.accuracy, 6);
  });
});

describe('losses of single answers and their gradients equal TRL’s', () => {
  it.each(['near', 'far'] as const)('kto where others are %s', async (name) => {
    const expected = judged[name];
    const kl = mismatchedKl(vector(expected.others), vector(judged.referenceOfOthers));
    expect(kl.dataSync()[0]).toBeCloseTo(expected.kl, 5);
    const desirable = vector(judged.desirable);
    const losses = ({ answers }: { answers: tf.Tensor1D }) =>
      ktoLosses(answers, vector(judged.reference), desirable, kl, expected);
    await expectSame(
      (given: { answers: tf.Tensor1D }) => losses(given).losses,
      { answers: vector(judged.answers) },
      expected,
    );
    const found = losses({ answers: vector(judged.answers) }).rewards.dataSync();
    const mean = (wanted: number): number => {
      const chosen = [...found].filter((_, index) => judged.desirable[index] === wanted);
      return chosen.reduce((sum, reward) => sum + reward, 0) / chosen.length;
    };
    expect(mean(1)).toBeCloseTo(expected.chosen, 5);
    expect(mean(0)).toBeCloseTo(expected.rejected, 5);
  });
});

describe('by hand', () => {
  const equal = (): OfPairs => ofPairs([-3, -0.2], [-3, -0.2]);
  const values = ({ losses }: PreferenceLosses): number[] => [...losses.dataSync()];

  it('a policy that is its reference, and answers that are equal: log 2', () => {
    expectClose(values(dpoLosses(policy(), policy())), new Array<number>(5).fill(Math.LN2), 1e-6);
    expectClose(values(dpoLosses(equal(), equal(), { labelSmoothing: 0.3 })), [Math.LN2, Math.LN2], 1e-6);
    expectClose(values(simpoLosses(equal(), { gamma: 0 })), [Math.LN2, Math.LN2], 1e-6);
    expectClose(values(orpoLosses(equal())), [Math.LN2, Math.LN2], 1e-6);
    expectClose(values(bradleyTerryLosses(equal())), [Math.LN2, Math.LN2], 1e-6);
  });

  it('β → 0: dpo is log 2 − β Δ / 2, its gradient ∓(β / 2 − β² Δ / 4)', async () => {
    const beta = 1e-3;
    const { loss, gradients } = await meanAndGradients(
      (given: OfPairs) => dpoLosses(given, ofPairs([-2], [-2]), { beta }).losses,
      ofPairs([-1], [-4]),
    );
    expect(loss).toBeCloseTo(Math.LN2 - (beta * 3) / 2, 5);
    expect(gradients[0]?.[0]).toBeCloseTo(-beta / 2 + (beta ** 2 * 3) / 4, 8);
    expect(gradients[1]?.[0]).toBeCloseTo(beta / 2 - (beta ** 2 * 3) / 4, 8);
  });

  it('ipo is 0 where the difference is 1 / (2 β), as in (5 − 0)² / … of β = 0.1', () => {
    expectClose(values(ipoLosses(ofPairs([-1, -1], [-6, -1]), ofPairs([0, 0], [0, 0]), { beta: 0.1 })), [0, 25], 1e-4);
  });

  it('orpo of p = 1/2 against 1/5: odds 1 and 1/4, so −log σ(log 4) = log(5/4)', () => {
    expectClose(values(orpoLosses(ofPairs([Math.log(0.5)], [Math.log(0.2)]))), [Math.log(1.25)], 1e-6);
  });

  it('orpo of a certain answer is finite, and so is its gradient', async () => {
    const { loss, gradients } = await meanAndGradients(
      (given: OfPairs) => orpoLosses(given).losses,
      ofPairs([0, -1e-9], [0, -90]),
    );
    expect([loss, ...gradients.flatMap((gradient) => [...gradient])].every(Number.isFinite)).toBe(true);
  });

  it('differences of thousands neither overflow nor lose the gradient', async () => {
    const { loss, gradients } = await meanAndGradients(
      (given: OfPairs) => dpoLosses(given, ofPairs([0], [0]), { beta: 1 }).losses,
      ofPairs([-5000], [-1000]),
    );
    expect(loss).toBeCloseTo(4000, 2);
    expect(gradients[0]?.[0]).toBeCloseTo(-1, 6);
  });

  it('kto where policy and reference agree: λ / 2, and z is never below 0', () => {
    const [same, desirable] = [vector([-1, -2]), vector([1, 0])];
    const options = { desirableWeight: 3, undesirableWeight: 1 };
    const kl = mismatchedKl(vector([-9]), vector([-1]));
    expect(kl.dataSync()[0]).toBe(0);
    expectClose(ktoLosses(same, same, desirable, kl, options).losses.dataSync(), [1.5, 0.5], 1e-6);
    expect(mismatchedKl(vector([-1, -50]), vector([-3, -1]), vector([1, 0])).dataSync()[0]).toBeCloseTo(2, 6);
  });

  it('a tie is no hit; pairs count as their weights say', () => {
    const { accuracy, margin } = numbersOf({
      ...preferenceMetrics(ofPairs([1, 2, 0], [1, 0, 5]), vector([1, 3, 0])),
    });
    expect(accuracy).toBeCloseTo(0.75, 6);
    expect(margin).toBeCloseTo(1.5, 6);
  });
});

describe('properties', () => {
  const number = fc.float({ min: -20, max: -1, noNaN: true });

  it('a pair and its reverse: dpo’s losses differ by β Δ, as −log σ(x) + log σ(−x) = −x', () => {
    fc.assert(
      fc.property(number, number, number, number, (chosen, rejected, first, second) => {
        const loss = (a: number, b: number, c: number, d: number): number =>
          dpoLosses(ofPairs([a], [b]), ofPairs([c], [d]), { beta: 0.5 }).losses.dataSync()[0] ?? NaN;
        const difference = 0.5 * (chosen - first - (rejected - second));
        const found = loss(chosen, rejected, first, second) - loss(rejected, chosen, second, first);
        expect(Math.abs(found + difference)).toBeLessThan(1e-4);
      }),
      { numRuns: 30, seed: 3 },
    );
  });

  it('what both answers have alike changes nothing in dpo, simpo and rewards without centring', () => {
    fc.assert(
      fc.property(number, number, number, (chosen, rejected, shift) => {
        const [plain, shifted] = [ofPairs([chosen], [rejected]), ofPairs([chosen + shift], [rejected + shift])];
        const zero = ofPairs([0], [0]);
        for (const losses of [
          (given: OfPairs) => dpoLosses(given, zero),
          (given: OfPairs) => simpoLosses(given),
          (given: OfPairs) => bradleyTerryLosses(given),
        ])
          expectClose(losses(shifted).losses.dataSync(), losses(plain).losses.dataSync(), 1e-4);
      }),
      { numRuns: 20, seed: 3 },
    );
  });
});

describe('refuses', () => {
  it.each([
    ['dpo: no such beta', () => dpoLosses(policy(), frozen(), { beta: 0 })],
    ['dpo: no such labelSmoothing', () => dpoLosses(policy(), frozen(), { labelSmoothing: 0.5 })],
    ['ipo: no such beta', () => ipoLosses(policy(), frozen(), { beta: NaN })],
    ['simpo: no such gamma', () => simpoLosses(policy(), { gamma: -1 })],
    ['orpo: no such lambda', () => orpoLosses(policy(), { lambda: 0 })],
    ['bradleyTerry: no such centring', () => bradleyTerryLosses(policy(), { centring: -0.1 })],
    [
      'kto: no such desirableWeight',
      () => ktoLosses(vector([0]), vector([0]), vector([1]), tf.scalar(0), { desirableWeight: -1 }),
    ],
  ])('%s', (message, attempt) => {
    expect(attempt).toThrow(message);
  });
});
