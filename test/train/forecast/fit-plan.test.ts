import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrainbookError } from '../../../src/error.js';
import { decoder } from '../../../src/model/decoder.js';
import { fitPlan } from '../../../src/train/forecast/fit-plan.js';
import { stepFlops, stepWork } from '../../../src/train/forecast/step-flops.js';
import { trainingMemory } from '../../../src/train/forecast/training-memory.js';

const architecture = decoder({ layers: 6, width: 256, heads: 4, context: 256, vocabularySize: 8192 });
const plan = { batchSize: 16 };
const whole = trainingMemory(architecture, plan).total;

/** The least memory that any plan needs, as the error says it, in bytes. */
function least(): number {
  try {
    fitPlan(architecture, plan, { memory: 1 });
  } catch (error) {
    const { expected = '' } = (error as TrainbookError).parts;
    return Number(/at least ([\d,]+) MB/.exec(expected)?.[1]?.replaceAll(',', '')) * 1e6;
  }
  throw new Error('it fitted');
}

describe('stepFlops', () => {
  it('by hand: 3 forward passes; recomputation adds the blocks but for `down`', () => {
    const small = decoder({ layers: 2, width: 8, heads: 2, context: 4, vocabularySize: 10, hidden: 16 });
    // A token's forward pass: a block has 4 × 8 × 8 + 3 × 8 × 16 = 640 weights and 4 × 8 × 4 = 128 FLOPs of attention; logits 2 × 80.
    const [blocks, logits] = [2 * (2 * 640 + 128), 160];
    expect(stepFlops(small, { batchSize: 3 })).toBe(12 * 3 * (blocks + logits));
    expect(stepFlops(small, { batchSize: 3, recompute: true })).toBe(12 * (4 * blocks + 3 * logits - 2 * 2 * 128));
  });
});

describe('stepWork', () => {
  it('by hand: each of 2 pieces reads and adds 4 bytes a weight and writes the sum, at 10 FLOPs a byte', () => {
    const options = { batchSize: 16, microBatch: 8 };
    const sums = 2 * 12 * architecture.numParameters;
    expect(stepWork(architecture, options, 10)).toBe(stepFlops(architecture, options) + 10 * sums);
    expect(stepWork(architecture, { batchSize: 16 }, 10)).toBe(stepFlops(architecture, { batchSize: 16 }));
    const ofTwo = stepWork(architecture, { batchSize: 16, workers: 2 });
    expect(ofTwo).toBe(stepFlops(architecture, { batchSize: 8 }));
  });
});

describe('fitPlan', () => {
  it('leaves a plan that fits as it is', () => {
    const { settings, changes, slowdown } = fitPlan(architecture, plan, { memory: whole });
    expect(settings).toEqual({ microBatch: undefined, lossChunks: 1, recompute: false, optimizerState: 'float32' });
    expect([changes, slowdown]).toEqual([[], 1]);
  });

  it('takes the largest pieces that fit first', () => {
    const { changes, slowdown } = fitPlan(architecture, plan, { memory: 0.6 * whole });
    expect(changes).toEqual(['microBatch 16 → 4']);
    expect(slowdown).toBeGreaterThan(1);
    expect(slowdown).toBeLessThan(1.1);
  });

  it('changes the optimizer’s state only where all else is not enough', () => {
    expect(fitPlan(architecture, plan, { memory: least() }).settings.optimizerState).toBe('int8');
    const exact = trainingMemory(architecture, { ...plan, microBatch: 1, lossChunks: 64, recompute: true }).total;
    expect(fitPlan(architecture, plan, { memory: 1.02 * exact }).settings.optimizerState).toBe('float32');
  });

  it('says the least that it needs, and that is enough', () => {
    expect(() => fitPlan(architecture, plan, { memory: 10e6 })).toThrow(/does not fit.*\n.*10 MB\n.*at least \d+ MB/);
    expect(fitPlan(architecture, plan, { memory: least() }).memory.total).toBeLessThanOrEqual(least());
    expect(() => fitPlan(architecture, plan, { memory: least() - 2e6 })).toThrow(TrainbookError);
  });

  it('keeps what the plan has already', () => {
    const given = { batchSize: 16, microBatch: 4, recompute: true, optimizerState: 'bfloat16' } as const;
    const { settings } = fitPlan(architecture, given, { memory: 0.97 * trainingMemory(architecture, given).total });
    expect(settings.recompute).toBe(true);
    expect(settings.microBatch).toBeLessThanOrEqual(4);
    expect(settings.optimizerState).not.toBe('float32');
  });

  const models = fc.record({
    layers: fc.integer({ min: 1, max: 12 }),
    width: fc.constantFrom(32, 128, 512),
    heads: fc.constantFrom(2, 4),
    context: fc.constantFrom(32, 256, 1024),
    vocabularySize: fc.constantFrom(64, 1000, 50_000),
  });
  const plans = fc.record({
    batchSize: fc.constantFrom(1, 6, 16, 64),
    lossChunks: fc.constantFrom(1, 2),
    recompute: fc.boolean(),
    optimizerState: fc.constantFrom('float32', 'bfloat16'),
  });

  it('what it proposes fits by the estimate, and is never slower with more memory', () => {
    fc.assert(
      fc.property(models, plans, fc.integer({ min: 1, max: 9 }), (model, given, seed) => {
        const decoded = decoder(model);
        const most = trainingMemory(decoded, given).total;
        const parts = Array.from({ length: 8 }, (_, index) => (index + 1 + seed / 10) / 8);
        const slowdowns = parts.map((part) => {
          const memory = part * most;
          try {
            const fitted = fitPlan(decoded, given, { memory });
            expect(fitted.memory.total).toBeLessThanOrEqual(memory);
            expect(trainingMemory(decoded, { ...given, ...fitted.settings })).toEqual(fitted.memory);
            return fitted.slowdown;
          } catch (error) {
            if (error instanceof TrainbookError) return Infinity;
            throw error;
          }
        });
        expect(slowdowns).toEqual([...slowdowns].sort((a, b) => b - a));
        expect(slowdowns.at(-1)).toBe(1);
      }),
      { numRuns: 12 },
    );
  });
});
