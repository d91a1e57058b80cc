import { withRepeats } from '../data/mix/with-repeats.js';
import { TrainbookError } from '../error.js';
import { layOut } from './lay-out.js';
import type { LaidOut } from './lay-out.js';
import { documentIds, rowDocuments } from './row-documents.js';
import type { RowDocuments } from './row-documents.js';
import type { Tokenizer } from './tokenizer.js';

/**
 * Documents as rows of tokens: rows of `context + 1`, of which a model sees the first `context` and predicts the last
 * `context`. A place of a row is a token that is seen and its target, the token after it.
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
  /**
   * Which document each token that is seen belongs to: equal numbers within a row are one document, so that attention can be
   * kept inside it. Padding never has a document's number. [numRows, context]
   */
  readonly documents?: Int32Array;
  /** The place of each token within its part of a document in this row, from 0. [numRows, context] */
  readonly positions?: Int32Array;
  /** The ids of the documents that lie in each row, to name them when a row stands out. */
  readonly rowDocuments?: RowDocuments;
}

/** A packing, and what it did to the documents. */
export interface Packing extends Packed {
  readonly rowDocuments: RowDocuments;
  readonly numDocuments: number;
  /** Documents that do not lie in one row. */
  readonly numCut: number;
  /** Share of the places that stand after the last target of their row, 0 … 1. */
  readonly padding: number;
}

/** How documents are laid in rows. */
export interface PackOptions {
  /**
   * `concatenate` (the default) lays documents end to end and cuts rows: no padding but in the last row, many documents cut.
   * `best-fit` cuts only documents that are longer than a row, and pads.
   */
  readonly form?: 'concatenate' | 'best-fit';
  /** Whether rows say where documents are: `documents` and `positions`. Default: those of best fit do. */
  readonly documents?: boolean;
}

/** Anything that has documents with a text. */
interface Texts {
  readonly documents: readonly {
    readonly text: string;
    readonly id?: string;
    /** `epochs`: how often `mix` takes the document, once if not said. */
    readonly meta?: Readonly<Record<string, unknown>>;
  }[];
}

/**
 * Encodes documents and puts them into rows of context + 1 tokens. A document is its tokens and, as the last target,
 * `<|endoftext|>`; its first token is predicted from the `<|endoftext|>` before it, which belongs to it (position 0). So every
 * token of every document is a target just once, `numBytes` is all of the text, and no token is predicted from another
 * document where attention is kept inside `documents`. Rows are padded with `<|endoftext|>`, at weight 0. A document with
 * `meta.epochs: k`, which `mix` takes k times, is packed k times.
 *
 * `concatenate`: documents end to end, each row beginning with the last token of the row before it.
 *
 * `best-fit`: a document of up to `context` targets lies in one row. A longer one is first cut into full rows, each beginning
 * with the last token of the part before it, and a rest, which begins so too; where the rest follows another document in its
 * row, that first token of it is a target of weight 0. Then all are packed by best-fit-decreasing (Ding et al. 2024, 2404.10830).
 *
 * Bits per byte = (sum of the targets' losses in nats) / ln 2 / numBytes.
 *
 * @throws TrainbookError if there are no documents, or the context is not a positive integer.
 * @example
 * const packed = pack(corpus.train, tokenizer, 256);
 * const whole = pack(corpus.train, tokenizer, 256, { form: 'best-fit' });
 */
export function pack(corpus: Texts, tokenizer: Tokenizer, context: number, options: PackOptions = {}): Packing {
  const { form = 'concatenate', documents = form === 'best-fit' } = options;
  checkContext('pack', context);
  if (corpus.documents.length === 0) {
    throw new TrainbookError({ what: 'pack: there are no documents', received: 0, expected: 'at least one' });
  }
  const texts = withRepeats(corpus.documents);
  const encoded = encodeDocuments(texts, tokenizer);
  const numTokens = encoded.stream.length - 1;
  const laid =
    form === 'best-fit' ? bestFit(encoded, tokenizer, context) : endToEnd(encoded, tokenizer, context, documents);
  const { numRows, tokens, weights, numPadding, numCut } = laid;
  return {
    context,
    numRows,
    tokens,
    weights,
    ...(documents && { documents: laid.documents, positions: laid.positions }),
    rowDocuments: rowDocuments(documentIds(texts), laid.rowNumbers),
    numTokens,
    numBytes: texts.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
    numDocuments: texts.length,
    numCut,
    padding: numPadding / (numRows * context),
  };
}

type Laid = Omit<LaidOut, 'rowPieces'> & {
  readonly numCut: number;
  /** The numbers of the documents in each row. */
  readonly rowNumbers: readonly (readonly number[])[];
};

