import { drawingBundle, figureBundle, summaryBundle, tableBundle } from '../bundle.js';
import type { MimeBundle } from '../display.js';
import type { Part } from '../document/part.js';

/** What `show` shows of a part of a report. */
export async function partBundle(part: Part): Promise<MimeBundle> {
  if ('draw' in part) return drawingBundle(part);
  if ('facts' in part) return summaryBundle(part);
  return 'rows' in part ? tableBundle(part) : figureBundle(part);
}
