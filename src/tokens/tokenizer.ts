/** Text to token numbers and back. A plain value of functions; `json` is all there is to keep. */
export interface Tokenizer {
  /** One more than the highest id. */
  readonly size: number;
  /** The id of the token that stands before and after each document: one of the special tokens. */
  readonly endOfText: number;
  /** Special tokens, such as `<|endoftext|>` or `<|im_start|>`: how each is written, and its id. */
  readonly special: ReadonlyMap<string, number>;
  /**
   * The tokens of a text. What is written like a special token is text too, unless asked otherwise: no text can end a document
   * or play a role.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** How the vocabulary writes a token (`Ġthe`, `##ing`, `▁the`); undefined for an id that is none. */
  token(id: number): string | undefined;
  /** The text of tokens; special tokens as they are written. @throws TrainbookError for an id that is not one. */
  decode(ids: ArrayLike<number>): string;
  /** What a model reads for one text, or for two: with the tokens that its training put around them (`[CLS] a [SEP] b [SEP]`). */
  frame(first: readonly number[], second?: readonly number[]): Framed;
  /** The same tokenizer as a `tokenizer.json` that Hugging Face's libraries read. */
  readonly json: string;
}

export interface EncodeOptions {
  /** True: special tokens that are written in the text are recognised, as Hugging Face's libraries do. Default: false. */
  readonly special?: boolean;
}

/** Tokens with those that frame them. */
export interface Framed {
  readonly ids: number[];
  /** Which text each token belongs to: 0 the first, 1 the second. */
  readonly types: number[];
}

/** A tokenizer's model: the tokens of one word. */
export type TokenizeWord = (word: string) => readonly number[];

/** How `endOfText` is written by tokenizers that are trained here. */
export const END_OF_TEXT = '<|endoftext|>';
