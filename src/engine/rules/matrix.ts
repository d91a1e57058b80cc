/** Matrix products. m x k times k x n takes 2 m n k operations: a product and an addition for each of the m n k terms. */
import type { Attributes, DType, Rule, Spec } from '../trace.js';
import { sizeOf } from '../trace.js';
import { boolOf } from './attributes.js';
import { broadcastShapes } from './broadcast.js';
import { floatsAndComplex, requireDtype, unsignedIntegers } from './dtypes.js';
import { requireRank, requireRankAtLeast, sizeAt, takeInputs } from './inputs.js';
import { noFlops } from './flops.js';
import { named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

const products: readonly DType[] = [...floatsAndComplex, ...unsignedIntegers, 'int32', 'int64'];

/** The last two sizes, [rows, columns], as the product sees them. */
function matrixOf(spec: Spec, transpose: boolean): readonly [rows: number, columns: number] {
  const [rows, columns] = [sizeAt(spec, -2), sizeAt(spec, -1)];
  return transpose ? [columns, rows] : [rows, columns];
}

/** 2 x elements of the result x inner size. */
const productFlops =
  (transposeA: string): NonNullable<Rule['flops']> =>
  ([a], [product], attributes: Attributes) =>
    a === undefined || product === undefined
      ? 0
      : 2 * sizeOf(product.shape) * matrixOf(a, boolOf(attributes, transposeA, false))[1];

/** [m, k] x [k, n] → [m, n]. */
const matMul: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [a, b] = takeInputs(op, inputs, 'a', 'b');
    const dtype = requireDtype(op, products, a, b);
    requireRank(op, inputs, a, 2, 'a');
    requireRank(op, inputs, b, 2, 'b');
    const [rows, inner] = matrixOf(a.spec, boolOf(attributes, 'transpose_a', false));
    const [innerB, columns] = matrixOf(b.spec, boolOf(attributes, 'transpose_b', false));
    if (inner !== innerB)
      refuse(op, inputs, 'inner sizes differ', innerSizes(attributes, inner, innerB, 'transpose_a', 'transpose_b'));
    return [{ dtype, shape: [rows, columns] }];
  },
  flops: productFlops('transpose_a'),
});

/** [..., m, k] x [..., k, n] → [..., m, n]: the axes before the matrices stretch to one shape. */
const batchMatMul: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [a, b] = takeInputs(op, inputs, 'x', 'y');
    const dtype = requireDtype(op, [...products, 'int16'], a, b);
    requireRankAtLeast(op, inputs, a, 2, 'x');
    requireRankAtLeast(op, inputs, b, 2, 'y');
    const [rows, inner] = matrixOf(a.spec, boolOf(attributes, 'adj_x', false));
    const [innerB, columns] = matrixOf(b.spec, boolOf(attributes, 'adj_y', false));
    if (inner !== innerB)
      refuse(op, inputs, 'inner sizes differ', innerSizes(attributes, inner, innerB, 'adj_x', 'adj_y'));
    const batch = broadcastShapes(a.spec.shape.slice(0, -2), b.spec.shape.slice(0, -2));
    if (batch === undefined)
      return refuse(op, inputs, 'the axes before the matrices do not broadcast', 'sizes that are equal or 1');
    return [{ dtype, shape: [...batch, rows, columns] }];
  },
  flops: productFlops('adj_x'),
});

/** What a product expects of its inner sizes, and which sides are transposed. */
function innerSizes(attributes: Attributes, inner: number, innerB: number, ...transposes: readonly string[]): string {
  const set = transposes.filter((name) => boolOf(attributes, name, false));
  const how = set.length === 0 ? 'nothing transposed' : set.join(' and ');
  return `as many columns on the left (${inner}) as rows on the right (${innerB}), with ${how}`;
}

/** A tensor on the diagonal of one of twice its rank: [2, 3] → [2, 3, 2, 3]. */
const diagonal: RuleMaker = (op) => ({
  infer(inputs) {
    const [x] = takeInputs(op, inputs, 'diagonal');
    requireRankAtLeast(op, inputs, x, 1, 'diagonal');
    return [
      {
        dtype: requireDtype(op, [...floatsAndComplex, 'int32', 'int64'], x),
        shape: [...x.spec.shape, ...x.spec.shape],
      },
    ];
  },
  flops: noFlops,
});

export const matrix = named({ MatMul: matMul, BatchMatMulV2: batchMatMul, Diag: diagonal });
