import type { ConfusionMatrix } from '../evaluate/confusion-matrix.js';
import type { Figure } from '../figure.js';
import { heatmapFigure } from './heatmap-figure.js';

export interface ConfusionFigureOptions {
  readonly title?: string;
  /** What the classes are called, in the order of the matrix; by default as its labels. */
  readonly names?: readonly (string | number | boolean)[];
  /** Where the numbers come from. */
  readonly source?: string;
}

/**
 * A confusion matrix as a figure: of the rows of each true class, which are named with their number, the share that was taken for each
 * class. The diagonal holds the recalls.
 *
 * @example
 * await show(confusionFigure(confusionMatrix(truth.indices, predicted), { names: truth.classes }));
 */
export function confusionFigure(
  { labels, counts }: ConfusionMatrix,
  { title = 'Confusion matrix', names = labels, source = 'confusionMatrix' }: ConfusionFigureOptions = {},
): Figure {
  const totals = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  return heatmapFigure({
    title,
    source,
    x: names.map(String),
    y: names.map((name, place) => `${name} (${(totals[place] ?? 0).toLocaleString('en')})`),
    xTitle: 'predicted',
    yTitle: 'true',
    values: counts.map((row, place) => row.map((count) => count / (totals[place] ?? 0))), // NaN where a class has no row
  });
}
