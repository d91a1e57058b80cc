import type { DType, Spec } from '../trace.js';
import { typeOf } from './writer.js';
import type { Comparison, Reducer, Value, Writer } from './writer.js';

/** The ops that carry a small program of their own (a region) or a table of axes: in MLIR's generic form. */

/** `array<i64: 1, 2>`. */
export const array = (numbers: readonly number[]): string =>
  numbers.length === 0 ? 'array<i64>' : `array<i64: ${numbers.join(', ')}>`;
const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;

/** A region of two scalars that keeps what `reducer` makes of them, or the second one (`replace`). */
function region(write: Writer, reducer: Reducer | 'replace', dtype: DType): string {
  const scalar: Spec = { dtype, shape: [] };
  return write.region([scalar, scalar], (inner, [a, b]) => {
    if (a === undefined || b === undefined) throw new Error('internal: a fold takes two values');
    return [reducer === 'replace' ? b : inner.binary(reducer, a, b)];
  });
}

/** The element of `indices` at the largest (GT) or smallest (LT) element of x along the axis; the lowest of equal ones. */
export function argReduce(
  write: Writer,
  x: Value,
  indices: Value,
  axis: number,
  direction: Extract<Comparison, 'GT' | 'LT'>,
  initial: Value,
): Value {
  const shape = x.shape.filter((_, k) => k !== axis);
  const [element, place]: Spec[] = [
    { dtype: x.dtype, shape: [] },
    { dtype: indices.dtype, shape: [] },
  ];
  if (element === undefined || place === undefined) throw new Error('internal: two specs');
  const zero = write.fill(place, 0);
  const body = write.region([element, place, element, place], (inner, [a, i, b, j]) => {
    if (a === undefined || i === undefined || b === undefined || j === undefined) {
      throw new Error('internal: a fold of pairs takes four values');
    }
    const take = inner.binary('or', inner.compare(direction, a, b), inner.compare('NE', a, a)); // a NaN wins
    const tie = inner.binary('and', inner.compare('EQ', a, b), inner.compare('LT', i, j));
    return [inner.select(take, a, b), inner.select(inner.binary('or', take, tie), i, j)];
  });
  const results: Spec[] = [
    { dtype: x.dtype, shape },
    { dtype: indices.dtype, shape },
  ];
  const operands = [x, indices, initial, zero];
  const [, index] = write.emitMany(
    results,
    `"stablehlo.reduce"(${operands.map(({ name }) => name).join(', ')}) <{dimensions = ${array([axis])}}> (${body}) : ` +
      `(${operands.map(typeOf).join(', ')}) -> (${results.map(typeOf).join(', ')})`,
  );
  if (index === undefined) throw new Error('internal: a reduction of two values has two results');
  return index;
}

/**
 * Tensors of one shape, sorted together along an axis by `before(a, b)` of the first: whether a comes before b. Equal elements
 * keep their order.
 */
export function sort(
  write: Writer,
  tensors: readonly Value[],
  axis: number,
  before: (write: Writer, a: Value, b: Value) => Value,
): Value[] {
  const scalars = tensors.flatMap(({ dtype }): Spec[] => [
    { dtype, shape: [] },
    { dtype, shape: [] },
  ]);
  const body = write.region(scalars, (inner, [a, b]) => {
    if (a === undefined || b === undefined) throw new Error('internal: a comparison takes two values');
    return [before(inner, a, b)];
  });
  const types = tensors.map(typeOf).join(', ');
  return write.emitMany(
    tensors,
    `"stablehlo.sort"(${tensors.map(({ name }) => name).join(', ')}) <{dimension = ${axis} : i64, is_stable = true}> ` +
      `(${body}) : (${types}) -> (${types})`,
  );
}

/** Which axes meet in a gather; named as in the specification. */
export interface GatherAxes {
  readonly offsetDims: readonly number[];
  readonly collapsedSliceDims: readonly number[];
  readonly operandBatchingDims?: readonly number[];
  readonly startIndicesBatchingDims?: readonly number[];
  readonly startIndexMap: readonly number[];
  readonly indexVectorDim: number;
  readonly sliceSizes: readonly number[];
}

/** Slices of x at starts that a tensor holds; a start that would reach over the edge is moved inwards. */
export function gather(write: Writer, x: Value, indices: Value, axes: GatherAxes, result: Spec): Value {
  const batching =
    (axes.operandBatchingDims ?? []).length === 0
      ? ''
      : `operand_batching_dims = ${list(axes.operandBatchingDims ?? [])}, ` +
        `start_indices_batching_dims = ${list(axes.startIndicesBatchingDims ?? [])}, `;
  const numbers =
    `#stablehlo.gather<offset_dims = ${list(axes.offsetDims)}, collapsed_slice_dims = ${list(axes.collapsedSliceDims)}, ` +
    `${batching}start_index_map = ${list(axes.startIndexMap)}, index_vector_dim = ${axes.indexVectorDim}>`;
  return write.emit(
    result,
    `"stablehlo.gather"(${x.name}, ${indices.name}) <{dimension_numbers = ${numbers}, indices_are_sorted = false, ` +
      `slice_sizes = ${array(axes.sliceSizes)}}> : (${typeOf(x)}, ${typeOf(indices)}) -> ${typeOf(result)}`,
  );
}

/** Which axes meet in a scatter; named as in the specification. */
export interface ScatterAxes {
  readonly updateWindowDims: readonly number[];
  readonly insertedWindowDims: readonly number[];
  readonly scatterDimsToOperandDims: readonly number[];
  readonly indexVectorDim: number;
}

/** x with `updates` folded in at places that a tensor holds; a place outside x is left out. */
export function scatter(
  write: Writer,
  reducer: Reducer | 'replace',
  x: Value,
  indices: Value,
  updates: Value,
  axes: ScatterAxes,
): Value {
  const numbers =
    `#stablehlo.scatter<update_window_dims = ${list(axes.updateWindowDims)}, inserted_window_dims = ${list(axes.insertedWindowDims)}, ` +
    `scatter_dims_to_operand_dims = ${list(axes.scatterDimsToOperandDims)}, index_vector_dim = ${axes.indexVectorDim}>`;
  const types = `(${[x, indices, updates].map(typeOf).join(', ')}) -> ${typeOf(x)}`;
  return write.emit(
    x,
    `"stablehlo.scatter"(${x.name}, ${indices.name}, ${updates.name}) <{indices_are_sorted = false, ` +
      `scatter_dimension_numbers = ${numbers}, unique_indices = false}> (${region(write, reducer, x.dtype)}) : ${types}`,
  );
}

/** `size` elements of x from starts that are values of the program (one scalar per axis), moved inwards at the edge. */
export function dynamicSlice(write: Writer, x: Value, starts: readonly Value[], size: readonly number[]): Value {
  const result: Spec = { dtype: x.dtype, shape: size };
  const operands = [x, ...starts];
  return write.emit(
    result,
    `"stablehlo.dynamic_slice"(${operands.map(({ name }) => name).join(', ')}) <{slice_sizes = ${array(size)}}> : ` +
      `(${operands.map(typeOf).join(', ')}) -> ${typeOf(result)}`,
  );
}
