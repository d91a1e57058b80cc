import type { AddedToken } from './tokenizer-json.js';

/** A stretch of a text: words still to be tokenized, or a token that was found as it is written. */
export type Stretch = { readonly text: string; readonly first: boolean } | { readonly id: number };

/**
 * Cuts a text at its added tokens, as Hugging Face's library does: of those that begin first the longest; first the tokens that
 * are looked for in the text as it is, then, in what lies between and is normalised, those that are looked for there.
 *
 * A token that stands for a whole word (`single_word`) is none within another word; `lstrip` and `rstrip` take the white space
 * beside a token along.
 */
export function addedTokenCutter(
  tokens: readonly AddedToken[],
  normalise: (text: string) => string,
): (text: string, special: boolean) => Stretch[] {
  const asIs = finder(tokens.filter(({ normalized }) => !normalized));
  const inNormalised = finder(
    tokens
      .filter(({ normalized }) => normalized)
      .map((token): AddedToken => ({ ...token, content: normalise(token.content) })),
  );
  return (text, special) => {
    const stretches: Stretch[] = [];
    let first = true;
    for (const piece of asIs(text, special)) {
      if ('id' in piece) stretches.push(piece);
      else {
        for (const part of inNormalised(normalise(piece.text), special)) {
          stretches.push('id' in part ? part : { text: part.text, first });
          first = false;
        }
      }
      first = false;
    }
    return stretches;
  };
}

type Piece = { readonly text: string } | { readonly id: number };

function finder(tokens: readonly AddedToken[]): (text: string, special: boolean) => Piece[] {
  const known = new Map(tokens.filter(({ content }) => content !== '').map((token) => [token.content, token]));
  if (known.size === 0) return (text) => (text === '' ? [] : [{ text }]);
  const longestFirst = [...known.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escape).join('|'), 'gu');
  return (text, special) => {
    const pieces: Piece[] = [];
    let end = 0;
    for (const match of text.matchAll(pattern)) {
      const token = known.get(match[0]);
      if (token === undefined || (token.special && !special)) continue;
      let [from, to] = [match.index, match.index + match[0].length];
      if (
        token.single_word &&
        (/[\p{L}\p{M}\p{N}\p{Pc}]$/u.test(text.slice(0, from)) || startsWithWord(text.slice(to)))
      )
        continue;
      if (token.lstrip) from = Math.max(end, text.slice(0, from).replace(/\p{White_Space}+$/u, '').length);
      if (token.rstrip) to += text.slice(to).length - text.slice(to).replace(/^\p{White_Space}+/u, '').length;
      if (from > end) pieces.push({ text: text.slice(end, from) });
      pieces.push({ id: token.id });
      end = to;
    }
    if (end < text.length) pieces.push({ text: text.slice(end) });
    return pieces;
  };
}

const startsWithWord = (text: string): boolean => /^[\p{L}\p{M}\p{N}\p{Pc}]/u.test(text);

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
