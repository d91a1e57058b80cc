import type { Tokenizer } from './tokenizer.js';

const incomplete = '\uFFFD';

/** Text that grows token by token. */
export interface DecodedText {
  /** The text that this token completes; empty while it ends inside a character. */
  push(token: number): string;
  /** What is still held back. */
  end(): string;
}

/**
 * Decodes tokens as they come: the pieces, joined, are the text of all tokens. A token may end within a character of several bytes (中 has
 * three): its text waits for the rest, so that nothing is written that would have to be taken back.
 *
 * Only a few tokens are decoded at each push: those held back, after the last ones that were written. The latter tell how a token begins
 * that is not the first, for a tokenizer that drops the text's first space, or puts spaces between words.
 *
 * @example
 * const text = decodedText(tokenizer);
 * for await (const { token } of generated) process.stdout.write(text.push(token));
 * process.stdout.write(text.end());
 */
export function decodedText(tokenizer: Pick<Tokenizer, 'decode' | 'token'>): DecodedText {
  let before: number[] = []; // written already
  let held: number[] = [];
  let start = 0; // length of the text of `before`
  const decodeHeld = (tokens: readonly number[]): string => tokenizer.decode([...before, ...tokens]).slice(start);
  const written = (tokens: number[], rest: number[]): void => {
    const own = tokenizer.decode(tokens);
    // Tokens without text of their own tell nothing: those before them still count as the last ones.
    [before, start] = own === '' ? [[...before, ...tokens], start + decodeHeld(tokens).length] : [tokens, own.length];
    held = rest;
  };
  return {
    push(token) {
      held.push(token);
      if (isByte(tokenizer.token(token))) return '';
      const fresh = decodeHeld(held);
      if (!fresh.endsWith(incomplete)) {
        written(held, []);
        return fresh;
      }
      // Bytes that are no character may come without end. Four tokens before the last byte of a character are enough.
      if (held.length <= longestCharacter) return '';
      const [earlier, last] = [held.slice(0, -1), held.slice(-1)];
      const settled = decodeHeld(earlier);
      if (settled + tokenizer.decode(last) !== fresh) return '';
      written(earlier, last);
      return settled;
    },
    end() {
      const fresh = held.length === 0 ? '' : decodeHeld(held);
      written(held, []);
      return fresh;
    },
  };
}

/** Bytes of a character in UTF-8, at most. */
const longestCharacter = 4;

/**
 * Whether a token is one of the bytes, `<0x0A>`, as which SentencePiece writes characters that are not in its vocabulary. Its decoders
 * take neighbouring bytes together: if all are not UTF-8, none of them is text. So they wait for the end of their row.
 */
function isByte(token: string | undefined): boolean {
  return token !== undefined && /^<0x[0-9A-F]{2}>$/.test(token);
}
