import { TrainbookError } from '../error.js';

/** The tokens of a text as a model reads it, such as `tokenizer.frame(tokenizer.encode(text)).ids`. */
export interface TokenText {
  readonly tokens: ArrayLike<number>;
  /** The kind of each token, such as `frame`'s `types`: 1 in a pair's second text. */
  readonly types?: ArrayLike<number>;
}

/** Texts of a batch, filled up on the right to one length. All are [batchSize, context]. */
export interface Texts {
  readonly inputs: Int32Array;
  /** 1 for the tokens of a text, 0 for padding. */
  readonly mask: Int32Array;
  /** There if the texts say so. */
  readonly types?: Int32Array;
  readonly context: number;
}

/** What a batch of texts is filled up to, and with. */
export interface TextSizes {
  /** The length of the rows, in tokens; no text may be longer. */
  readonly context: number;
  /** The token to fill up with, such as `tokenizer.special.get('[PAD]')`. */
  readonly padding: number;
}

/** A batch of padding. */
export function emptyTexts(texts: readonly TokenText[], batchSize: number, { context, padding }: TextSizes): Texts {
  const size = batchSize * context;
  const hasTypes = texts[0]?.types !== undefined;
  return {
    inputs: new Int32Array(size).fill(padding),
    mask: new Int32Array(size),
    ...(hasTypes && { types: new Int32Array(size) }),
    context,
  };
}

/** Puts a text at a place of a batch. */
export function copyText({ tokens, types }: TokenText, batch: Texts, place: number): void {
  const start = place * batch.context;
  batch.inputs.set(tokens, start);
  batch.mask.fill(1, start, start + tokens.length);
  if (types) batch.types?.set(types, start);
}

/** @throws TrainbookError if there are no texts, one is empty or longer than the context, or only some have types. */
export function checkTexts(what: string, texts: readonly TokenText[], { context }: TextSizes): void {
  if (!Number.isInteger(context) || context < 1) {
    throw new TrainbookError({ what: `${what}: no such context`, received: context, expected: 'an integer > 0' });
  }
  if (texts.length === 0) {
    throw new TrainbookError({ what: `${what}: there are no texts`, received: '[]', expected: 'at least one' });
  }
  const hasTypes = texts[0]?.types !== undefined;
  texts.forEach(({ tokens, types }, index) => {
    const { length } = tokens;
    if (length === 0 || length > context) {
      throw new TrainbookError({
        what: `${what}: text ${index} does not fit into a row`,
        received: `${length} tokens`,
        expected: `1 to ${context}, the context`,
        fix: 'cut the text before it is framed, or take a longer context',
      });
    }
    if ((types !== undefined) === hasTypes && (types === undefined || types.length === length)) return;
    throw new TrainbookError({
      what: `${what}: text ${index} says other things of its tokens than the first text`,
      received: types === undefined ? 'no types' : `${types.length} types of ${length} tokens`,
      expected: hasTypes ? 'a type for each token' : 'no types',
    });
  });
}
