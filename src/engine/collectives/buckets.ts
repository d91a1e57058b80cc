import { bytesOf, type DType, sizeOf, type Spec } from '../trace.js';

/** Tensors of one dtype that travel as one flat tensor, each where it stood in the list. */
export interface Bucket {
  readonly dtype: DType;
  /** Positions in the list of tensors. */
  readonly positions: readonly number[];
  /** Elements of each of them. */
  readonly sizes: readonly number[];
}

/** 25 MB, as in PyTorch's data parallel (Li 2020, arXiv 2006.15704): large against a message's fixed cost, small against a step. */
export const bucketBytes = 25 * 2 ** 20;

/**
 * Packs tensors into buckets, in the order of the list: a bucket is closed when the next tensor of its dtype would make it larger
 * than `mostBytes`, so a larger tensor has one of its own. Empty tensors are in none. Equal specs give equal buckets, on every member.
 *
 * @example
 * buckets([{ dtype: 'float32', shape: [2, 3] }, { dtype: 'float32', shape: [] }]);
 * // [{ dtype: 'float32', positions: [0, 1], sizes: [6, 1] }]
 */
export function buckets(specs: readonly Spec[], mostBytes = bucketBytes): Bucket[] {
  const closed: Bucket[] = [];
  const open = new Map<DType, { positions: number[]; sizes: number[]; numBytes: number }>();
  specs.forEach((spec, position) => {
    const size = sizeOf(spec.shape);
    const numBytes = bytesOf(spec);
    if (size === 0) return;
    const filling = open.get(spec.dtype);
    if (filling !== undefined && filling.numBytes + numBytes <= mostBytes) {
      filling.positions.push(position);
      filling.sizes.push(size);
      filling.numBytes += numBytes;
      return;
    }
    if (filling !== undefined) closed.push({ dtype: spec.dtype, ...filling });
    open.set(spec.dtype, { positions: [position], sizes: [size], numBytes });
  });
  const last = [...open].map(([dtype, filling]) => ({ dtype, ...filling }));
  return [...closed, ...last].map(({ dtype, positions, sizes }) => ({ dtype, positions, sizes }));
}
