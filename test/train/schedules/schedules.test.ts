import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trainOptions } from '../../../src/train/train-options.js';
import { warmupCosine, warmupLinear } from '../../../src/train/schedules/schedule.js';
import type { Schedule } from '../../../src/train/schedules/schedule.js';
import { perEpoch, stepDecay } from '../../../src/train/schedules/step-decay.js';
import { warmupStableDecay } from '../../../src/train/schedules/warmup-stable-decay.js';
import { expectClose } from '../../model/close.js';

// Made by fixtures/optimizers.py with PyTorch and transformers.
const { schedules: references } = JSON.parse(
  readFileSync(new URL('../fixtures/optimizers.json', import.meta.url), 'utf8'),
) as { readonly schedules: Readonly<Record<string, number[]>> };

const rates = (schedule: Schedule): number[] => Array.from({ length: 100 }, (_, index) => schedule(index + 1));
const plan = { learningRate: 0.3, warmupSteps: 12, steps: 100, finalFraction: 0 };

describe('rates of 100 steps equal', () => {
  it('PyTorch’s StepLR, whose count of 0 is step 1', () => {
    const schedule = stepDecay({ learningRate: 0.3, every: 30 });
    expectClose(rates(schedule), references['step']?.slice(0, 100) ?? [], 1e-12);
  });

  // transformers gives 0 at its count of 0, which we leave out: its count s is step s.
  it.each([
    ['linear', warmupLinear(plan)],
    ['cosine', warmupCosine(plan)],
    ['constantWithWarmup', warmupStableDecay({ ...plan, decaySteps: 0 })],
    ['wsdSqrt', warmupStableDecay({ ...plan, decaySteps: 25 })],
    ['wsdLinear', warmupStableDecay({ ...plan, decaySteps: 25, shape: 'linear' })],
    ['wsdCosine', warmupStableDecay({ learningRate: 0.3, steps: 100, decaySteps: 25, shape: 'cosine' })],
  ] as const)('transformers’ %s', (name, schedule) => {
    expectClose(rates(schedule), references[name]?.slice(1) ?? [], 1e-12);
  });
});

describe('by hand', () => {
  it('warm-up, plateau, decay: 2, 4, 4, 4 and 4 (f + (1 − f)(1 − √¼)) = 2.4 half way of √', () => {
    const schedule = warmupStableDecay({
      learningRate: 4,
      warmupSteps: 2,
      steps: 8,
      decaySteps: 4,
      finalFraction: 0.2,
    });
    expectClose([1, 2, 3, 4, 5, 8, 9].map(schedule), [2, 4, 4, 4, 2.4, 0.8, 0.8], 1e-12);
  });

  it('linear: after the warm-up of 2, from 4 to 1 in 6 steps', () => {
    const schedule = warmupLinear({ learningRate: 4, warmupSteps: 2, steps: 8, finalFraction: 0.25 });
    expectClose([1, 2, 3, 5, 8, 20].map(schedule), [2, 4, 3.5, 2.5, 1, 1], 1e-12);
  });

  it('by epochs of 10 steps: 0.1 for epochs 1 and 2, then 0.05', () => {
    const schedule = perEpoch(stepDecay({ learningRate: 0.1, every: 2, factor: 0.5 }), 10);
    expectClose([1, 10, 20, 21, 40, 41].map(schedule), [0.1, 0.1, 0.1, 0.05, 0.05, 0.025], 1e-12);
  });

  it('all take the options of a training, and stay within 0 and the highest rate', () => {
    const options = fc
      .record({ steps: fc.integer({ min: 1, max: 200 }), warmup: fc.double({ min: 0, max: 1, noNaN: true }) })
      .map(({ steps, warmup }) =>
        trainOptions.parse({ steps, batchSize: 1, learningRate: 0.5, warmupSteps: Math.floor(steps * warmup) }),
      );
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 300 }), (given, step) => {
        const decaySteps = given.steps - given.warmupSteps;
        for (const schedule of [
          warmupCosine(given),
          warmupLinear(given),
          warmupStableDecay({ ...given, decaySteps }),
        ]) {
          expect(schedule(step)).toBeGreaterThan(0);
          expect(schedule(step)).toBeLessThanOrEqual(0.5);
          if (step >= given.steps && decaySteps > 0) expect(schedule(step)).toBeCloseTo(0.05, 12);
        }
      }),
    );
  });
});
