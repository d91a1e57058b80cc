import type { Figure, Summary, Table } from '../figure.js';
import { isChatTemplate } from '../tokens/chat-template.js';
import type { ChatTemplate } from '../tokens/chat-template.js';
import { markedTemplate } from '../tokens/marked-text.js';
import type { MarkedText } from '../tokens/marked-text.js';
import type { TokenPieces } from '../tokens/token-pieces.js';
import { drawingBundle, figureBundle, markedBundle, piecesBundle, summaryBundle, tableBundle } from './bundle.js';
import { openSlot } from './display.js';
import type { Drawing } from './drawing.js';

/**
 * Shows a figure, a table, a summary, tokens piece by piece, a chat template or a marked text in the cell's output; outside a
 * notebook it is printed as text.
 *
 * @example
 * await show(corpus.ledger.sankey());
 * await show(tokenPieces(tokenizer, 'Wherefore art thou?'));
 * await show(marked(chat, chat.example(read)));
 */
export async function show(
  value: Figure | Summary | Table | TokenPieces | MarkedText | ChatTemplate | Drawing,
): Promise<void> {
  if (isChatTemplate(value)) {
    openSlot().end(markedBundle(markedTemplate(value)));
  } else if ('draw' in value) {
    openSlot().end(drawingBundle(value));
  } else if ('segments' in value) {
    openSlot().end(markedBundle(value));
  } else if ('pieces' in value) {
    openSlot().end(piecesBundle(value));
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
