import { TrainbookError } from '../../error.js';
import type { Figure } from '../../figure.js';

/** What a search for a learning rate needs. */
export interface FindLearningRateOptions {
  /** One training step with this rate; resolves to its loss. `number` counts from 1. The training is spoilt afterwards: give a copy. */
  readonly step: (learningRate: number, number: number) => Promise<number>;
  /** The lowest rate. Default 1e-7. */
  readonly from?: number;
  /** The highest. Default 10. */
  readonly to?: number;
  /** Steps from the one to the other. Default 100. */
  readonly steps?: number;
  /** Decay of the mean of losses. Default 0.9, which looks back some 10 steps. */
  readonly smoothing?: number;
  /** The search ends where the smoothed loss is so many times its lowest. Default 4. */
  readonly divergence?: number;
}

/** What was tried, and which rate it suggests. */
export interface LearningRateSearch {
  readonly rates: readonly number[];
  /** The loss before the step with each rate. */
  readonly losses: readonly number[];
  readonly smoothed: readonly number[];
  /** Whether the loss grew past all bounds; otherwise the highest rate was reached. */
  readonly diverged: boolean;
  /** The rate at which the smoothed loss falls fastest; smoothing puts it some 1 / (1 − β) steps late. */
  readonly steepest: number;
  /** A tenth of the rate with the lowest smoothed loss. */
  readonly tenthOfLowest: number;
  /** The lower of these two. */
  readonly suggested: number;
}

/**
 * A learning-rate range test: the rate rises from step to step by one factor, η_i = from · (to / from)^(i / (steps − 1)), until the loss
 * diverges. Rates much too low change nothing, those much too high destroy the weights; good ones lie where the loss falls.
 * Losses are smoothed by m ← β m + (1 − β) l, corrected for its start: m / (1 − βⁱ). Smith 2015 (1506.01186), Gugger 2018.
 *
 * @throws TrainbookError if an option is out of range, or the loss diverges within the first steps.
 * @example
 * const found = await findLearningRate({ step: async (rate, number) => train(rate, number), from: 1e-6, to: 1 });
 * await show(learningRateFigure(found));
 */
export async function findLearningRate({
  step,
  from = 1e-7,
  to = 10,
  steps = 100,
  smoothing = 0.9,
  divergence = 4,
}: FindLearningRateOptions): Promise<LearningRateSearch> {
  check({ from, to, steps, smoothing, divergence });
  const rates: number[] = [];
  const losses: number[] = [];
  const smoothed: number[] = [];
  let mean = 0;
  let diverged = false;
  for (let number = 1; number <= steps && !diverged; number++) {
    const rate = from * (to / from) ** ((number - 1) / (steps - 1));
    const loss = await step(rate, number);
    mean = smoothing * mean + (1 - smoothing) * loss;
    const current = mean / (1 - smoothing ** number);
    diverged = !Number.isFinite(loss) || current > divergence * Math.min(...smoothed);
    if (!Number.isFinite(loss)) break; // nothing to draw, and the mean is spoilt
    rates.push(rate);
    losses.push(loss);
    smoothed.push(current);
  }
  if (rates.length < 3) {
    throw new TrainbookError({
      what: 'findLearningRate: the loss diverged at once',
      received: `losses ${losses.join(', ')}, then one that is not finite or ${divergence} times the lowest`,
      expected: 'at least 3 steps with a finite loss',
      fix: `lower from, which is ${from}`,
    });
  }
  const steepest = rates[indexOfLowest(slopes(smoothed))] ?? from;
  const tenthOfLowest = (rates[indexOfLowest(smoothed)] ?? from) / 10;
  return { rates, losses, smoothed, diverged, steepest, tenthOfLowest, suggested: Math.min(steepest, tenthOfLowest) };
}

/** Loss against rate, and the suggestions. */
export function learningRateFigure({ rates, losses, smoothed, steepest, tenthOfLowest }: LearningRateSearch): Figure {
  const lowest = Math.min(...losses);
  const highest = Math.max(...smoothed.slice(0, Math.ceil(smoothed.length / 2))); // divergence would flatten the rest
  const room = 0.1 * (highest - lowest || 1);
  const mark = (rate: number, name: string, color: string): Figure['data'][number] => ({
    type: 'scatter',
    mode: 'lines',
    name: `${name}: ${rate.toPrecision(2)}`,
    x: [rate, rate],
    y: [lowest - room, highest + room],
    line: { color, dash: 'dot' },
  });
  return {
    title: 'Learning rate against loss',
    source: `findLearningRate, ${rates.length} steps`,
    data: [
      {
        type: 'scatter',
        mode: 'markers',
        name: 'loss of a step',
        x: [...rates],
        y: [...losses],
        marker: { color: 'rgba(128,136,148,0.5)', size: 4 },
      },
      { type: 'scatter', mode: 'lines', name: 'smoothed', x: [...rates], y: [...smoothed], line: { color: '#3f7fd6' } },
      mark(steepest, 'steepest', '#d0652a'),
      mark(tenthOfLowest, 'a tenth of the lowest', '#4c9a52'),
    ],
    layout: {
      height: 360,
      xaxis: { title: { text: 'learning rate' }, type: 'log', exponentformat: 'power' },
      yaxis: { title: { text: 'loss' }, range: [lowest - 2 * room, highest + 2 * room] },
      showlegend: true,
      legend: { orientation: 'h', x: 0, y: 1.15 },
    },
  };
}

/** Differences of neighbours on both sides; at the ends, of one. Rates are evenly spaced in their logarithm, so these are slopes. */
function slopes(values: readonly number[]): number[] {
  return values.map((_, index) => {
    const before = Math.max(0, index - 1);
    const after = Math.min(values.length - 1, index + 1);
    return ((values[after] ?? NaN) - (values[before] ?? NaN)) / (after - before);
  });
}

function indexOfLowest(values: readonly number[]): number {
  return values.indexOf(Math.min(...values));
}

function check({ from, to, steps, smoothing, divergence }: Required<Omit<FindLearningRateOptions, 'step'>>): void {
  const refuse = (what: string, received: number, expected: string): never => {
    throw new TrainbookError({ what: `findLearningRate: ${what}`, received, expected });
  };
  if (!(from > 0)) refuse('from must be positive', from, 'a rate > 0, such as 1e-7');
  if (!(to > from)) refuse('to must be higher than from', to, `a rate > ${from}`);
  if (!Number.isInteger(steps) || steps < 3) refuse('there are too few steps', steps, 'an integer ≥ 3');
  if (!(smoothing >= 0 && smoothing < 1)) refuse('smoothing must be a decay', smoothing, 'a number in [0, 1)');
  if (!(divergence > 1)) refuse('divergence must be a factor', divergence, 'a number > 1');
}
