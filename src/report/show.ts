import type { Figure, Summary, Table } from '../figure.js';
import { figureBundle, summaryBundle, tableBundle } from './bundle.js';
import { openSlot } from './display.js';

/**
 * Shows a figure, a table or a summary in the cell's output; outside a notebook it is printed as text.
 *
 * @example
 * await show(corpus.ledger.sankey());
 */
export async function show(value: Figure | Summary | Table): Promise<void> {
  if ('facts' in value) {
    openSlot().end(summaryBundle(value));
    for (const figure of value.figures ?? []) await show(figure);
  } else if ('rows' in value) {
    openSlot().end(tableBundle(value));
  } else {
    // The place is taken before the picture is drawn: what the cell shows next stands below it.
    const slot = openSlot();
    slot.end(await figureBundle(value));
  }
}
