/** What a document says of how often a mixture takes it. */
interface Repeated {
  readonly meta?: Readonly<Record<string, unknown>>;
}

/**
 * Documents as often as a mixture takes them: one with `meta.epochs: 3` three times. All come once, then those that come again, then
 * those that come a third time, so that repeats stand apart. `pack` and `writeShards` do this themselves.
 *
 * @example
 * const twice = withRepeats([{ text: 'To be, or not to be', meta: { epochs: 2 } }]).length; // 2
 */
export function withRepeats<D extends Repeated>(documents: readonly D[]): readonly D[] {
  const all: D[] = [];
  let left = documents;
  for (let epoch = 1; left.length > 0; epoch++) {
    for (const document of left) all.push(once(document)); // one by one: a corpus has more documents than a call takes arguments
    left = left.filter((document) => epochsOf(document) > epoch);
  }
  return all;
}

/** Without the mark: what has been repeated is not repeated again. */
function once<D extends Repeated>(document: D): D {
  if (document.meta?.['epochs'] === undefined) return document;
  const { epochs: _, ...meta } = document.meta;
  return { ...document, meta };
}

/** How often a mixture takes a document. */
export function epochsOf({ meta }: Repeated): number {
  const epochs = meta?.['epochs'];
  return typeof epochs === 'number' && epochs >= 1 ? epochs : 1;
}
