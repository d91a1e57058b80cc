/** The value below which a share of the sorted numbers lies, on the line between two of them: numpy's `quantile`. */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] ?? NaN, sorted[Math.ceil(place)] ?? NaN];
  return below + (above - below) * (place - Math.floor(place));
}

/** Σ x / n. */
export function meanOf(numbers: Float64Array): number {
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  // Once more around the mean, which takes off most of the rounding of a long sum.
  return mean + numbers.reduce((sum, number) => sum + (number - mean), 0) / numbers.length;
}
