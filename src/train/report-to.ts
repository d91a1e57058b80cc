import type { OnProgress } from '../progress.js';
import type { OnTrainEvent } from './event.js';
import { prefixed } from './train.js';

/** Receives a row of numbers of a step. */
export type OnMetrics = (step: number, values: Record<string, number>) => void;

/**
 * Events as rows of metrics and as progress: one row a step, with what its evaluation gave, and a line with loss, rate and time left.
 *
 * @example
 * await train(model, { …, on: reportTo('sft', metrics, progress) });
 */
export function reportTo(task: string, metrics: OnMetrics | undefined, progress: OnProgress | undefined): OnTrainEvent {
  return (event) => {
    switch (event.type) {
      case 'step': {
        const { step, steps, result, scalars, seconds, compiles, size, unit } = event;
        const { loss, gradientNorm, parts, skipped, lossScale } = result;
        const rates = Object.entries(scalars).filter(([name]) => name.endsWith('learningRate'));
        const rate = size / seconds;
        metrics?.(step, {
          loss,
          gradientNorm,
          ...prefixed('loss', parts),
          ...Object.fromEntries(rates),
          ...(skipped && { skipped: 1 }),
          ...(lossScale !== undefined && { lossScale }),
          ...(!compiles && { [`${unit}PerSecond`]: rate }),
        });
        const speed = compiles ? '' : `, ${Math.round(rate).toLocaleString('en')} ${unit}/s`;
        progress?.({ task, done: step, total: steps, note: `loss ${loss.toFixed(3)}${speed}` });
        break;
      }
      case 'evaluation':
        metrics?.(event.step, { ...event.scores });
        break;
      default:
        break;
    }
  };
}
