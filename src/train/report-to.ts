import type { OnProgress } from '../progress.js';
import type { OnTrainEvent } from './event.js';
import { statisticsMetrics } from './statistics.js';
import { prefixed } from './train.js';

/** Receives a row of numbers of a step. */
export type OnMetrics = (step: number, values: Record<string, number>) => void;

/**
 * Events as rows of metrics and as progress: one row a step, with what its evaluation gave, and a line with loss, rate, time left and
 * learning rate.
 *
 * @param now milliseconds, for the time left
 * @example
 * await train(model, { …, on: reportTo('sft', metrics, progress) });
 */
export function reportTo(
  task: string,
  metrics: OnMetrics | undefined,
  progress: OnProgress | undefined,
  now: () => number = () => performance.now(),
): OnTrainEvent {
  const left = timeLeft();
  return (event) => {
    switch (event.type) {
      case 'step': {
        const { step, steps, result, scalars, seconds, compiles, size, unit } = event;
        const { loss, gradientNorm, parts, watched, skipped, lossScale, statistics } = result;
        const rates = Object.entries(scalars).filter(([name]) => name.endsWith('learningRate'));
        const [[, learningRate] = []] = rates;
        const rate = size / seconds;
        metrics?.(step, {
          loss,
          gradientNorm,
          ...prefixed('loss', parts),
          ...watched,
          ...Object.fromEntries(rates),
          ...(skipped && { skipped: 1 }),
          ...(lossScale !== undefined && { lossScale }),
          ...(statistics && statisticsMetrics(statistics)),
          ...(!compiles && { [`${unit}PerSecond`]: rate }),
        });
        const secondsLeft = left(step, steps, now(), compiles);
        const note = [
          `loss ${loss.toFixed(3)}`,
          ...(compiles ? [] : [`${Math.round(rate).toLocaleString('en')} ${unit}/s`]),
          ...(secondsLeft === undefined || step === steps ? [] : [`${leftText(secondsLeft)} left`]),
          ...(learningRate === undefined ? [] : [`learning rate ${learningRate.toExponential(1)}`]),
        ];
        progress?.({ task, done: step, total: steps, note: note.join(', ') });
        break;
      }
      case 'evaluation':
        metrics?.(event.step, { ...event.scores });
        break;
      case 'spike':
        metrics?.(event.step, { spike: 1 });
        break;
      case 'energy':
        metrics?.(event.step, { energyJoules: event.energy.joules });
        break;
      default:
        break;
    }
  };
}

/** Steps that the time left is judged by: evaluations and checkpoints are among them. */
const lately = 100;

/** Seconds left, by the mean time of a step lately, of those that did not compile. */
function timeLeft(): (step: number, steps: number, now: number, compiles: boolean) => number | undefined {
  let times: { readonly step: number; readonly now: number }[] = [];
  return (step, steps, now, compiles) => {
    times = compiles ? [{ step, now }] : [...times.slice(-lately), { step, now }];
    const [first = { step, now }] = times;
    return step === first.step ? undefined : ((now - first.now) / 1000 / (step - first.step)) * (steps - step);
  };
}

/** `40 s`, `12 min`, `3 h 20 min`: no finer than it is known. */
function leftText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
