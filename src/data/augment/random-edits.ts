import { fold, uniformNumbers } from '../../engine/key.js';
import { checkShare, chosen, countOf, oneByOne } from './augmenter.js';
import type { Augmenter } from './augmenter.js';
import { replaceable } from './synonym-replacement.js';
import type { SynonymOptions } from './synonym-replacement.js';
import { wordNet } from './thesaurus.js';
import { joined, piecesOf, standsWithoutSpace, wordPlaces } from './words.js';
import type { Piece, Unit } from './words.js';

export interface RandomEditOptions {
  /** The share of words that are moved, or the chance of each to go. Default: 0.1. */
  readonly share?: number;
  /** What is moved or goes. Default: words; of Chinese those that `Intl.Segmenter` finds. */
  readonly unit?: Unit;
}

/**
 * Inserts a synonym of a word of the text somewhere, max(1, ⌊share · words⌋) times: random insertion of Wei and Zou 2019 (1901.11196). The
 * text keeps all its words, and has more to say the same.
 *
 * @throws TrainbookError if the share is not above 0 and at most 1.
 * @example
 * const more = await augment(train, [randomInsertion()], { seed: 42 });
 */
export function randomInsertion({ share = 0.1, synonyms }: SynonymOptions = {}): Augmenter {
  checkShare('randomInsertion', share);
  return oneByOne('insertion', async ({ text, key }) => {
    const pieces = piecesOf(text);
    const words = wordPlaces(pieces);
    const candidates = replaceable(pieces, synonyms ?? (await wordNet()));
    if (candidates.length === 0) return undefined;
    const grown = pieces.map(({ text: own }) => ({ text: own }));
    for (let number = 0; number < countOf(share, words.length); number++) {
      const own = fold(key, number);
      const word = chosen(chosen(candidates, fold(own, 'of'))?.synonyms ?? [], fold(own, 'word')) ?? '';
      const place = chosen(words, fold(own, 'place')) ?? 0;
      const space = standsWithoutSpace(word) ? '' : ' ';
      grown[place] = { text: `${grown[place]?.text ?? ''}${space}${word}` };
    }
    return joined(grown);
  });
}

/**
 * Lets two words change places, max(1, ⌊share · words⌋) times: random swap of Wei and Zou 2019 (1901.11196). What stands between words stays.
 *
 * @throws TrainbookError if the share is not above 0 and at most 1.
 * @example
 * const more = await augment(train, [randomSwap({ unit: 'character' })], { seed: 42 });
 */
export function randomSwap({ share = 0.1, unit = 'word' }: RandomEditOptions = {}): Augmenter {
  checkShare('randomSwap', share);
  return oneByOne('swap', ({ text, key }) => {
    const pieces = [...piecesOf(text, unit)];
    const words = wordPlaces(pieces);
    if (words.length < 2) return undefined;
    for (let number = 0; number < countOf(share, words.length); number++) {
      const [first = 0, second = 0] = uniformNumbers(fold(key, number), 2);
      const a = Math.floor(first * words.length);
      // Another than the first: one of the rest, those from the first on moved by one.
      const other = Math.floor(second * (words.length - 1));
      const [from = 0, to = 0] = [words[a], words[other < a ? other : other + 1]];
      [pieces[from], pieces[to]] = [pieces[to] as Piece, pieces[from] as Piece];
    }
    return joined(pieces);
  });
}

/**
 * Leaves each word out with a chance of `share`, but never all of them: random deletion of Wei and Zou 2019 (1901.11196). The space before a
 * word goes with it.
 *
 * @throws TrainbookError if the share is not above 0 and at most 1.
 * @example
 * const more = await augment(train, [randomDeletion({ share: 0.2 })], { seed: 42 });
 */
export function randomDeletion({ share = 0.1, unit = 'word' }: RandomEditOptions = {}): Augmenter {
  checkShare('randomDeletion', share);
  return oneByOne('deletion', ({ text, key }) => {
    const pieces = piecesOf(text, unit);
    const words = wordPlaces(pieces);
    if (words.length < 2) return undefined;
    const chances = uniformNumbers(fold(key, 'words'), words.length);
    const going = new Set(words.filter((_, number) => (chances[number] ?? 1) < share));
    if (going.size === words.length) going.delete(chosen(words, fold(key, 'stays')) ?? 0);
    const kept = pieces.filter(({ isWord, text: own }, place) => {
      const isSpace = !isWord && own.trim() === '';
      return !going.has(place) && !(isSpace && going.has(place + 1));
    });
    // Where the first word went, its space is left.
    const left = joined(kept).trim();
    return `${/^\s*/u.exec(text)?.[0] ?? ''}${left}${/\s*$/u.exec(text)?.[0] ?? ''}`;
  });
}
