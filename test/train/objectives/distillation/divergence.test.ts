import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import '../../../../src/engine/backend.js';
import {
  divergences,
  forwardKl,
  jensenShannon,
  reverseKl,
} from '../../../../src/train/objectives/distillation/index.js';
import type { Divergence } from '../../../../src/train/objectives/distillation/index.js';
import { expectClose } from '../../../model/close.js';
import { reference } from './reference.js';

const divergenceOf = (beta: number): Divergence =>
  beta === 0 ? forwardKl() : beta === 1 ? reverseKl() : jensenShannon({ beta });

describe('divergences', () => {
  const { student, teacher, cases } = reference.rows;
  const z = tf.tensor2d(student, [3, 7]);
  const x = tf.tensor2d(teacher, [3, 7]);

  it.each(cases)('and their gradients are those of TRL at beta $beta, temperature $temperature', (given) => {
    const { beta, temperature, loss, gradient } = given;
    const { value, grad } = tf.valueAndGrad((logits: tf.Tensor) =>
      tf.sum(divergences(x, logits as tf.Tensor2D, { divergence: divergenceOf(beta), temperature })),
    )(z);
    expect(Math.abs(((value as tf.Scalar).dataSync()[0] ?? NaN) - loss)).toBeLessThan(1e-4);
    expectClose(grad.dataSync(), gradient, 1e-4);
  });

  it('by hand: p = (3/4, 1/4), q = (1/4, 3/4)', () => {
    const p = tf.log<tf.Tensor2D>(tf.tensor2d([[3, 1]]));
    const q = tf.log<tf.Tensor2D>(tf.tensor2d([[1, 3]]));
    const of = (divergence: Divergence): number => divergences(p, q, { divergence }).dataSync()[0] ?? NaN;
    expect(of(forwardKl())).toBeCloseTo(Math.log(3) / 2, 6); // 3/4 ln 3 − 1/4 ln 3
    expect(of(reverseKl())).toBeCloseTo(Math.log(3) / 2, 6);
    // m = (1/2, 1/2): KL(p ‖ m) = KL(q ‖ m) = 3/4 ln 3/2 + 1/4 ln 1/2
    expect(of(jensenShannon())).toBeCloseTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), 6);
  });

  it('are 0 for equal logits, never below, and Jensen–Shannon at most ln 2', () => {
    const logits = fc.array(fc.double({ min: -40, max: 40, noNaN: true }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(logits, logits, fc.constantFrom(0, 0.2, 0.5, 0.8, 1), (a, b, beta) => {
        const [first, second] = [tf.tensor2d([a]), tf.tensor2d([b])];
        const divergence = divergenceOf(beta);
        const apart = divergences(first, second, { divergence }).dataSync()[0] ?? NaN;
        expect(apart).toBeGreaterThanOrEqual(-1e-5);
        if (beta === 0.5) expect(apart).toBeLessThanOrEqual(Math.LN2 + 1e-5);
        expect(Math.abs(divergences(first, first, { divergence }).dataSync()[0] ?? NaN)).toBeLessThan(1e-6);
      }),
      { numRuns: 20 },
    );
  });

  it('refuse a beta that is none', () => {
    expect(() => jensenShannon({ beta: 1 })).toThrow('reverseKl() at 1');
  });
});
