import { z } from 'zod';
import type { Figure } from '../figure.js';
import { neutralInk, seriesColour } from './palette.js';
import type { Ink } from './palette.js';
import { linearTicks } from './ticks.js';

const titleSchema = z.object({ text: z.string().optional() }).optional();
/** A value that is no number, such as a loss that became infinite, is a gap. */
const number = z
  .number()
  .or(z.nan())
  .or(z.literal([Infinity, -Infinity]));
const numbers = z.array(number);

/** The figures that this file draws: lines over numbers on linear axes. Plotly draws all others. */
const lineFigureSchema = z.object({
  data: z
    .array(
      z.object({
        type: z.literal('scatter').optional(),
        mode: z.enum(['lines', 'lines+markers']),
        x: numbers,
        y: z.array(number.nullable()),
        name: z.string().optional(),
        showlegend: z.boolean().optional(),
        visible: z.boolean().optional(),
        /** A band: an area with an edge of no width. */
        fill: z.literal('toself').optional(),
        fillcolor: z.string().optional(),
        opacity: z.number().optional(),
        line: z
          .object({ color: z.string().optional(), width: z.number().optional(), dash: z.string().optional() })
          .optional(),
      }),
    )
    .min(1),
  layout: z.looseObject({
    xaxis: z.looseObject({ title: titleSchema, type: z.literal('linear').optional() }).optional(),
    yaxis: z
      .looseObject({ title: titleSchema, type: z.literal('linear').optional(), rangemode: z.string().optional() })
      .optional(),
  }),
});

export interface ChartSize {
  readonly width: number;
  readonly height: number;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for XML: `<`, `>`, `&` and quotes are replaced. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? character);
}

/**
 * At most about 4 points for each of `columns` columns: the first, least, greatest and last of each, in order. The line
 * that they draw covers the same pixels as the whole.
 */
export function thin(points: readonly Point[], columns: number): readonly Point[] {
  if (points.length <= 4 * columns) return points;
  const size = points.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    const part = points.slice(Math.floor(column * size), Math.floor((column + 1) * size));
    const by = (better: (a: number, b: number) => boolean): Point | undefined =>
      part.reduce<Point | undefined>(
        (best, point) => (best === undefined || better(point.y, best.y) ? point : best),
        undefined,
      );
    const kept = new Set([part[0], by((a, b) => a < b), by((a, b) => a > b), part.at(-1)]);
    return part.filter((point) => kept.has(point));
  }).flat();
}

/**
 * A line chart as SVG text, or nothing if the figure is of another kind. It takes under a millisecond where Plotly without
 * a browser takes about 100 ms (and 0.5 s and 70 MB the first time): light enough to be drawn again at every update of a
 * live chart, on the thread that feeds the training steps.
 *
 * @param ink colours of text and grid: those of the page around it, or a neutral grey
 */
