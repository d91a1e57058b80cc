import type { Document } from '../document.js';

/**
 * Documents as often as a mixture takes them: one with `meta.epochs: 3` three times. Whatever makes batches shuffles them.
 *
 * @example
 * const packed = pack({ documents: withRepeats(corpus.train.documents) }, tokenizer, 256);
 */
export function withRepeats(documents: readonly Document[]): readonly Document[] {
  const once: Document[] = [];
  const again: Document[] = [];
  let left = documents;
  for (let epoch = 1; left.length > 0; epoch++) {
    left = left.filter((document) => epochsOf(document) >= epoch);
    for (const document of left) (epoch === 1 ? once : again).push(document);
  }
  return [...once, ...again];
}

/** How often a mixture takes a document. */
export function epochsOf({ meta }: Document): number {
  const epochs = meta?.['epochs'];
  return typeof epochs === 'number' && epochs >= 1 ? epochs : 1;
}
