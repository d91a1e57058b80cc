// Where is the next bank?  →  Wo ist die nächste Bank?  →  Where is the closest bank?
import { TrainbookError } from '../../error.js';
import type { Augmenter } from './augmenter.js';

/** Translates texts, in their order: any model, ours or a service. */
export type Translate = (texts: string[]) => Promise<readonly string[]>;

export interface BackTranslateOptions {
  /** To another language. */
  readonly to: Translate;
  /** And back. */
  readonly back: Translate;
  /** Texts at a time. Default: 16. */
  readonly batchSize?: number;
}

/**
 * Translates texts to another language and back: what comes back says the same in other words. Sennrich, Haddow, Birch 2015, "Improving Neural
 * Machine Translation Models with Monolingual Data" (1511.06709); as augmentation Xie et al. 2019 (1904.12848).
 *
 * A text that comes back as it was, but for case and spaces, or empty, has no variant. Only `to` and `back` can draw by chance, so several
 * copies of one text need translators that sample.
 *
 * @throws TrainbookError when it augments, if a translator does not give one text for each.
 * @example
 * const more = await augment(train, [backTranslate({ to: (texts) => english.toGerman(texts), back: (texts) => german.toEnglish(texts) })], { seed: 42 });
 */
export function backTranslate({ to, back, batchSize = 16 }: BackTranslateOptions): Augmenter {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new TrainbookError({
      what: 'backTranslate: no such batch size',
      received: batchSize,
      expected: 'a whole number above 0',
    });
  }
  return {
    name: 'back-translation',
    vary: async (varied) => {
      const made: (string | undefined)[] = [];
      for (let start = 0; start < varied.length; start += batchSize) {
        const texts = varied.slice(start, start + batchSize).map(({ text }) => text);
        const there = await translated('to', to, texts);
        const returned = await translated('back', back, there);
        returned.forEach((text, index) => {
          const isSame = plain(text) === plain(texts[index] ?? '') || plain(text) === '';
          made.push(isSame ? undefined : text);
        });
      }
      return made;
    },
  };
}

async function translated(name: string, translate: Translate, texts: readonly string[]): Promise<readonly string[]> {
  const found = await translate([...texts]);
  if (found.length === texts.length && found.every((text) => typeof text === 'string')) return found;
  throw new TrainbookError({
    what: `backTranslate: { ${name} } did not give one text for each`,
    received: `${found.length} for ${texts.length} texts`,
    expected: 'as many strings, in the same order',
  });
}

const plain = (text: string): string => text.toLowerCase().replace(/\s+/gu, ' ').trim();
