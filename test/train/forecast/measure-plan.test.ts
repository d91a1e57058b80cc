import { beforeAll, expect, it } from 'vitest';
import { decoder } from '../../../src/model/decoder.js';
import { measurePlan, type MeasuredPlan } from '../../../src/train/forecast/measure-plan.js';

const architecture = decoder({ layers: 1, width: 16, heads: 2, context: 8, vocabularySize: 50 });

/** What others are compared with. */
let plain: MeasuredPlan;
beforeAll(async () => {
  plain = await measurePlan(architecture, { batchSize: 4 }, { steps: 2 });
}, 300_000);

it(
  'measures steps in a process of its own; settings of memory and speed give the same losses',
  { timeout: 300_000 },
  async () => {
    const saving = await measurePlan(
      architecture,
      { batchSize: 4, microBatch: 2, recompute: true, lossChunks: 2 },
      { steps: 2 },
    );
    expect(plain.losses).toHaveLength(3);
    expect(plain.losses[0]).toBeCloseTo(Math.log(50), 1);
    expect(plain.losses[2]).toBeLessThan(plain.losses[0] ?? 0);
    plain.losses.forEach((loss, step) => {
      expect(saving.losses[step]).toBeCloseTo(loss, 4);
    });
    expect(plain.secondsPerStep).toBeGreaterThan(0);
    if (process.platform === 'linux') expect(plain.peakBytes).toBeGreaterThan(1e6);
  },
);

it('measures two processes that share each batch', { timeout: 300_000 }, async () => {
  const shared = await measurePlan(architecture, { batchSize: 4 }, { steps: 2, processes: 2 });
  expect(shared.losses).toHaveLength(3);
  shared.losses.forEach((loss, step) => {
    expect(loss).toBeCloseTo(plain.losses[step] ?? NaN, 4);
  });
  await expect(measurePlan(architecture, { batchSize: 3 }, { processes: 2 })).rejects.toThrow(/3 rows.*2 processes/);
});

it('says what failed in the process', { timeout: 300_000 }, async () => {
  await expect(measurePlan(architecture, { batchSize: 4, microBatch: 3 })).rejects.toThrow(
    /process that took the steps failed[\s\S]*4 rows in pieces of 3/,
  );
});
