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

/** A tick's number: no more decimals than the step has, `1.5k` and `2M` for large ones, exponents for very small ones. */
export function tickLabel(value: number, step: number): string {
  if (value === 0) return '0';
  const size = Math.max(Math.abs(value), step);
  if (size < 1e-3)
    return value.toExponential(Math.max(0, Math.ceil(Math.log10(Math.abs(value) / step) - 1e-9))).replace('-', '−');
  const [unit, divisor] = size >= 1e9 ? ['G', 1e9] : size >= 1e6 ? ['M', 1e6] : size >= 1e4 ? ['k', 1e3] : ['', 1];
  const decimals = Math.max(0, -Math.floor(Math.log10(step / divisor) + 1e-9));
  return `${(value / divisor).toFixed(decimals)}${unit}`.replace('-', '−');
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
  const at = Array.from({ length: last - first + 1 }, (_, index) => {
    const value = Number(((first + index) * step).toPrecision(12));
    return { value, label: tickLabel(value, step) };
  });
  return { low: first * step, high: last * step, at };
}
