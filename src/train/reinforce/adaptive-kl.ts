import { TrainbookError } from '../../error.js';

export interface AdaptiveKlOptions {
  /** β at the start. */
  readonly initial: number;
  /** The KL to keep to, in nats for an answer (the sum over its tokens). */
  readonly target: number;
  /** Over how many answers β may change: an error of 20% held for that many changes it by a factor of about e^0.2. */
  readonly horizon: number;
}

/** A KL coefficient that follows the KL. Its whole state is one number, the coefficient: JSON keeps it to the last bit. */
export interface AdaptiveKl {
  readonly initial: number;
  /** β after `numAnswers` answers whose mean KL was `kl` nats. */
  readonly next: (coefficient: number, measured: { readonly kl: number; readonly numAnswers: number }) => number;
}

/**
 * β ← β · (1 + clip(KL / target − 1, −0.2, 0.2) · answers / horizon): a proportional controller in log space, which rests where KL =
 * target. Ziegler 2019, "Fine-Tuning Language Models from Human Preferences" (1909.08593), section 2.2; K_β = 0.1 there is answers /
 * horizon here.
 *
 * @throws TrainbookError if an option or a measured number is out of range.
 * @example
 * const controller = adaptiveKl({ initial: 0.05, target: 6, horizon: 10_000 });
 * const coefficient = controller.next(controller.initial, { kl: 7.5, numAnswers: 64 }); // 0.05 · (1 + 0.2 · 64 / 10,000)
 */
export function adaptiveKl({ initial, target, horizon }: AdaptiveKlOptions): AdaptiveKl {
  requirePositive('initial', initial, 'reward for a nat of KL, such as 0.05');
  requirePositive('target', target, 'nats for an answer, such as 6');
  requirePositive('horizon', horizon, 'answers, such as 10000');
  return {
    initial,
    next: (coefficient, { kl, numAnswers }) => {
      if (!Number.isFinite(kl)) {
        throw new TrainbookError({
          what: 'adaptiveKl: the measured KL is not finite',
          received: kl,
          expected: 'nats for an answer',
          fix: 'look at the log-probabilities of the step: one of them is −∞ or NaN',
        });
      }
      if (!(numAnswers > 0 && numAnswers < 5 * horizon)) {
        throw new TrainbookError({
          what: 'adaptiveKl: too many answers at once for the horizon, or none',
          received: numAnswers,
          expected: `a number in (0, ${5 * horizon}): at 5 horizons the coefficient could become 0`,
          fix: 'raise the horizon',
        });
      }
      const error = Math.min(0.2, Math.max(-0.2, kl / target - 1));
      return coefficient * (1 + (error * numAnswers) / horizon);
    },
  };
}

function requirePositive(name: string, received: number, unit: string): void {
  if (received > 0 && received < Infinity) return;
  throw new TrainbookError({
    what: `adaptiveKl: ${name} must be positive`,
    received,
    expected: unit,
    fix: `set ${name}`,
  });
}
