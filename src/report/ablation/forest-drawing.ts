import type { ArmResult } from '../../experiment/ablations/comparison.js';
import type { Drawing } from '../drawing.js';
import { formatNumber } from '../format.js';
import { escapeXml } from '../line-chart.js';
import { seriesColour } from '../palette.js';
import type { Ink } from '../palette.js';
import { linearTicks } from '../ticks.js';
import { verdict } from '../../experiment/ablations/verdict.js';
import { formatInterval } from './arms-table.js';

const ROW = 26;
const TOP = 34;
const PLOT = 330;
/** Letters of a name that fit beside the plot. */
const LETTERS = 40;
/** Width of a letter at 12 pixels, a little more than the average. */
const LETTER = 6.7;

/**
 * A forest plot: for each arm its difference to the baseline with the 95% interval, around a line at zero. A mark is filled where the
 * difference is significant at 5% after the correction over the arms.
 */
export function forestDrawing(
  title: string,
  results: readonly ArmResult[],
  { measure, better }: { readonly measure: string; readonly better: 'lower' | 'higher' },
): Drawing | undefined {
  const rows = results.flatMap((result) =>
    result.difference === undefined ? [] : [{ result, difference: result.difference }],
  );
  if (rows.length === 0) return undefined;
  const ends = rows.flatMap(({ difference: { mean, interval } }) => [mean, ...(interval ?? [])]);
  const ticks = linearTicks(Math.min(0, ...ends), Math.max(0, ...ends), 5);
  const height = TOP + rows.length * ROW + 46;
  const names = rows.map(({ result: { arm } }) => (arm.length <= LETTERS ? arm : `${arm.slice(0, LETTERS - 1)}…`));
  const numbers = rows.map(
    ({ difference: { mean, interval } }) =>
      formatNumber(mean) + (interval === undefined ? '' : ` (${formatInterval(interval)})`),
  );
  const longest = (texts: readonly string[]): number => Math.max(...texts.map(({ length }) => length)) * LETTER;
  const label = Math.max(90, Math.round(longest(names)) + 20);
  const width = label + PLOT + Math.round(longest(numbers)) + 20;
  const toX = (value: number): number =>
    Math.round((label + ((value - ticks.low) / (ticks.high - ticks.low)) * PLOT) * 10) / 10;
  const told = rows.map(({ result, difference: { mean, interval } }) => {
    const range = interval === undefined ? '' : ` (${formatInterval(interval)})`;
    return `${result.arm} ${formatNumber(mean)}${range}, ${verdict(result, better)}`;
  });

  const draw = (ink: Ink): string => {
    const text = (x: number, y: number, content: string, more = ''): string =>
      `<text x="${x}" y="${y}" fill="${ink.muted}" ${more}>${escapeXml(content)}</text>`;
    const bottom = TOP + rows.length * ROW;
    const grid = ticks.at.map(
      ({ value, label }) =>
        `<path d="M${toX(value)} ${TOP}V${bottom}" stroke="${value === 0 ? ink.muted : ink.grid}" stroke-width="${value === 0 ? 1.4 : 1}"/>` +
        text(toX(value), bottom + 17, label, 'text-anchor="middle"'),
    );
    const arms = rows.map(({ difference: { mean, interval, corrected } }, index) => {
      const y = TOP + index * ROW + ROW / 2;
      const isSignificant = corrected !== undefined && corrected < 0.05;
      const isBetter = mean < 0 === (better === 'lower');
      const colour = isSignificant ? seriesColour(isBetter ? 2 : 4) : ink.muted;
      const whiskers =
        interval === undefined
          ? ''
          : `<path d="M${toX(interval[0])} ${y}H${toX(interval[1])}M${toX(interval[0])} ${y - 4}v8M${toX(interval[1])} ${y - 4}v8" ` +
            `stroke="${colour}" stroke-width="1.8" fill="none"/>`;
      const mark = `<circle cx="${toX(mean)}" cy="${y}" r="4.5" fill="${isSignificant ? colour : 'none'}" stroke="${colour}" stroke-width="1.8"/>`;
      return (
        `<g><title>${escapeXml(told[index] ?? '')}</title>` +
        `<text x="${label - 14}" y="${y + 4}" fill="${ink.text}" text-anchor="end">${escapeXml(names[index] ?? '')}</text>` +
        whiskers +
        mark +
        text(label + PLOT + 14, y + 4, numbers[index] ?? '') +
        '</g>'
      );
    });
    const sides = better === 'lower' ? ['← better', 'worse →'] : ['← worse', 'better →'];
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ` +
      `aria-label="${escapeXml(`${title}: ${told.join('; ')}`)}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12">` +
      text(label, 20, sides[0] ?? '') +
      text(label + PLOT, 20, sides[1] ?? '', 'text-anchor="end"') +
      [...grid, ...arms].join('') +
      text(label + PLOT / 2, bottom + 37, `difference in ${measure}`, 'text-anchor="middle"') +
      '</svg>'
    );
  };
  return {
    title,
    description: told.join('; '),
    values: {
      title,
      columns: ['arm', 'difference', 'low', 'high', 'p, corrected', 'verdict'],
      rows: rows.map(({ result, difference: { mean, interval, corrected } }) => [
        result.arm,
        mean,
        interval?.[0] ?? '',
        interval?.[1] ?? '',
        corrected ?? '',
        verdict(result, better),
      ]),
    },
    draw,
  };
}
