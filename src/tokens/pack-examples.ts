import { TrainbookError } from '../error.js';
import { layOut } from './lay-out.js';
import { checkContext } from './pack.js';
import type { Packing } from './pack.js';
import { rowDocuments } from './row-documents.js';
import type { Tokenizer } from './tokenizer.js';

/*
 * A turn of a chat, of which the answer is to be learned:
 *
 *   tokens   <|im_start|> user \n Hi <|im_end|> <|im_start|> assistant \n Hello <|im_end|>
 *   counted       0        0   0  0      0          0            0      0   1       1
 */

/** Tokens with a loss mask of their own, such as a chat in which only the answers are learned. */
export interface TokenExample {
  readonly tokens: Int32Array;
  /** 1 for each token that is to be predicted, else 0. Of the first token it says nothing: there is nothing to predict it from. */
  readonly counted: Uint8Array; // [tokens.length]
  /** Its name, where something is said of it. Default: `example 3`, by its place. */
  readonly id?: string;
}

export interface PackExamplesOptions {
  /**
   * What becomes of an example of more than context + 1 tokens, or one in which nothing counts. `refuse` (the default): an
   * error. `truncate`: its first context + 1 tokens are kept; it is dropped if nothing counts in them. `drop`: it is left out.
   */
  readonly unfit?: 'refuse' | 'truncate' | 'drop';
  /**
   * `best-fit` (the default) puts several examples into a row, which says where each is. `none`: one a row, in their order, for what takes
   * no documents (prompt tuning), or to see what packing is worth.
   */
  readonly packing?: 'best-fit' | 'none';
}

/** A packing of examples; `numDocuments` are those that are in it, `numCut` those of them that were truncated. */
export interface PackedExamples extends Packing {
  readonly numDropped: number;
}

/**
 * Packs examples whole into rows of context + 1 tokens by best-fit-decreasing. An example of n tokens is n − 1 predictions; its
 * first token is not predicted from the example before it (weight 0). Rows are filled up with `<|endoftext|>` at weight 0.
 *
 * `numBytes` is the length of the counted tokens' text; special tokens have none.
 *
 * @throws TrainbookError if an example does not fit and `unfit` does not say what to do, its mask has another length or other
 *   numbers than 0 and 1, a token is not one of the tokenizer's, or no example is left.
 * @example
 * const packed = packExamples([{ tokens: Int32Array.of(5, 8, 9), counted: Uint8Array.of(0, 0, 1) }], tokenizer, 256);
 */
export function packExamples(
  examples: readonly TokenExample[],
  tokenizer: Tokenizer,
  context: number,
  { unfit = 'refuse', packing = 'best-fit' }: PackExamplesOptions = {},
): PackedExamples {
  checkContext('packExamples', context);
  const fitting: TokenExample[] = [];
  const ids: string[] = [];
  let numCut = 0;
  for (const [index, { tokens, counted, id }] of examples.entries()) {
    checkExample(index, tokens, counted, tokenizer.size);
    const isLong = tokens.length > context + 1;
    const kept = isLong ? { tokens: tokens.subarray(0, context + 1), counted: counted.subarray(0, context + 1) } : null;
    const isEmpty = (kept?.counted ?? counted).indexOf(1, 1) === -1;
    if ((isLong || isEmpty) && unfit === 'refuse') throw refusal(index, tokens.length, context);
    if (isEmpty || (isLong && unfit === 'drop')) continue;
    if (kept) numCut++;
    fitting.push(kept ?? { tokens, counted });
    ids.push(id ?? `example ${index}`);
  }
  if (fitting.length === 0) {
    throw new TrainbookError({
      what: 'packExamples: there are no examples',
      received: `${examples.length} examples, all of them dropped`,
      expected: 'at least one in which a token counts',
      fix: 'take a longer context, or look at the masks',
    });
  }
  const { stream, counted, starts, lengths } = joined(fitting);
  const shares = new Uint8Array(fitting.length);
  const apart = packing === 'none';
  const laid = layOut({ stream, counted, starts, lengths, shares, apart }, context, tokenizer.endOfText);
  const { numRows, tokens, weights, documents, positions, numPadding, rowPieces } = laid;
  const special = new Set(tokenizer.special.values());
  return {
    context,
    numRows,
    tokens,
    weights,
    ...(!apart && { documents, positions }),
    rowDocuments: rowDocuments(ids, rowPieces),
    numTokens: weights.reduce((sum, weight) => sum + weight, 0),
    numBytes: fitting.reduce((sum, example) => sum + countBytes(example, tokenizer, special), 0),
    numDocuments: fitting.length,
    numCut,
    numDropped: examples.length - fitting.length,
    padding: numPadding / (numRows * context),
  };
}

function joined(examples: readonly TokenExample[]) {
  const numTokens = examples.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const stream = new Int32Array(numTokens);
  const counted = new Uint8Array(numTokens);
  const starts = new Float64Array(examples.length);
  let end = 0;
  for (const [index, example] of examples.entries()) {
    stream.set(example.tokens, end);
    counted.set(example.counted, end);
    starts[index] = end;
    end += example.tokens.length;
  }
  return { stream, counted, starts, lengths: Int32Array.from(examples, ({ tokens }) => tokens.length) };
}

/** UTF-8 bytes of the text of counted tokens, run by run: a character may be of several tokens. */
function countBytes({ tokens, counted }: TokenExample, tokenizer: Tokenizer, special: ReadonlySet<number>): number {
  let numBytes = 0;
  let run: number[] = [];
  const endRun = (): void => {
    if (run.length > 0) numBytes += Buffer.byteLength(tokenizer.decode(run));
    run = [];
  };
  tokens.forEach((token, index) => {
    if (index > 0 && counted[index] === 1 && !special.has(token)) run.push(token);
    else endRun();
  });
  endRun();
  return numBytes;
}

function checkExample(index: number, tokens: Int32Array, counted: Uint8Array, size: number): void {
  const refuse = (received: string, expected: string): TrainbookError =>
    new TrainbookError({ what: `packExamples: example ${index} is not one`, received, expected });
  if (counted.length !== tokens.length) {
    throw refuse(`${tokens.length} tokens, a mask of ${counted.length}`, 'a mask as long as the tokens');
  }
  const other = counted.find((flag) => flag > 1);
  if (other !== undefined) throw refuse(`a mask with ${other}`, '1 for tokens that count, 0 for the others');
  const unknown = tokens.find((token) => token < 0 || token >= size);
  if (unknown !== undefined) throw refuse(`the token ${unknown}`, `ids from 0 to ${size - 1}`);
}

function refusal(index: number, numTokens: number, context: number): TrainbookError {
  const isLong = numTokens > context + 1;
  return new TrainbookError({
    what: `packExamples: example ${index} ${isLong ? 'does not fit into a row' : 'has nothing to predict'}`,
    received: `${numTokens} tokens${isLong ? '' : ', none of them counted after the first'}`,
    expected: `at most ${context + 1} tokens (context + 1), one of them counted`,
    fix: "take a longer context, or say unfit: 'truncate' or 'drop'",
  });
}
