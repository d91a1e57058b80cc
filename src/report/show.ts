import type { Figure, Summary, Table } from '../figure.js';
import { isChatTemplate } from '../tokens/chat-template.js';
import type { ChatTemplate } from '../tokens/chat-template.js';
import { markedTemplate } from '../tokens/marked-text.js';
import type { MarkedText } from '../tokens/marked-text.js';
import { figureBundle, markedBundle, summaryBundle, tableBundle } from './bundle.js';
import { openSlot } from './display.js';

/**
 * Shows a figure, a table, a summary, a chat template or a marked text in the cell's output; outside a notebook it is printed
 * as text.
 *
 * @example
 * await show(corpus.ledger.sankey());
 * await show(marked(chat, chat.example(read)));
 */
export async function show(value: Figure | Summary | Table | MarkedText | ChatTemplate): Promise<void> {
  if (isChatTemplate(value)) {
    openSlot().end(markedBundle(markedTemplate(value)));
  } else if ('segments' in value) {
    openSlot().end(markedBundle(value));
  } else if ('facts' in value) {
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
