import { uniformNumbers } from '../../engine/key.js';
import type { Key } from '../../engine/key.js';
import { TrainbookError } from '../../error.js';

/** A text to vary, and the key that all chance comes from. */
export interface Varied {
  readonly text: string;
  readonly key: Key;
}

/** A way to make other texts of a text that mean about the same. */
export interface Augmenter {
  /** What made examples say they are made by, such as `synonyms`. */
  readonly name: string;
  /** Another text for each, in their order; undefined where there is none. It depends on the text and its key alone. */
  vary(texts: readonly Varied[]): Promise<readonly (string | undefined)[]>;
}

/** An augmenter that looks at one text alone. */
export function oneByOne(
  name: string,
  vary: (varied: Varied) => string | undefined | Promise<string | undefined>,
): Augmenter {
  return {
    name,
    vary: async (texts) => {
      const made: (string | undefined)[] = [];
      for (const varied of texts) made.push(await vary(varied));
      return made;
    },
  };
}

/** How many of so many words are changed: the share of them, but at least one. */
export function countOf(share: number, numWords: number): number {
  return Math.max(1, Math.floor(share * numWords));
}

/** @throws TrainbookError if a share is not above 0 and at most 1. */
export function checkShare(who: string, share: number): void {
  if (share > 0 && share <= 1) return;
  throw new TrainbookError({
    what: `${who}: no such share of the words`,
    received: share,
    expected: 'a number above 0, at most 1',
    fix: '0.1 is usual',
  });
}

/** One of some, by chance; undefined of none. */
export function chosen<T>(items: readonly T[], key: Key): T | undefined {
  const [share = 0] = uniformNumbers(key, 1);
  return items[Math.floor(share * items.length)];
}
