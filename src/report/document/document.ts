import type { Figure, Table } from '../../figure.js';
import type { Drawing } from '../drawing.js';

// A report before it has a form: sections of blocks, built from records alone. HTML, Markdown and notebooks are written from it.

/** Where the numbers of a picture come from, so that it can be traced when it is taken out of its report. */
export interface Origin {
  /** The run or ablation, as its folder below `runs/`. */
  readonly run: string;
  /** Hash of the config. */
  readonly config: string;
  /** Hash of the artifact that the numbers were first made from, or in words why there is no single one. */
  readonly data: string;
}

export interface Paragraph {
  readonly kind: 'text';
  readonly text: string;
}

export interface Heading {
  readonly kind: 'heading';
  readonly text: string;
  readonly note?: string;
}

/** Something that a reader must know before believing the numbers. */
export interface Warning {
  readonly kind: 'warning';
  readonly text: string;
}

/** Text to copy. One with a label is folded under it. */
export interface Code {
  readonly kind: 'code';
  readonly text: string;
  readonly label?: string;
}

export interface Facts {
  readonly kind: 'facts';
  readonly id: string;
  readonly title: string;
  readonly facts: Readonly<Record<string, string | number>>;
  /** Few and important, or a long list of pairs, or one whose labels are paths of a config. */
  readonly shape: 'tiles' | 'list' | 'paths';
}

export interface TableBlock {
  readonly kind: 'table';
  readonly id: string;
  readonly table: Table;
  /** Columns that hold hashes or paths. */
  readonly codes?: readonly string[];
  /** The row that others are compared with. */
  readonly marked?: number;
}

export interface FigureBlock {
  readonly kind: 'figure';
  readonly id: string;
  readonly figure: Figure;
  readonly origin: Origin;
  /** Steps over which noisy lines are averaged at first; no line is smoothed where it is not given. */
  readonly smoothing?: number;
  /** Whether its lines are the arms of an ablation, of which a reader chooses some. */
  readonly choose?: boolean;
}

/** A picture that is no Plotly figure. */
export interface DrawingBlock {
  readonly kind: 'drawing';
  readonly id: string;
  readonly drawing: Drawing;
  readonly origin: Origin;
}

/** Texts side by side: a row for each prompt, a column for each model. */
export interface Samples {
  readonly kind: 'samples';
  readonly id: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly prompt: string; readonly texts: readonly (string | undefined)[] }[];
}

export type Block = Paragraph | Heading | Warning | Code | Facts | TableBlock | FigureBlock | DrawingBlock | Samples;

/** A part of a report with a heading and a place in the list of contents. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** One large number at the top of a report. */
export interface Headline {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
  readonly note?: string;
}

export interface Document {
  readonly kind: 'run' | 'ablation';
  readonly title: string;
  readonly id: string;
  /** The folder below `runs/`. */
  readonly path: string;
  readonly state: 'running' | 'done' | 'failed' | 'interrupted';
  /** ISO time. */
  readonly createdAt: string;
  /** Short facts under the title, such as the seed. */
  readonly about: readonly (readonly [label: string, value: string])[];
  readonly error?: string;
  readonly headlines: readonly Headline[];
  readonly sections: readonly Section[];
  /** The blocks, by section, that a short form shows. */
  readonly excerpt: readonly { readonly section: string; readonly blocks: readonly string[] }[];
  /** Of the whole. */
  readonly origin: Origin;
}

export const text = (content: string): Paragraph => ({ kind: 'text', text: content });
export const heading = (content: string, note?: string): Heading => ({
  kind: 'heading',
  text: content,
  ...(note === undefined ? {} : { note }),
});
export const warning = (content: string): Warning => ({ kind: 'warning', text: content });

/** The section, unless it is empty. */
export function section(id: string, title: string, blocks: readonly Block[]): Section[] {
  return blocks.length === 0 ? [] : [{ id, title, blocks }];
}

/** A word of letters, digits and hyphens made of any text, for the id of a block. */
export function slug(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
}
