/** Where an axis from `low` to `high` is divided, and how the numbers there are written. */
export interface Ticks {
  readonly low: number;
  readonly high: number;
  readonly at: readonly { readonly value: number; readonly label: string }[];
}

/** The nearest of 1, 2, 5 times a power of ten that is at least `size`. */
function roundUp(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= size * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** Writes ticks up to `largest`: as many decimals as the step has, `15k` and `2M` for large ones, exponents for tiny ones. */
function labeller(largest: number, step: number): (value: number) => string {
  if (largest < 1e-3) {
    return (value) => (value === 0 ? '0' : Number(value.toPrecision(6)).toExponential().replaceAll('-', '−'));
  }
  const [unit, divisor] =
    largest >= 1e9 ? ['G', 1e9] : largest >= 1e6 ? ['M', 1e6] : largest >= 1e4 ? ['k', 1e3] : ['', 1];
  const decimals = Math.max(0, -Math.floor(Math.log10(step / divisor) + 1e-9));
  return (value) => (value === 0 ? '0' : `${(value / divisor).toFixed(decimals)}${unit}`.replace('-', '−'));
}

/**
 * Round numbers that divide an axis into about `count` parts; the ends lie on ticks.
 *
 * @example
 * linearTicks(0.3, 4.2, 5).at.map(({ label }) => label); // ['0', '1', '2', '3', '4', '5']
 */
export function linearTicks(low: number, high: number, count: number): Ticks {
  const spread = high > low ? high - low : Math.abs(high) || 1;
  const step = roundUp(spread / count);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const label = labeller(Math.max(Math.abs(first), Math.abs(last)) * step, step);
  const at = Array.from({ length: last - first + 1 }, (_, index) => {
    const value = Number(((first + index) * step).toPrecision(12));
    return { value, label: label(value) };
  });
  return { low: first * step, high: last * step, at };
}
