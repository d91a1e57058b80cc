import { TrainbookError } from '../error.js';

/** Sequences of tokens, filled up to one length. */
export interface Padded {
  readonly numRows: number;
  readonly length: number;
  readonly tokens: Int32Array; // [numRows, length]
  /** The attention mask: 1 for tokens of the sequence, 0 for padding. */
  readonly mask: Uint8Array; // [numRows, length]
}

export interface PadOptions {
  /** The token to fill up with, such as `tokenizer.endOfText`. The mask tells padding from the same token in a text. */
  readonly token: number;
  /** Where padding stands: `right` (the default) of the tokens, or `left`, as for generation, so that all rows end together. */
  readonly side?: 'left' | 'right';
  /** The length is a multiple of this, by default 1. Few lengths are few shapes to compile: with a context, just one. */
  readonly multipleOf?: number;
}

/**
 * Fills sequences up to the longest of them, ⌈longest / multipleOf⌉ · multipleOf tokens. Nothing is cut.
 *
 * @throws TrainbookError if there are no sequences, or `multipleOf` is not a positive integer.
 * @example
 * pad([[5, 6, 7], [8]], { token: 0 }); // tokens [5, 6, 7, 8, 0, 0], mask [1, 1, 1, 1, 0, 0], length 3
 */
export function pad(sequences: readonly ArrayLike<number>[], options: PadOptions): Padded {
  const { token, side = 'right', multipleOf = 1 } = options;
  checkMultiple('pad', multipleOf);
  const numRows = sequences.length;
  const longest = sequences.reduce((most, sequence) => Math.max(most, sequence.length), 0);
  if (longest === 0) {
    throw new TrainbookError({
      what: 'pad: there are no tokens',
      received: `${numRows} sequences`,
      expected: 'at least one with a token',
    });
  }
  const length = roundUp(longest, multipleOf);
  const tokens = new Int32Array(numRows * length).fill(token);
  const mask = new Uint8Array(numRows * length);
  for (const [row, sequence] of sequences.entries()) {
    const start = row * length + (side === 'left' ? length - sequence.length : 0);
    tokens.set(sequence, start);
    mask.fill(1, start, start + sequence.length);
  }
  return { numRows, length, tokens, mask };
}

/** ⌈length / multipleOf⌉ · multipleOf. */
export function roundUp(length: number, multipleOf: number): number {
  return Math.ceil(length / multipleOf) * multipleOf;
}

/** @throws TrainbookError if it is not a positive integer. */
export function checkMultiple(name: string, multipleOf: number): void {
  if (Number.isInteger(multipleOf) && multipleOf >= 1) return;
  throw new TrainbookError({
    what: `${name}: multipleOf must be positive`,
    received: multipleOf,
    expected: 'an integer > 0',
  });
}
