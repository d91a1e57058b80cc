// Please check the account at the bank.  →  Please verify the account at the bank.
import { fold, permutation } from '../../engine/key.js';
import { checkShare, chosen, countOf, oneByOne } from './augmenter.js';
import type { Augmenter } from './augmenter.js';
import { stopWords } from './stop-words.js';
import { wordNet } from './thesaurus.js';
import type { Thesaurus } from './thesaurus.js';
import { joined, piecesOf, wordPlaces } from './words.js';
import type { Piece } from './words.js';

export interface SynonymOptions {
  /** The share of words that are changed, but at least one word. Default: 0.1. */
  readonly share?: number;
  /** Where synonyms come from. Default: `wordNet()`, English. */
  readonly synonyms?: Thesaurus;
}

/** Words of a text that have synonyms, with these. */
export interface Replaceable {
  readonly place: number;
  readonly synonyms: readonly string[];
}

/**
 * Puts synonyms in the place of some words: max(1, ⌊share · words⌋) of those that have one and are no stop words. Wei and Zou 2019, "EDA: Easy
 * Data Augmentation Techniques for Boosting Performance on Text Classification Tasks" (1901.11196). Case is kept.
 *
 * A text without such a word, as all Chinese text with WordNet, has no variant: give it a thesaurus of its language.
 *
 * @throws TrainbookError if the share is not above 0 and at most 1.
 * @example
 * const more = await augment(train, [synonymReplacement({ share: 0.2 })], { seed: 42 });
 */
export function synonymReplacement({ share = 0.1, synonyms }: SynonymOptions = {}): Augmenter {
  checkShare('synonymReplacement', share);
  return oneByOne('synonyms', async ({ text, key }) => {
    const pieces = piecesOf(text);
    const candidates = replaceable(pieces, synonyms ?? (await wordNet()));
    if (candidates.length === 0) return undefined;
    const count = countOf(share, wordPlaces(pieces).length);
    const replaced = pieces.map(({ text: own }) => ({ text: own }));
    for (const index of permutation(fold(key, 'words'), candidates.length).subarray(0, count)) {
      const { place, synonyms: all } = candidates[index] as Replaceable;
      const word = chosen(all, fold(key, place)) ?? '';
      replaced[place] = { text: inCaseOf(pieces[place]?.text ?? '', word) };
    }
    return joined(replaced);
  });
}

/** The words that may be replaced, in order. */
export function replaceable(pieces: readonly Piece[], synonyms: Thesaurus): readonly Replaceable[] {
  return wordPlaces(pieces).flatMap((place) => {
    const word = pieces[place]?.text.toLowerCase() ?? '';
    const found = stopWords.has(word) ? [] : synonyms(word);
    return found.length === 0 ? [] : [{ place, synonyms: found }];
  });
}

/** `word` written as `model` is: ALL CAPITALS, Capitalised, or as it is. */
export function inCaseOf(model: string, word: string): string {
  if (model === model.toLowerCase()) return word;
  const [first = ''] = model;
  if (model.length > 1 && model === model.toUpperCase()) return word.toUpperCase();
  if (first === first.toLowerCase()) return word;
  const [initial = ''] = word;
  return initial.toUpperCase() + word.slice(initial.length);
}
