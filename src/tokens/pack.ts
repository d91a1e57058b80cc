import { TrainbookError } from '../error.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * Documents as rows of tokens: rows of `context + 1`, of which a model sees the first `context` and predicts the last
 * `context`.
 */
export interface Packed {
  readonly context: number;
  readonly numRows: number;
  /** [numRows, context + 1] */
  readonly tokens: Int32Array;
  /** 1 for each target that counts, 0 for padding. [numRows, context] */
  readonly weights: Uint8Array;
  /** Targets that count: the sum of the weights. Ends of documents are among them. */
  readonly numTokens: number;
  /** UTF-8 bytes of the text that these targets stand for, to give a loss in bits per byte. Ends of documents have none. */
  readonly numBytes: number;
}

/**
 * Encodes documents and lays them end to end, `<|endoftext|>` before the first, between, and after the last; then cuts rows
 * of context + 1 tokens, each beginning with the last token of the row before it. So every token of every document is a
 * target just once, and `numBytes` is all of the text. The last row is padded with `<|endoftext|>`, at weight 0.
 *
 * Bits per byte = (sum of the targets' losses in nats) / ln 2 / numBytes.
 *
 * @throws TrainbookError if there are no documents, or the context is not a positive integer.
 * @example
 * const packed = pack(corpus.train, tokenizer, 256);
 */
export function pack(
  corpus: { readonly documents: readonly { readonly text: string }[] },
  tokenizer: Tokenizer,
  context: number,
): Packed {
  if (!Number.isInteger(context) || context < 1) {
    throw new TrainbookError({
      what: 'pack: context must be positive',
      received: context,
      expected: 'an integer > 0',
      fix: 'set model.context',
    });
  }
  if (corpus.documents.length === 0) {
    throw new TrainbookError({ what: 'pack: there are no documents', received: 0, expected: 'at least one' });
  }
  const stream = concatenate(corpus.documents, tokenizer);
  const numTokens = stream.length - 1;
  const numRows = Math.ceil(numTokens / context);
  const tokens = new Int32Array(numRows * (context + 1)).fill(tokenizer.endOfText);
  for (let row = 0; row < numRows; row++) {
    tokens.set(stream.subarray(row * context, (row + 1) * context + 1), row * (context + 1));
  }
  return {
    context,
    numRows,
    tokens,
    weights: new Uint8Array(numRows * context).fill(1, 0, numTokens),
    numTokens,
    numBytes: corpus.documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
  };
}

/** The tokens of all documents, `<|endoftext|>` before, between and after them. */
export function concatenate(documents: readonly { readonly text: string }[], tokenizer: Tokenizer): Int32Array {
  let stream = new Int32Array(1024);
  let length = 0;
  const append = (ids: readonly number[]): void => {
    if (length + ids.length > stream.length) {
      const longer = new Int32Array(Math.max(2 * stream.length, length + ids.length));
      longer.set(stream);
      stream = longer;
    }
    stream.set(ids, length);
    length += ids.length;
  };
  append([tokenizer.endOfText]);
  for (const { text } of documents) {
    append(tokenizer.encode(text));
    append([tokenizer.endOfText]);
  }
  return stream.slice(0, length);
}
