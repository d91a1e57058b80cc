import { inspect } from 'node:util';
import { noteBundle, staleNote } from './artifact-age.js';
import { openSlot } from './display.js';

/**
 * Shows a value in the cell's output as richly as it can be: a tensor or a cell of state with its numbers and a picture; a model
 * or an architecture as a tree of its layers; figures, tables, Arquero's tables and lists of objects; tokens piece by piece, marked texts,
 * chat templates; experiments, runs, and what stages make. Other values are printed, and outside a notebook all are printed as text.
 *
 * @example
 * await show(corpus.ledger.sankey());
 * await show(tokenPieces(tokenizer, 'Wherefore art thou?'));
 * await show(model);
 */
export async function show(value: unknown): Promise<void> {
  const note = staleNote(value);
  if (note !== undefined) openSlot().end(noteBundle(note));
  // The place is taken before the picture is drawn: what the cell shows next stands below it.
  const first = openSlot();
  const { valueBundles } = await import('./value-bundles.js');
  const bundles = await valueBundles(value);
  const [bundle = { 'text/plain': typeof value === 'string' ? value : inspect(value) }, ...more] = bundles ?? [];
  first.end(bundle);
  for (const each of more) openSlot().end(each);
}
