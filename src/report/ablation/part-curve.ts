/** Parts that a curve of any length is kept in. */
const MOST_PARTS = 1024;

/** A curve summed up in parts of equal width: part k is of the steps from k·width on. Widths are powers of two, so that parts can be joined. */
export interface PartCurve {
  readonly width: number;
  readonly sum: Float64Array;
  readonly count: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

function empty(width: number, parts: number): PartCurve {
  return {
    width,
    sum: new Float64Array(parts),
    count: new Float64Array(parts),
    low: new Float64Array(parts).fill(Infinity),
    high: new Float64Array(parts).fill(-Infinity),
  };
}

/** A curve in at most 1,024 parts. Values that are no finite numbers are left out. */
export function partCurve(steps: readonly number[], values: readonly number[]): PartCurve {
  const last = steps.reduce((most, step) => Math.max(most, step), 0);
  let width = 1;
  while (Math.floor(last / width) >= MOST_PARTS) width *= 2;
  const curve = empty(width, Math.floor(last / width) + 1);
  const { sum, count, low, high } = curve;
  steps.forEach((step, index) => {
    const value = values[index] ?? Number.NaN;
    const part = Math.floor(step / width);
    if (!Number.isFinite(value) || part < 0) return;
    sum[part] = (sum[part] ?? 0) + value;
    count[part] = (count[part] ?? 0) + 1;
    low[part] = Math.min(low[part] ?? Infinity, value);
    high[part] = Math.max(high[part] ?? -Infinity, value);
  });
  return curve;
}

/** Several curves as one, in parts of a width that is a power of two and no less than any of theirs. */
export function joinCurves(curves: readonly PartCurve[], width: number): PartCurve {
  const end = curves.reduce((most, curve) => Math.max(most, curve.sum.length * curve.width), 0);
  const joined = empty(width, Math.ceil(end / width));
  for (const curve of curves) {
    const ratio = width / curve.width;
    for (let part = 0; part < curve.sum.length; part++) {
      const to = Math.floor(part / ratio);
      joined.sum[to] = (joined.sum[to] ?? 0) + (curve.sum[part] ?? 0);
      joined.count[to] = (joined.count[to] ?? 0) + (curve.count[part] ?? 0);
      joined.low[to] = Math.min(joined.low[to] ?? Infinity, curve.low[part] ?? Infinity);
      joined.high[to] = Math.max(joined.high[to] ?? -Infinity, curve.high[part] ?? -Infinity);
    }
  }
  return joined;
}

/** The points of a curve: the middle of each part that has values, their mean, the lowest and the highest. */
export function curvePoints({ width, sum, count, low, high }: PartCurve): {
  readonly x: number[];
  readonly mean: number[];
  readonly low: number[];
  readonly high: number[];
} {
  const parts = [...count.keys()].filter((part) => (count[part] ?? 0) > 0);
  return {
    x: parts.map((part) => part * width + (width - 1) / 2),
    mean: parts.map((part) => (sum[part] ?? 0) / (count[part] ?? 1)),
    low: parts.map((part) => low[part] ?? Number.NaN),
    high: parts.map((part) => high[part] ?? Number.NaN),
  };
}

/** The smallest power of two that is a width of all curves and leaves at most so many parts. */
export function commonWidth(curves: readonly PartCurve[], parts: number): number {
  const end = curves.reduce((most, curve) => Math.max(most, curve.sum.length * curve.width), 1);
  let width = curves.reduce((most, curve) => Math.max(most, curve.width), 1);
  while (end / width > parts) width *= 2;
  return width;
}
