import { bytesOfToken } from './byte-level.js';
import { nativeDecoder } from './native-parts.js';
import type { Part } from './tokenizer-json.js';

/** Tokens, as the vocabulary writes them, to text. */
export type JoinTokens = (tokens: readonly string[]) => string;

/**
 * The `decoder` of a tokenizer.json. That of byte-level vocabularies joins the tokens' bytes; bytes that are no UTF-8 become U+FFFD.
 * Others are Hugging Face's library's.
 */
export function decoderOf(part: Part | null | undefined): JoinTokens {
  if (part?.type === 'ByteLevel') return joinBytes();
  if (part?.type === 'Fuse') return (tokens) => tokens.join('');
  if (part === null || part === undefined) return (tokens) => tokens.join(' ');
  const decode = nativeDecoder(part);
  return (tokens) => decode([...tokens]);
}

function joinBytes(): JoinTokens {
  const known = new Map<string, Uint8Array>();
  const bytesOf = (token: string): Uint8Array => {
    let bytes = known.get(token);
    if (bytes === undefined) {
      // An added token may hold characters that are not in the alphabet: it stands for itself.
      bytes = bytesOfToken(token) ?? Buffer.from(token);
      known.set(token, bytes);
    }
    return bytes;
  };
  return (tokens) => Buffer.concat(tokens.map(bytesOf)).toString('utf8');
}
