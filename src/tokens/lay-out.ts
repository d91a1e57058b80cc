import { bestFitDecreasing } from './best-fit.js';

/** Parts of one long stream of tokens, each to lie whole within a row. */
export interface Pieces {
  readonly stream: Int32Array;
  /** 1 for each token of the stream that is to be predicted; without it, all are. The first token of a piece never is. */
  readonly counted?: Uint8Array; // [stream.length]
  /** Where in the stream each piece begins. */
  readonly starts: Float64Array; // [pieces]
  /** Tokens of each piece: at least 2, at most context + 1. */
  readonly lengths: Int32Array; // [pieces]
  /** 1 if the first token of a piece and the last one of the piece before it in a row are one and the same token. */
  readonly shares: Uint8Array; // [pieces]
  /** Whether each piece has a row of its own; rows are then in the order of the pieces. Default: false. */
  readonly apart?: boolean;
}

/** Rows of pieces. Fields as in `Packed`. */
export interface LaidOut {
  readonly numRows: number;
  readonly tokens: Int32Array; // [numRows, context + 1]
  readonly weights: Uint8Array; // [numRows, context]
  readonly documents: Int32Array; // [numRows, context]
  readonly positions: Int32Array; // [numRows, context]
  /** Places after the last target of their row. */
  readonly numPadding: number;
  /** The pieces in each row, in their order. [numRows] */
  readonly rowPieces: readonly (readonly number[])[];
}

/**
 * Puts pieces into rows of context + 1 tokens by best-fit-decreasing, and fills the rows up with `filler`. A piece of n tokens
 * is n − 1 predictions; where it follows another one and shares no token with it, it takes n places, since from the last token
 * of the piece before it nothing is predicted.
 *
 * The number of a token in `documents` is that of its piece, counted from 0 in each row; all filler has one number, of its own.
 * A shared token belongs to the piece that it begins.
 */
export function layOut(pieces: Pieces, context: number, filler: number): LaidOut {
  const { stream, counted, starts, lengths, shares, apart = false } = pieces;
  const { numRows, rows, order } = bestFitDecreasing(
    lengths.map((length) => length - 1),
    lengths.map((length, piece) => (apart ? context + 1 : length - (shares[piece] ?? 0))),
    context,
  );
  const tokens = new Int32Array(numRows * (context + 1)).fill(filler);
  const weights = new Uint8Array(numRows * context);
  const documents = new Int32Array(numRows * context);
  const positions = new Int32Array(numRows * context);
  const used = new Int32Array(numRows); // tokens that stand in each row
  const numbers = new Int32Array(numRows); // pieces that stand in each row
  const rowPieces = Array.from({ length: numRows }, (): number[] => []);
  /** Gives the places from `from` up to `to` of a row to the next document of that row. */
  const number = (row: number, from: number, to: number): void => {
    const own = numbers[row] ?? 0;
    numbers[row] = own + 1;
    const offset = row * context;
    documents.fill(own, offset + from, offset + to);
    for (let place = from; place < to; place++) positions[offset + place] = place - from;
  };
  for (const piece of order) {
    const row = rows[piece] ?? 0;
    const start = starts[piece] ?? 0;
    const length = lengths[piece] ?? 0;
    const before = used[row] ?? 0;
    const from = before === 0 ? 0 : before - (shares[piece] ?? 0);
    const to = from + length;
    tokens.set(stream.subarray(start, start + length), row * (context + 1) + from);
    // The target at a place is the token one further.
    if (counted) weights.set(counted.subarray(start + 1, start + length), row * context + from);
    else weights.fill(1, row * context + from, row * context + to - 1);
    number(row, from, Math.min(to, context));
    used[row] = to;
    rowPieces[row]?.push(piece);
  }
  let numPadding = 0;
  used.forEach((length, row) => {
    numPadding += context + 1 - length;
    if (length < context) number(row, length, context);
  });
  return { numRows, tokens, weights, documents, positions, numPadding, rowPieces };
}
