import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { key, uniformNumbers } from '../../../src/engine/key.js';
import { checkpointInterval, expectedTime, trainingCost } from '../../../src/train/forecast/cost-of-training.js';

const day = 86_400;

describe('checkpointInterval', () => {
  it('by hand: C = 8, M = 100: √1600 (1 + ⅓ √0.04 + ⅑ 0.04) − 8', () => {
    const interval = checkpointInterval({ meanSeconds: 100, checkpointSeconds: 8 });
    expect(interval).toBeCloseTo(40 * (1 + 0.2 / 3 + 0.04 / 9) - 8, 9);
  });

  it('is Young’s √(2CM) where checkpoints are short, and M where they are not', () => {
    expect(checkpointInterval({ meanSeconds: 1e8, checkpointSeconds: 1 }) / Math.sqrt(2e8)).toBeCloseTo(1, 3);
    expect(checkpointInterval({ meanSeconds: 10, checkpointSeconds: 20 })).toBe(10);
  });

  it('no other interval is noticeably better', () => {
    const seconds = fc.double({ min: 0.1, max: 300, noNaN: true });
    const mean = fc.double({ min: 1000, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        seconds,
        mean,
        fc.double({ min: 0.05, max: 20, noNaN: true }),
        (checkpointSeconds, meanSeconds, times) => {
          const interruptions = { checkpointSeconds, meanSeconds, restartSeconds: 60 };
          const best = expectedTime(1e9, interruptions);
          const other = expectedTime(1e9, interruptions, times * best.interval);
          expect(other.seconds / best.seconds).toBeGreaterThan(0.999);
        },
      ),
    );
  });
});

describe('expectedTime', () => {
  it('by hand: work, its checkpoints, and nothing lost where nothing interrupts', () => {
    const time = expectedTime(1000, { meanSeconds: Infinity, checkpointSeconds: 5, restartSeconds: 60 }, 100);
    expect(time).toEqual({ interval: 100, seconds: 1050, checkpointing: 50, lost: 0 });
  });

  it('by hand: one interval of T = τ + C takes M e^(R/M) (e^(T/M) − 1)', () => {
    // A first try runs M (1 − e^(−T/M)) on average and fails with chance 1 − e^(−T/M); then R + T must pass without an interruption, which
    // takes M (e^((R+T)/M) − 1). Together: M (1 − e^(−T/M)) e^((R+T)/M).
    const [M, R, T] = [50, 7, 30];
    const first = M * (1 - Math.exp(-T / M));
    const byHand = first + (1 - Math.exp(-T / M)) * M * (Math.exp((R + T) / M) - 1);
    const times = { meanSeconds: M, checkpointSeconds: 4, restartSeconds: R };
    expect(expectedTime(26, times, 26).seconds).toBeCloseTo(byHand, 9);
  });

  it('is the mean of simulated trainings', () => {
    const [mean, checkpointSeconds, restartSeconds, interval, count] = [100, 5, 10, 40, 10];
    const draws = uniformNumbers(key(5), 200_000);
    let next = 0;
    const untilInterrupted = (): number => -mean * Math.log(1 - (draws[next++ % draws.length] ?? 0));
    let total = 0;
    const numTrainings = 2000;
    for (let training = 0; training < numTrainings; training++) {
      for (let piece = 0; piece < count; piece++) {
        let needed = interval + checkpointSeconds;
        for (let until = untilInterrupted(); until < needed; until = untilInterrupted()) {
          total += until;
          needed = restartSeconds + interval + checkpointSeconds;
        }
        total += needed;
      }
    }
    const predicted = expectedTime(
      interval * count,
      { meanSeconds: mean, checkpointSeconds, restartSeconds },
      interval,
    );
    expect(total / numTrainings / predicted.seconds).toBeCloseTo(1, 1.7);
  });

  it('without time for checkpoints only restarts are lost', () => {
    const { seconds } = expectedTime(day, { meanSeconds: day, checkpointSeconds: 0, restartSeconds: 600 });
    expect(seconds).toBeCloseTo(day * Math.exp(600 / day), 6);
  });

  it('refuses times that no clock shows', () => {
    const times = { meanSeconds: 1, checkpointSeconds: 1, restartSeconds: 1 };
    expect(() => expectedTime(-1, times)).toThrow(/work is out of range/);
    expect(() => expectedTime(1, { ...times, meanSeconds: 0 })).toThrow(/meanSeconds is out of range/);
    expect(() => expectedTime(1, { ...times, restartSeconds: NaN })).toThrow(/restartSeconds is out of range/);
  });
});

describe('trainingCost', () => {
  const times = { checkpointSeconds: 36, restartSeconds: 300 };

  it('by hand: 10 hours on 8 workers at 2 an hour, and a last checkpoint', () => {
    const { kept, spot } = trainingCost(36_000 - 36, 8, times, { pricePerHour: 2 });
    expect(kept.cost).toBe(160);
    expect(spot.lost).toBe(0);
    expect(spot.cost).toBe(160);
  });

  it('by hand: workers that may be taken away: all stop when one does, 16 times a day with 8 of 2 a day', () => {
    const { spot } = trainingCost(10 * day, 8, times, { pricePerHour: 2, spotDiscount: 0.75, interruptionsPerDay: 2 });
    const expected = expectedTime(10 * day, { ...times, meanSeconds: day / 16 });
    expect(spot.seconds).toBe(expected.seconds);
    expect(spot.cost).toBeCloseTo((expected.seconds / 3600) * 8 * 2 * 0.25, 6);
    expect(spot.seconds).toBeGreaterThan(10 * day + spot.checkpointing);
  });

  it('refuses a discount above all of the price', () => {
    expect(() => trainingCost(1, 1, times, { pricePerHour: 1, spotDiscount: 1.5 })).toThrow(
      /spotDiscount is out of range/,
    );
    expect(() => trainingCost(1, 1, times, { pricePerHour: -1 })).toThrow(/pricePerHour is out of range/);
  });
});
