/**
 * A function of one item from a function of many: what is asked for before the first answer is awaited goes into one batch.
 *
 * @example
 * const lengthOf = inBatches((texts: readonly string[]) => Promise.resolve(texts.map(({ length }) => length)));
 * await Promise.all(['a', 'bb'].map(lengthOf)); // [1, 2], from one call with both
 */
export function inBatches<Item, Result>(
  all: (items: readonly Item[]) => Promise<readonly Result[]>,
): (item: Item) => Promise<Result> {
  let waiting: { readonly items: Item[]; readonly results: Promise<readonly Result[]> } | undefined;
  return async (item) => {
    const items: Item[] = waiting?.items ?? [];
    // The batch is closed when all that now runs has run: at the first await of who asks.
    waiting ??= {
      items,
      results: Promise.resolve().then(() => {
        waiting = undefined;
        return all(items);
      }),
    };
    const place = items.push(item) - 1;
    const result = (await waiting.results)[place];
    if (result === undefined) throw new Error(`no result for item ${place} of ${items.length}`);
    return result;
  };
}
