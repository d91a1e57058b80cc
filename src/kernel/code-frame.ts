import type { Place } from './positions.js';

/** Lines that are shown before and after the one that is meant. */
const AROUND = 2;

/**
 * A few lines of a source around a place, with a mark under it:
 *
 * ```
 *   1 | const words = new Map<string, number>();
 * > 2 | words.get('a') + 1
 *     | ^^^^^^^^^^^^^^
 * ```
 *
 * @param length characters that the mark is long; it ends with the line
 */
export function codeFrame(source: string, { line, column }: Place, length = 1): string {
  const lines = source.split('\n');
  const first = Math.max(1, line - AROUND);
  const last = Math.min(lines.length, line + AROUND);
  const width = String(last).length;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    .flatMap((number) => {
      const text = (lines[number - 1] ?? '').replaceAll('\t', ' ').trimEnd();
      const shown = `${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd();
      if (number !== line) return [shown];
      const mark = '^'.repeat(Math.max(1, Math.min(length, text.length - column + 1)));
      return [shown, `  ${' '.repeat(width)} | ${' '.repeat(column - 1)}${mark}`];
    })
    .join('\n');
}
