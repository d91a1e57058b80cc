import { TrainbookError } from '../../error.js';

/** What stands between a training and its end. */
export interface Interruptions {
  /** Mean seconds between two interruptions of the whole job; Infinity if there are none. */
  readonly meanSeconds: number;
  /** Seconds that writing a checkpoint takes. */
  readonly checkpointSeconds: number;
  /** Seconds from an interruption until the training goes on from its checkpoint. */
  readonly restartSeconds: number;
}

/** How long a training takes with interruptions. */
export interface ExpectedTime {
  /** Seconds of work between two checkpoints. */
  readonly interval: number;
  /** Expected seconds from the start to the end. */
  readonly seconds: number;
  /** Of these: writing checkpoints, and work that is lost and starting again. */
  readonly checkpointing: number;
  readonly lost: number;
}

/**
 * The seconds of work between checkpoints that cost least. To first order √(2 C M), with C seconds for a checkpoint and M between
 * interruptions: Young 1974, "A first order approximation to the optimum checkpoint interval". Here with the higher orders of Daly 2006, "A higher order
 * estimate of the optimum checkpoint interval for restart dumps":
 *
 *   τ = √(2 C M) (1 + ⅓ √(C/2M) + ⅑ C/2M) − C for C < 2 M, else M.
 *
 * @example
 * checkpointInterval({ meanSeconds: 86_400, checkpointSeconds: 30 }); // 2257
 */
export function checkpointInterval({
  meanSeconds,
  checkpointSeconds,
}: Pick<Interruptions, 'meanSeconds' | 'checkpointSeconds'>): number {
  if (checkpointSeconds >= 2 * meanSeconds) return meanSeconds;
  if (meanSeconds === Infinity) return Infinity;
  const half = checkpointSeconds / (2 * meanSeconds);
  return Math.sqrt(2 * checkpointSeconds * meanSeconds) * (1 + Math.sqrt(half) / 3 + half / 9) - checkpointSeconds;
}

/**
 * Expected seconds of a training of `work` seconds, if interruptions come at random (exponentially, at any time, also while a checkpoint is
 * written or read):
 *
 *   M e^(R/M) (e^((τ + C)/M) − 1) work/τ,
 *
 * Daly 2006, equation 20: R seconds for a restart, τ of work between checkpoints. Without interruptions: work (1 + C/τ).
 *
 * @param interval Default: `checkpointInterval`, but no longer than the training.
 * @throws TrainbookError if a number is negative, or no time passes between interruptions.
 * @example
 * expectedTime(7 * 86_400, { meanSeconds: 86_400, checkpointSeconds: 30, restartSeconds: 300 }).seconds / 3600; // 173
 */
export function expectedTime(work: number, interruptions: Interruptions, interval?: number): ExpectedTime {
  const { meanSeconds: mean, checkpointSeconds, restartSeconds } = interruptions;
  checkTimes(work, interruptions);
  const between = Math.min(interval ?? checkpointInterval(interruptions), work);
  const checkpointing = between === 0 ? 0 : (checkpointSeconds * work) / between; // 0 only where a checkpoint takes no time
  const seconds =
    Math.exp(restartSeconds / mean) * stretched(between + checkpointSeconds, mean) * (work + checkpointing);
  return { interval: between, seconds, checkpointing, lost: seconds - work - checkpointing };
}

/** M (e^(t/M) − 1) / t: how much longer it takes to get through t seconds without an interruption than t. */
function stretched(seconds: number, mean: number): number {
  const part = seconds / mean;
  return part === 0 ? 1 : Math.expm1(part) / part;
}

/** What machines cost. */
export interface Prices {
  /** Of a worker, in an hour, in any currency. */
  readonly pricePerHour: number;
  /** The part that a worker costs less where it may be taken away at any time, 0 to 1. */
  readonly spotDiscount?: number;
  /** Interruptions of a worker in a day, where it may be taken away. */
  readonly interruptionsPerDay?: number;
}

/** What a training costs on a number of workers. */
export interface TrainingCost {
  readonly workers: number;
  /** Workers that stay: no interruptions, and no checkpoints but the last. */
  readonly kept: { readonly seconds: number; readonly cost: number };
  /** Workers that may be taken away. */
  readonly spot: ExpectedTime & { readonly cost: number };
}

const secondsPerDay = 86_400;

/**
 * What a training costs: hours × workers × price. The interruption of one worker stops all of them, so that n are stopped n times as
 * often as one.
 *
 * @param work Seconds of a training on these workers that nothing interrupts.
 * @example
 * trainingCost(86_400, 8, { checkpointSeconds: 10, restartSeconds: 300 }, { pricePerHour: 2, spotDiscount: 0.6, interruptionsPerDay: 1 });
 */
export function trainingCost(
  work: number,
  workers: number,
  times: Pick<Interruptions, 'checkpointSeconds' | 'restartSeconds'>,
  { pricePerHour, spotDiscount = 0, interruptionsPerDay = 0 }: Prices,
): TrainingCost {
  checkPrices({ pricePerHour, spotDiscount, interruptionsPerDay });
  const meanSeconds = interruptionsPerDay === 0 ? Infinity : secondsPerDay / (interruptionsPerDay * workers);
  const price = (seconds: number): number => (seconds / 3600) * workers * pricePerHour;
  const spot = expectedTime(work, { ...times, meanSeconds });
  const seconds = work + times.checkpointSeconds;
  return {
    workers,
    kept: { seconds, cost: price(seconds) },
    spot: { ...spot, cost: price(spot.seconds) * (1 - spotDiscount) },
  };
}

function checkTimes(work: number, { meanSeconds, checkpointSeconds, restartSeconds }: Interruptions): void {
  const wrong = Object.entries({ work, checkpointSeconds, restartSeconds }).find(([, value]) => !(value >= 0));
  const [name, value] = wrong ?? ['meanSeconds', meanSeconds];
  if (wrong === undefined && meanSeconds > 0) return;
  throw new TrainbookError({
    what: `expectedTime: ${name} is out of range`,
    received: value,
    expected: wrong === undefined ? 'a positive number of seconds' : 'seconds, 0 or more',
  });
}

function checkPrices({ pricePerHour, spotDiscount, interruptionsPerDay }: Required<Prices>): void {
  const isPart = spotDiscount >= 0 && spotDiscount <= 1;
  const wrong = Object.entries({ pricePerHour, interruptionsPerDay }).find(([, value]) => !(value >= 0));
  if (isPart && wrong === undefined) return;
  const [name, value] = wrong ?? ['spotDiscount', spotDiscount];
  throw new TrainbookError({
    what: `trainingCost: ${name} is out of range`,
    received: value,
    expected: wrong === undefined ? 'a part, 0 to 1' : 'a number, 0 or more',
  });
}
