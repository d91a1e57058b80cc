import { fold, permutation } from '../engine/key.js';
import type { Key } from '../engine/key.js';
import { TrainbookError } from '../error.js';
import { checkMultiple, roundUp } from './pad.js';

export interface BucketOptions {
  /** The most tokens of a batch, padding included: rows · padded length ≤ maxTokens. */
  readonly maxTokens: number;
  /** Lengths are rounded up to a multiple of this, as `pad` does; by default 1. Examples of equal rounded length mix freely. */
  readonly multipleOf?: number;
  /** Decides the order; fold the number of the epoch in. */
  readonly key: Key;
}

/**
 * Batches of examples of similar length for one epoch, so that little is padding: the numbers of the examples of each batch.
 * Every example is in just one. Examples in an order drawn by key are sorted by rounded length (the sort is stable: those of
 * one length stay in the drawn order) and cut into batches of as many as `maxTokens` holds; the batches come in an order
 * drawn by key.
 *
 * @throws TrainbookError if an example is longer than `maxTokens`, or `multipleOf` is not a positive integer.
 * @example
 * for (const batch of bucket(lengths, { maxTokens: 4096, multipleOf: 16, key: fold(key, epoch) })) {
 *   const { tokens, mask } = pad(Array.from(batch, (index) => examples[index] ?? []), { token: 0, multipleOf: 16 });
 * }
 */
export function bucket(lengths: ArrayLike<number>, { maxTokens, multipleOf = 1, key }: BucketOptions): Uint32Array[] {
  checkMultiple('bucket', multipleOf);
  const padded = Float64Array.from(lengths, (length) => Math.max(multipleOf, roundUp(length, multipleOf)));
  const tooLong = padded.findIndex((length) => !(length <= maxTokens));
  if (tooLong !== -1) {
    throw new TrainbookError({
      what: `bucket: example ${tooLong} does not fit into a batch`,
      received: `${padded[tooLong] ?? 0} tokens with its padding`,
      expected: `at most maxTokens, ${maxTokens}`,
      fix: 'raise maxTokens, or cut the example',
    });
  }
  const order = permutation(fold(key, 'examples'), padded.length);
  order.sort((a, b) => (padded[a] ?? 0) - (padded[b] ?? 0));
  const batches: Uint32Array[] = [];
  let start = 0;
  for (let end = 1; end <= order.length; end++) {
    const next = padded[order[end] ?? 0] ?? 0; // were it in the batch, all rows would have its length
    if (end < order.length && (end + 1 - start) * next <= maxTokens) continue;
    batches.push(order.slice(start, end));
    start = end;
  }
  return Array.from(permutation(fold(key, 'batches'), batches.length), (index) => batches[index] ?? new Uint32Array());
}
