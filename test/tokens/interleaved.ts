import type { Batch } from '../../src/tokens/loader.js';

/** One batch of those of all readers: row r, r + n, … from reader r of n. */
export function interleaved(parts: readonly Batch[]): Batch {
  const [first] = parts;
  if (!first) throw new Error('no parts');
  const { context } = first;
  const batchSize = first.batchSize * parts.length;
  const joined = <A extends Int32Array | Float32Array>(into: A, of: (part: Batch) => A | undefined): A => {
    parts.forEach((part, index) => {
      for (let row = 0; row < part.batchSize; row++) {
        const from = of(part)?.subarray(row * context, (row + 1) * context) ?? [];
        into.set(from, (row * parts.length + index) * context);
      }
    });
    return into;
  };
  const ints = (of: (part: Batch) => Int32Array | undefined): Int32Array =>
    joined(new Int32Array(batchSize * context), of);
  return {
    inputs: ints(({ inputs }) => inputs),
    targets: ints(({ targets }) => targets),
    weights: joined(new Float32Array(batchSize * context), ({ weights }) => weights),
    ...(first.documents && { documents: ints(({ documents }) => documents) }),
    ...(first.positions && { positions: ints(({ positions }) => positions) }),
    batchSize,
    context,
  };
}
