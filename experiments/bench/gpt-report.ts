import type { Measurement } from '../../src/commands/bench.js';
import { median, ratios, summarise } from './blocks.js';
import { defaultTargets } from './built.js';
import type { GptStarted } from './gpt-worker.js';

/**
 * How far first losses may differ in nats, and the ratio to reach. bfloat16 has 8 bits: each rounding
 * differs by up to 0.4%.
 */
export const precisions = {
  float32: { tolerance: 1e-3, ratio: 1.05 },
  bfloat16: { tolerance: 1e-2, ratio: 0.9 },
} as const;

/** What a contestant did. */
export interface Result {
  readonly name: string;
  readonly target: string;
  readonly ours: boolean;
  readonly started: GptStarted;
  /** Of each block. */
  readonly tokensPerSecond: readonly number[];
}

/** Figures of all contestants, and ratios of ours to the best of the peers: only where all computed the same losses. */
export function report(
  precision: 'float32' | 'bfloat16',
  results: readonly Result[],
): { measurements: Measurement[]; notes: string[] } {
  const { tolerance, ratio } = precisions[precision];
  const measurements = results.map(({ name, tokensPerSecond }) =>
    summarise(`${precision}: ${name}`, tokensPerSecond, { unit: 'tokens/s' }),
  );
  const notes: string[] = [];
  const ours = results.find(({ target }) => target === defaultTargets[precision]) as Result;
  const peers = results.filter((result) => !result.ours);
  const difference = Math.max(...results.map(({ started }) => farthest(started.losses, ours.started.losses)));
  measurements.push({ figure: `${precision}: first losses differ by at most`, value: difference, unit: 'nats' });
  const comparable = difference <= tolerance;
  if (!comparable) {
    notes.push(
      `${precision}: no ratio: the first losses differ by ${difference.toPrecision(2)}, more than ${tolerance}; ` +
        results.map(({ name, started }) => `${name}: ${started.losses.join(' ')}`).join('; '),
    );
  } else if (peers.length > 0) {
    const best = peers.reduce((a, b) => (median(b.tokensPerSecond) > median(a.tokensPerSecond) ? b : a));
    const goal = { atLeast: ratio };
    measurements.push(
      summarise(`${precision}: ${ours.name} : ${best.name}`, ratios(ours.tokensPerSecond, best.tokensPerSecond), {
        goal,
      }),
    );
  }
  for (const { name, started } of results) {
    const { peakOfSteps, peakWithCompilation, secondsToFirstLoss } = started;
    if (peakOfSteps === null || peakWithCompilation === null) continue;
    measurements.push(
      { figure: `${precision}: ${name}: memory of steps above import`, value: peakOfSteps, unit: 'MB' },
      { figure: `${precision}: ${name}: the same with compilation`, value: peakWithCompilation, unit: 'MB' },
      { figure: `${precision}: ${name}: first loss after`, value: secondsToFirstLoss, unit: 's' },
    );
  }
  if (!comparable) return { measurements, notes };
  const leanest = peers.map(({ started }) => started.peakOfSteps ?? Infinity).sort((a, b) => a - b)[0];
  if (leanest !== undefined && Number.isFinite(leanest) && ours.started.peakOfSteps !== null) {
    measurements.push({
      figure: `${precision}: memory, ${ours.name} : the leaner PyTorch`,
      value: ours.started.peakOfSteps / leanest,
      goal: { atMost: 1.15 },
    });
  }
  return { measurements, notes };
}

/** The largest difference; NaN, which is not below any tolerance, where a loss is none. */
function farthest(losses: readonly number[], others: readonly number[]): number {
  return Math.max(...losses.map((loss, index) => Math.abs(loss - (others[index] ?? NaN))));
}
