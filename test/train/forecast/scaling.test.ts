import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoder } from '../../../src/model/decoder.js';
import { forecast } from '../../../src/train/forecast/forecast.js';
import { ringBytes, ringSeconds, scaling, scalingFigure } from '../../../src/train/forecast/scaling.js';

const step = { flops: 3e12, gradientBytes: 4e8, tokens: 1000 };
const cluster = { flops: 1e12, bandwidth: 1e9, latency: 1e-3 };

describe('a ring all-reduce', () => {
  it('by hand: 4 workers pass parts of 100 bytes round, 3 times to add them up and 3 times to give the sums', () => {
    expect(ringBytes(4, 400)).toBe(6 * 100);
    expect(ringSeconds(4, 400, { bandwidth: 50, latency: 1 })).toBe(6 * (1 + 2));
    expect([ringBytes(1, 400), ringSeconds(1, 400, { bandwidth: 50, latency: 1 })]).toEqual([0, 0]);
  });
});

describe('scaling', () => {
  it('by hand, weak: 3 s of computing, 2 (1 ms + 0.2 s) of adding up', () => {
    const [, two] = scaling(step, cluster);
    expect(two?.stepSeconds).toBeCloseTo(3.402, 9);
    expect(two?.tokensPerSecond).toBeCloseTo(2000 / 3.402, 6);
    expect(two?.efficiency).toBeCloseTo(3 / 3.402, 9);
  });

  it('by hand, strong: half of the computing, the same sum', () => {
    const [, two] = scaling(step, cluster, { mode: 'strong' });
    expect(two?.stepSeconds).toBeCloseTo(1.902, 9);
    expect(two?.tokensPerSecond).toBeCloseTo(1000 / 1.902, 6);
    expect(two?.efficiency).toBeCloseTo(1.5 / 1.902, 9);
  });

  it('by hand, overlap: ⅔ of 3 s is backward, a tenth of it hides 0.2 s', () => {
    const [, two] = scaling(step, { ...cluster, overlap: 0.1 });
    expect(two?.stepSeconds).toBeCloseTo(3.202, 9);
    expect(scaling(step, { ...cluster, overlap: 1 })[1]?.efficiency).toBe(1);
  });

  it('leaves out workers among which the rows cannot be shared', () => {
    const rows = scaling(step, cluster, { mode: 'strong', rows: 24 });
    expect(rows.map(({ workers }) => workers)).toEqual([1, 2, 4, 8]);
  });

  it('one worker is fully efficient; more are never more efficient, and never slower in all with weak scaling', () => {
    const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(
        positive,
        positive,
        positive,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (flops, bytes, speed, overlap) => {
          const rows = scaling(
            { flops, gradientBytes: bytes, tokens: 1 },
            { flops: 1, bandwidth: speed, latency: 0, overlap },
          );
          const efficiencies = rows.map(({ efficiency }) => efficiency);
          expect(efficiencies[0]).toBe(1);
          expect(efficiencies).toEqual([...efficiencies].sort((a, b) => b - a));
        },
      ),
    );
  });

  it('refuses what no cluster has', () => {
    expect(() => scaling(step, { ...cluster, bandwidth: 0 })).toThrow(/bandwidth is out of range/);
    expect(() => scaling(step, { ...cluster, latency: -1 })).toThrow(/latency is out of range/);
    expect(() => scaling(step, { ...cluster, overlap: 2 })).toThrow(/overlap is out of range/);
  });

  it('draws efficiency in per cent against workers', () => {
    const { data } = scalingFigure(scaling(step, cluster));
    expect(data[0]).toMatchObject({ x: expect.arrayContaining([1, 1024]) as number[] });
    expect((data[0] as { y: number[] }).y[1]).toBeCloseTo(300 / 3.402, 6);
  });
});

describe('forecast', () => {
  const architecture = decoder({ layers: 2, width: 64, heads: 2, context: 32, vocabularySize: 100 });
  const options = { batchSize: 4, tokens: 12_800, cluster, diskBandwidth: 1e6, restartSeconds: 10 };

  it('by hand: 100 steps of 128 tokens; with two workers 50', () => {
    const { flops, rows, bytes, checkpointSeconds } = forecast(architecture, options);
    expect(flops.step).toBe(3 * architecture.flopsPerToken * 128);
    expect(flops.total).toBe(100 * flops.step);
    expect(rows.slice(0, 2).map(({ steps }) => steps)).toEqual([100, 50]);
    expect(bytes.checkpoint).toBe(12 * architecture.numParameters);
    expect(checkpointSeconds).toBe(bytes.checkpoint / 1e6);
    expect(rows[0]?.seconds).toBeCloseTo(flops.total / 1e12, 9);
    expect(rows[0]?.cost).toBeUndefined();
  });

  it('with prices each row has its cost', () => {
    const { rows } = forecast(architecture, { ...options, prices: { pricePerHour: 3600 } });
    const seconds = (rows[0]?.seconds ?? 0) + (12 * architecture.numParameters) / 1e6; // and a last checkpoint
    expect(rows[0]?.cost?.kept.cost).toBeCloseTo(seconds, 6);
  });

  it('makes the plan fit, and counts with what it then is', () => {
    const whole = forecast(architecture, { ...options, batchSize: 512 });
    const fitted = forecast(architecture, { ...options, batchSize: 512, memory: 0.8 * whole.memory.total });
    expect(fitted.fitted?.changes.length).toBeGreaterThan(0);
    expect(fitted.memory.total).toBeLessThanOrEqual(0.8 * whole.memory.total);
  });
});
