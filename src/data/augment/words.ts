// 'Don’t panic: 银行卡号!' → Don’t|␣|panic|:␣|银行|卡号|!   (every second one here is no word)

/** A stretch of a text: a word, or what stands between two. */
export interface Piece {
  readonly text: string;
  readonly isWord: boolean;
}

/** What is moved and left out: words, or single letters, digits and characters, which serves Chinese without a dictionary. */
export type Unit = 'word' | 'character';

const unspaced = String.raw`[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]`;
const spaced = String.raw`(?:(?!${unspaced})[\p{L}\p{M}\p{N}])+`;
const wordPattern = new RegExp(String.raw`${unspaced}+|${spaced}(?:['’-]${spaced})*`, 'gu');
const characterPattern = /[\p{L}\p{N}]\p{M}*/gu;
const isUnspaced = new RegExp(unspaced, 'u');
const segmenter = new Intl.Segmenter('zh', { granularity: 'word' });

/**
 * The words of a text and what stands between them: joined they are the text. Where a script has no spaces, words are those of
 * `Intl.Segmenter`, whose dictionary belongs to the version of Node.
 */
export function piecesOf(text: string, unit: Unit = 'word'): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  const add = (piece: string, isWord: boolean): void => {
    if (piece !== '') pieces.push({ text: piece, isWord });
  };
  for (const { 0: word, index } of text.matchAll(unit === 'word' ? wordPattern : characterPattern)) {
    add(text.slice(end, index), false);
    end = index + word.length;
    if (unit === 'character' || !isUnspaced.test(word)) add(word, true);
    else for (const { segment } of segmenter.segment(word)) add(segment, true);
  }
  add(text.slice(end), false);
  return pieces;
}

/** Whether words of this script stand without spaces between them. */
export const standsWithoutSpace = (word: string): boolean => isUnspaced.test(word);

/** The places of the words among the pieces. */
export function wordPlaces(pieces: readonly Piece[]): readonly number[] {
  return pieces.flatMap(({ isWord }, place) => (isWord ? [place] : []));
}

export const joined = (pieces: readonly { readonly text: string }[]): string => pieces.map(({ text }) => text).join('');
