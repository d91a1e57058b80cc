import type { Table } from '../figure.js';
import type { Ink } from './palette.js';

/** A picture of ours that is no Plotly figure: it draws itself with the colours of the page around it. */
export interface Drawing {
  readonly title: string;
  /** What it shows, in words, for those who do not see it. */
  readonly description: string;
  /** The numbers in it. */
  readonly values: Table;
  /** SVG text. */
  draw(ink: Ink): string;
}
