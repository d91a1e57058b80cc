import { TrainbookError } from '../../error.js';
import type { Figure, Summary, Table } from '../../figure.js';
import type { Drawing } from '../drawing.js';
import { thinnedFigure } from '../figure-values.js';
import { words } from '../format.js';
import { smoothedFigure } from '../smoothing.js';
import type { Block, Document } from './document.js';

/** A block that a notebook shows by itself. */
export type Part = Figure | Table | Summary | Drawing;

/** The value that a block shows; undefined for texts, which need no showing. */
export function partOf(block: Block): Part | undefined {
  switch (block.kind) {
    case 'figure':
      return thinnedFigure(smoothedFigure(block.figure, block.smoothing ?? 1));
    case 'drawing':
      return block.drawing;
    case 'table':
      return block.table;
    case 'facts':
      return { title: words(block.title), facts: block.facts };
    case 'samples': {
      const several = block.columns.length > 1;
      const texts = block.rows.flatMap(({ prompt, texts: row }) =>
        row.flatMap((text, column) =>
          text === undefined ? [] : [{ title: several ? `${block.columns[column] ?? ''}: ${prompt}` : prompt, text }],
        ),
      );
      return { title: block.title, facts: {}, texts };
    }
    case 'text':
    case 'heading':
    case 'warning':
    case 'code':
      return undefined;
  }
}

/**
 * A figure, table or list of facts of a report, by its id.
 *
 * @throws TrainbookError that lists the ids, if there is none of this one
 * @example
 * await show(reportPart(await readReport('runs/quickstart/2026-11-21-143502-3f9c'), 'base-loss'));
 */
export function reportPart(report: Document, id: string): Part {
  const blocks = report.sections.flatMap((section) => section.blocks);
  const found = blocks.find((block) => 'id' in block && block.id === id);
  const part = found === undefined ? undefined : partOf(found);
  if (part !== undefined) return part;
  throw new TrainbookError({
    what: `reportPart: the report of ${report.path} has no part of this id`,
    received: id,
    expected: `one of ${blocks.flatMap((block) => ('id' in block ? [block.id] : [])).join(', ')}`,
  });
}
