/** A line over numbers, as a figure holds it. */
export interface NumericLine {
  readonly mode: 'lines' | 'lines+markers';
  readonly name?: unknown;
  readonly showlegend?: boolean;
  readonly line?: object;
  readonly fill?: unknown;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** The trace of a figure, where it is a line over numbers. */
export function numericLine(trace: object): NumericLine | undefined {
  const { x, y, mode } = trace as Readonly<Record<string, unknown>>;
  const numeric = (values: unknown): boolean =>
    Array.isArray(values) && values.every((value) => typeof value === 'number' || value === null);
  if ((mode !== 'lines' && mode !== 'lines+markers') || !numeric(x) || !numeric(y)) return undefined;
  return trace as NumericLine;
}