function endToEnd({ stream, ends }: Encoded, { endOfText }: Tokenizer, context: number, numbered: boolean): Laid {
  const numTokens = stream.length - 1;
  const numRows = Math.ceil(numTokens / context);
  const numPlaces = numRows * context;
  const tokens = new Int32Array(numRows * (context + 1)).fill(endOfText);
  const documents = new Int32Array(numbered ? numPlaces : 0);
  const positions = new Int32Array(numbered ? numPlaces : 0);
  for (let row = 0; row < numRows; row++) {
    tokens.set(stream.subarray(row * context, (row + 1) * context + 1), row * (context + 1));
    if (numbered) {
      const seen = tokens.subarray(row * (context + 1), (row + 1) * (context + 1) - 1);
      numberDocuments(seen, endOfText, documents, positions, row * context);
    }
  }
  // The targets of a document are at the places from its beginning up to its end in the stream.
  let numCut = 0;
  const rowNumbers = Array.from({ length: numRows }, (): number[] => []);
  for (let index = 1; index < ends.length; index++) {
    const firstRow = Math.floor((ends[index - 1] ?? 0) / context);
    const lastRow = Math.floor(((ends[index] ?? 0) - 1) / context);
    if (firstRow !== lastRow) numCut++;
    for (let row = firstRow; row <= lastRow; row++) rowNumbers[row]?.push(index - 1);
  }
  const weights = new Uint8Array(numPlaces).fill(1, 0, numTokens);
  return { numRows, tokens, weights, documents, positions, numCut, rowNumbers, numPadding: numPlaces - numTokens };
}

/** Numbers documents in a row whose documents each begin with `endOfText`, and the places within them; from `offset` on. */
export function numberDocuments(
  seen: Int32Array,
  endOfText: number,
  documents: Int32Array,
  positions: Int32Array,
  offset: number,
): void {
  let number = 0;
  let start = 0;
  seen.forEach((token, place) => {
    if (token === endOfText && place > 0) {
      number++;
      start = place;
    }
    documents[offset + place] = number;
    positions[offset + place] = place - start;
  });
}

function bestFit({ stream, ends }: Encoded, { endOfText }: Tokenizer, context: number): Laid {
  let numPieces = 0;
  let numCut = 0;
  for (let index = 1; index < ends.length; index++) {
    const parts = Math.ceil(((ends[index] ?? 0) - (ends[index - 1] ?? 0)) / context);
    numPieces += parts;
    if (parts > 1) numCut++;
  }
  const starts = new Float64Array(numPieces);
  const lengths = new Int32Array(numPieces);
  const shares = new Uint8Array(numPieces);
  const numbers = new Int32Array(numPieces); // of the document that each is a part of
  let piece = 0;
  for (let index = 1; index < ends.length; index++) {
    const from = ends[index - 1] ?? 0;
    const to = ends[index] ?? 0;
    for (let start = from; start < to; start += context) {
      starts[piece] = start;
      lengths[piece] = Math.min(context, to - start) + 1;
      shares[piece] = start === from ? 1 : 0;
      numbers[piece] = index - 1;
      piece++;
    }
  }
  const { rowPieces, ...laid } = layOut({ stream, starts, lengths, shares }, context, endOfText);
  // Two parts of one document may share a row.
  const rowNumbers = rowPieces.map((pieces) => [...new Set(pieces.map((each) => numbers[each] ?? 0))]);
  return { ...laid, numCut, rowNumbers };
}

/** The tokens of all documents, as often as `meta.epochs` says, `<|endoftext|>` before, between and after them. */
export function concatenate(documents: Texts['documents'], tokenizer: Tokenizer): Int32Array {
  return encodeDocuments(withRepeats(documents), tokenizer).stream;
}

interface Encoded {
  readonly stream: Int32Array;
  /** Where `<|endoftext|>` stands: document i is the tokens between ends[i] and ends[i + 1]. */
  readonly ends: Float64Array; // [documents + 1]
}

function encodeDocuments(documents: readonly { readonly text: string }[], tokenizer: Tokenizer): Encoded {
  const ends = new Float64Array(documents.length + 1);
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
  for (const [index, { text }] of documents.entries()) {
    append(tokenizer.encode(text));
    ends[index + 1] = length;
    append([tokenizer.endOfText]);
  }
  return { stream: stream.slice(0, length), ends };
}

/** @throws TrainbookError if the context is not a positive integer. */
export function checkContext(name: string, context: number): void {
  if (Number.isInteger(context) && context >= 1) return;
  throw new TrainbookError({
    what: `${name}: context must be positive`,
    received: context,
    expected: 'an integer > 0',
    fix: 'set model.context',
  });
}
