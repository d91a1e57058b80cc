import type { Tokenizer } from '../tokens/tokenizer.js';

const INCOMPLETE = '\uFFFD';

/** Text that grows token by token. */
export interface DecodedText {
  /** The text that this token completes; empty while it ends inside a character. */
  push(token: number): string;
  /** What is still held back. */
  end(): string;
}

/**
 * Decodes tokens as they come. A token may end within a character of several bytes (中 has three): its text waits for the rest,
 * so that nothing is written that would have to be taken back.
 *
 * @example
 * const text = decodedText(tokenizer);
 * for await (const { token } of generated) process.stdout.write(text.push(token));
 * process.stdout.write(text.end());
 */
export function decodedText(tokenizer: Pick<Tokenizer, 'decode'>): DecodedText {
  const tokens: number[] = [];
  let shown = '';
  const upTo = (whole: string): string => {
    const fresh = whole.slice(shown.length);
    shown = whole;
    return fresh;
  };
  return {
    push(token) {
      tokens.push(token);
      const whole = tokenizer.decode(tokens);
      return whole.endsWith(INCOMPLETE) ? '' : upTo(whole);
    },
    end: () => upTo(tokenizer.decode(tokens)),
  };
}