export function lineChart(
  figure: Figure,
  size: ChartSize = { width: 720, height: 340 },
  ink: Ink = neutralInk,
): string | undefined {
  const parsed = lineFigureSchema.safeParse(figure);
  if (!parsed.success) return undefined;
  const { data, layout } = parsed.data;
  const drawn = data.filter(({ visible }) => visible !== false);
  const lines = drawn.map((trace, index) => ({
    ...trace,
    colour: trace.line?.color ?? seriesColour(index),
    points: trace.x.flatMap((x, position): Point[] => {
      const y = trace.y[position];
      return typeof y === 'number' && Number.isFinite(y) && Number.isFinite(x) ? [{ x, y }] : [];
    }),
  }));
  const all = lines.flatMap(({ points }) => points);
  const range = (values: readonly number[]): [number, number] =>
    values.length === 0
      ? [0, 1]
      : values.reduce<[number, number]>(
          ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
          [Infinity, -Infinity],
        );
  const [left, right] = range(all.map(({ x }) => x));
  const [bottom, top] = range(all.map(({ y }) => y));
  const horizontal = linearTicks(left, right, 6);
  const vertical = linearTicks(layout.yaxis?.rangemode === 'tozero' ? Math.min(0, bottom) : bottom, top, 5);

  const labelled = lines.filter(({ name, showlegend }) => name !== undefined && showlegend !== false);
  const legendHeight = labelled.length > 1 ? 22 : 0;
  const widest = Math.max(...vertical.at.map(({ label }) => label.length));
  const frame = { left: 34 + widest * 6.6, right: size.width - 14, top: 12 + legendHeight, bottom: size.height - 46 };
  const round = (value: number): string => String(Math.round(value * 10) / 10);
  const span = right > left ? right - left : 1;
  const toX = (x: number): number => frame.left + ((x - left) / span) * (frame.right - frame.left);
  const toY = (y: number): number =>
    frame.bottom - ((y - vertical.low) / (vertical.high - vertical.low)) * (frame.bottom - frame.top);

  const text = (x: number, y: number, content: string, more: string): string =>
    `<text x="${round(x)}" y="${round(y)}" fill="${ink.muted}" ${more}>${escapeXml(content)}</text>`;
  const grid = vertical.at.map(({ value, label }) => {
    const y = round(toY(value));
    const line = `<path d="M${round(frame.left)} ${y}H${round(frame.right)}" stroke="${ink.grid}"/>`;
    return line + text(frame.left - 8, toY(value) + 4, label, 'text-anchor="end"');
  });
  const steps = horizontal.at
    .filter(({ value }) => value >= left && value <= right)
    .map(({ value, label }) => text(toX(value), frame.bottom + 19, label, 'text-anchor="middle"'));
  const paths = lines.map(({ points, colour, line, opacity, mode, fill, fillcolor }) => {
    if (fill !== undefined) {
      const area = points.map(({ x, y }) => `${round(toX(x))} ${round(toY(y))}`).join('L');
      return `<path d="M${area}Z" fill="${fillcolor ?? colour}" fill-opacity="${opacity ?? 0.2}" stroke="none"/>`;
    }
    const thinned = thin(points, Math.round(frame.right - frame.left));
    const path = thinned
      .map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${round(toX(x))} ${round(toY(y))}`)
      .join('');
    const dash =
      line?.dash === 'dot' ? ' stroke-dasharray="2 4"' : line?.dash === 'dash' ? ' stroke-dasharray="7 4"' : '';
    const dots = mode === 'lines+markers' || thinned.length === 1 ? thinned : [];
    const dot = dots
      .map(({ x, y }) => `<circle cx="${round(toX(x))}" cy="${round(toY(y))}" r="3" fill="${colour}"/>`)
      .join('');
    return (
      `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${line?.width ?? 2}" stroke-opacity="${opacity ?? 1}"` +
      `${dash} stroke-linejoin="round" stroke-linecap="round"/>${dot}`
    );
  });
  let offset = frame.left;
  const legend =
    labelled.length < 2
      ? []
      : labelled.map(({ name = '', colour }) => {
          const mark = `<path d="M${round(offset)} 14h18" stroke="${colour}" stroke-width="2.5" stroke-linecap="round"/>`;
          const item = mark + `<text x="${round(offset + 24)}" y="18" fill="${ink.text}">${escapeXml(name)}</text>`;
          offset += 24 + name.length * 6.8 + 22;
          return item;
        });
  const middle = (frame.top + frame.bottom) / 2;
  const axisTitles = [
    text((frame.left + frame.right) / 2, size.height - 8, layout.xaxis?.title?.text ?? '', 'text-anchor="middle"'),
    text(
      13,
      middle,
      layout.yaxis?.title?.text ?? '',
      `text-anchor="middle" transform="rotate(-90 13 ${round(middle)})"`,
    ),
  ];
  const axis = `<path d="M${round(frame.left)} ${round(frame.bottom)}H${round(frame.right)}" stroke="${ink.muted}" stroke-opacity="0.6"/>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" ` +
    `aria-label="${escapeXml(figure.title)}" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12">` +
    [...legend, ...grid, ...steps, ...axisTitles, axis, ...paths].join('') +
    '</svg>'
  );
}
