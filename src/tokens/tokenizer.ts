/** Text to token numbers and back. A plain value of functions; `json` is all there is to keep. */
export interface Tokenizer {
  /** How many tokens there are; ids are 0 … size − 1. */
  readonly size: number;
  /** The id of the token that stands before and after each document: one of the special tokens. */
  readonly endOfText: number;
  /** Special tokens, such as `<|endoftext|>` or `<|im_start|>`: how each is written, and its id. */
  readonly special: ReadonlyMap<string, number>;
  /** The tokens of a text. What is written like a special token is text too: no text can end a document or play a role. */
  encode(text: string): number[];
  /** @throws TrainbookError for an id that is not one. */
  decode(ids: ArrayLike<number>): string;
  /** The same tokenizer as a `tokenizer.json` that Hugging Face's libraries read. */
  readonly json: string;
}

/** How `endOfText` is written: in `tokenizer.json`, and in decoded text. */
export const END_OF_TEXT = '<|endoftext|>';

/** The end-of-text token as an entry of `added_tokens` in `tokenizer.json`. */
export function endOfTextEntry(id: number): Readonly<Record<string, string | number | boolean>> {
  return {
    id,
    content: END_OF_TEXT,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
}
