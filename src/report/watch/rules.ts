import { median } from '../median.js';

/** One value of a metric. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

/** Something that a person should look at. */
export interface Alert {
  readonly kind: 'not a number' | 'loss spike' | 'stalled' | 'accuracy below the last run';
  /** Whether the run is lost without help, or only worth a look. */
  readonly severity: 'bad' | 'warn';
  readonly run: string;
  readonly stage: string;
  readonly text: string;
}

export interface SpikeOptions {
  /** Finite values before a point that it is compared with (50); fewer than `least` (20) say nothing. */
  readonly window?: number;
  readonly least?: number;
  /** Robust standard deviations above the median of the window (6), and no less than this share of the median (0.1). */
  readonly deviations?: number;
  readonly share?: number;
}

/** A loss that stands out, and the median that it stands out from. */
export interface Spike extends Point {
  readonly median: number;
  /** The first later step at which the loss is under the limit again; undefined while it is not. */
  readonly backAt: number | undefined;
}

/**
 * Losses with x > m + max(6 · 1.4826 · MAD, 0.1 |m|), where m and MAD are the median and the median absolute deviation of the 50
 * values before. 1.4826 makes MAD the standard deviation of normal noise (Rousseeuw and Croux 1993). The second term holds
 * a plateau without noise, the window the fall at the beginning. Points of one spike count once, with its highest value.
 */
export function lossSpikes(
  points: readonly Point[],
  { window = 50, least = 20, deviations = 6, share = 0.1 }: SpikeOptions = {},
): Spike[] {
  const spikes: Spike[] = [];
  let open: { readonly limit: number; readonly median: number; top: Point } | undefined;
  const before: number[] = [];
  for (const { step, value } of points) {
    if (!Number.isFinite(value)) continue;
    if (open !== undefined) {
      if (value > open.top.value) open.top = { step, value };
      if (value > open.limit) continue; // what is out of line is no measure of what is in line
      spikes.push({ ...open.top, median: open.median, backAt: step });
      open = undefined;
    }
    if (before.length >= least) {
      const middle = median(before);
      const noise = 1.4826 * median(before.map((each) => Math.abs(each - middle)));
      const limit = middle + Math.max(deviations * noise, share * Math.abs(middle));
      if (value > limit) {
        open = { limit, median: middle, top: { step, value } };
        continue;
      }
    }
    before.push(value);
    if (before.length > window) before.shift();
  }
  if (open !== undefined) spikes.push({ ...open.top, median: open.median, backAt: undefined });
  return spikes;
}

/** The first point that is no number or infinite. */
export function firstNotFinite(points: readonly Point[]): Point | undefined {
  return points.find(({ value }) => !Number.isFinite(value));
}

/**
 * For how many ms nothing has come, where that is longer than 5 times the longest pause so far and longer than a minute;
 * undefined where all is well, or where too little has come to judge by.
 *
 * @param times of rows, in ms since 1970, in order
 */
export function stalledFor(
  times: readonly number[],
  now: number,
  { pauses = 5, least = 60_000 }: { readonly pauses?: number; readonly least?: number } = {},
): number | undefined {
  const last = times.at(-1);
  if (last === undefined || times.length < 3) return undefined;
  let longest = 0;
  for (let index = 1; index < times.length; index++) {
    longest = Math.max(longest, (times[index] ?? 0) - (times[index - 1] ?? 0));
  }
  const silent = now - last;
  return silent > Math.max(least, pauses * longest) ? silent : undefined;
}

/**
 * How far the newest accuracy is below that of an earlier run at the same step (at the last one before it); undefined where
 * it is not, or where the earlier run was not measured by then.
 */
export function belowLast(
  now: readonly Point[],
  earlier: readonly Point[],
): { readonly now: Point; readonly then: Point } | undefined {
  const newest = now.findLast(({ value }) => Number.isFinite(value));
  if (newest === undefined) return undefined;
  const then = earlier.findLast(({ step, value }) => step <= newest.step && Number.isFinite(value));
  return then !== undefined && newest.value < then.value ? { now: newest, then } : undefined;
}

/** The value below which a share of all lie, between two by linear interpolation (NumPy's default); NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? low;
  return low + (high - low) * (place - Math.floor(place));
}
