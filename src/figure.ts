import type { Data, Layout } from 'plotly.js';

/** A figure as a plain value: Plotly's JSON, and where its numbers come from. Stations return figures; `report/` draws them. */
export interface Figure {
  readonly title: string;
  /** What made it, such as `train/loop of run 2026-11-21-quickstart-3f9c`. */
  readonly source: string;
  readonly data: readonly Partial<Data>[];
  readonly layout: Partial<Layout>;
}

/** Rows under named columns, for display. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/**
 * What a stage's result shows of itself, small enough to stand in a report: facts with their units in the label, tables,
 * figures, and texts such as samples.
 */
export interface Summary {
  readonly title: string;
  readonly facts: Readonly<Record<string, string | number>>;
  readonly tables?: readonly Table[];
  readonly figures?: readonly Figure[];
  readonly texts?: readonly { readonly title: string; readonly text: string }[];
}
