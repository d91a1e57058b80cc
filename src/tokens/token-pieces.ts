// Byte-level BPE, "中 the" in a vocabulary that has " the", but of 中 only its first two bytes together and the third:
//   ids     483    158    262
//   token   ä¸     Ń      Ġthe
//   piece   E4 B8  AD     ␣the
import { bytesOfToken } from './byte-level.js';
import { printable } from './marked-text.js';
import type { Tokenizer } from './tokenizer.js';

/** One token as it can be shown. */
export interface TokenPiece {
  readonly id: number;
  /** Its text; of a token whose bytes are no whole characters, the bytes in hexadecimal (`E4 B8`). */
  readonly text: string;
  readonly kind: 'text' | 'bytes' | 'special';
}

/** A row of tokens, to be shown each by itself. */
export interface TokenPieces {
  readonly title: string;
  readonly pieces: readonly TokenPiece[];
}

/** How a vocabulary with byte fallback writes a byte: `<0xE4>`. */
const byteToken = /^<0x([0-9A-F]{2})>$/;

/**
 * The tokens of a text, or tokens by their ids, each as it can be read: what a byte-level vocabulary writes `Ġthe` is ` the`, and
 * bytes that are no whole characters are given as numbers. Tokens of other vocabularies are as written there (`##ing`, `▁the`).
 *
 * @throws TrainbookError for an id that is not a token.
 * @example
 * await show(tokenPieces(tokenizer, 'Wherefore art thou unbelievable?'));
 */
export function tokenPieces(tokenizer: Tokenizer, tokens: string | ArrayLike<number>, title?: string): TokenPieces {
  const ids = typeof tokens === 'string' ? tokenizer.encode(tokens) : Array.from(tokens);
  const specials = new Set(tokenizer.special.values());
  const pieces = ids.map((id): TokenPiece => {
    const text = tokenizer.decode([id]);
    if (specials.has(id)) return { id, text: tokenizer.token(id) ?? text, kind: 'special' };
    return { id, ...readable(tokenizer.token(id) ?? text, text) };
  });
  return { title: title ?? `${pieces.length} ${pieces.length === 1 ? 'token' : 'tokens'}`, pieces };
}

/** A token as the vocabulary writes it, and what is decoded of it alone: replacement characters where its bytes are not whole. */
function readable(written: string, text: string): Omit<TokenPiece, 'id'> {
  const fallback = byteToken.exec(written)?.[1];
  if (fallback !== undefined && text !== written)
    return text === '' || text === REPLACEMENT ? { text: fallback, kind: 'bytes' } : { text, kind: 'text' };
  const bytes = bytesOfToken(written);
  // Only a byte-level vocabulary decodes its token to these bytes: elsewhere é is a letter, not the byte E9.
  if (bytes === undefined || Buffer.from(bytes).toString('utf8') !== text) return { text: written, kind: 'text' };
  return Buffer.from(text).equals(bytes) ? { text, kind: 'text' } : { text: hexadecimal(bytes), kind: 'bytes' };
}

const REPLACEMENT = '\ufffd';

const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ');

/**
 * Tokens for a terminal, with a bar between two: `Where|fore| art| thou`. Bytes stand in ‹›, control characters are escapes.
 *
 * @example
 * console.log(piecesText(tokenPieces(tokenizer, 'Wherefore art thou?')));
 */
export function piecesText({ title, pieces }: TokenPieces): string {
  const shown = pieces.map(({ text, kind }) => {
    const escaped = printable(text)
      .map((part) => part.text)
      .join('');
    return kind === 'text' ? escaped : `‹${escaped}›`;
  });
  return `${title}\n${shown.join('|')}`;
}
