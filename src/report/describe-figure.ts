import type { Figure } from '../figure.js';
import { formatNumber } from './format.js';
import { numericLine } from './numeric-line.js';

interface Bars {
  readonly name?: unknown;
  readonly x: readonly string[];
  readonly y: readonly number[];
}

/** Bars of one name that are told in words. */
const MOST_BARS = 12;

/** Bars that are few and have names below them. */
function asBars(trace: object): Bars | undefined {
  const { type, x, y } = trace as Readonly<Record<string, unknown>>;
  if (type !== 'bar' || !Array.isArray(x) || !Array.isArray(y)) return undefined;
  if (x.length === 0 || x.length > MOST_BARS) return undefined;
  const isNamed = x.every((name) => typeof name === 'string') && y.every((value) => typeof value === 'number');
  return isNamed ? (trace as Bars) : undefined;
}

/** Lines that are told in words. */
const MOST_LINES = 4;

/**
 * Where each named line begins and ends, and what each bar says, in words: what the picture tells to those who do not see it.
 */
export function describe(figure: Figure): string {
  const several = figure.data.length > 1;
  const bars = figure.data
    .flatMap((trace) => asBars(trace) ?? [])
    .map(({ name, x, y }) => {
      const told = x.map((group, index) => `${group} ${formatNumber(y[index] ?? Number.NaN)}`).join(', ');
      return typeof name === 'string' && several ? `${name}: ${told}` : told;
    });
  if (bars.length > 0) return bars.join('; ');
  const lines = figure.data.flatMap((trace) => numericLine(trace) ?? []).filter(({ fill }) => fill === undefined);
  if (lines.length > MOST_LINES) return `${formatNumber(lines.length)} lines`;
  const told = lines.map((line) => {
    const values = line.y.filter((value) => Number.isFinite(value));
    const [first, last] = [values[0], values.at(-1)];
    if (first === undefined || last === undefined) return '';
    const name = typeof line.name === 'string' && several ? `${line.name} ` : '';
    return values.length === 1
      ? `${name}${formatNumber(first)}`
      : `${name}${formatNumber(first)} → ${formatNumber(last)}`;
  });
  return told.filter((line) => line !== '').join(', ');
}
