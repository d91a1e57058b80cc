import type { DType, Spec } from '../trace.js';
import { typeOf } from './writer.js';
import type { Comparison, Reducer, Value, Writer } from './writer.js';

/** The ops that carry a small program of their own (a region) or a table of axes: in MLIR's generic form. */

const array = (numbers: readonly number[]): string =>
  numbers.length === 0 ? 'array<i64>' : `array<i64: ${numbers.join(', ')}>`;
const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;

/** A region of two scalars that keeps what `reducer` makes of them, or the second one (`replace`). */
function region(reducer: Reducer | 'replace', dtype: DType): string {
  const type = typeOf({ dtype, shape: [] });
  const body =
    reducer === 'replace'
      ? `stablehlo.return %b : ${type}`
      : `%c = stablehlo.${reducer} %a, %b : ${type}\n      stablehlo.return %c : ${type}`;
  return `({\n    ^bb0(%a: ${type}, %b: ${type}):\n      ${body}\n    })`;
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
  const element = typeOf({ dtype: x.dtype, shape: [] });
  const place = typeOf({ dtype: indices.dtype, shape: [] });
  const bool = typeOf({ dtype: 'bool', shape: [] });
  const zero = write.fill({ dtype: indices.dtype, shape: [] }, 0);
  const inner = [
    `^bb0(%a: ${element}, %i: ${place}, %b: ${element}, %j: ${place}):`,
    `  %beats = stablehlo.compare ${direction}, %a, %b : (${element}, ${element}) -> ${bool}`,
    `  %nan = stablehlo.compare NE, %a, %a : (${element}, ${element}) -> ${bool}`,
    `  %take = stablehlo.or %beats, %nan : ${bool}`,
    `  %equal = stablehlo.compare EQ, %a, %b : (${element}, ${element}) -> ${bool}`,
    `  %first = stablehlo.compare LT, %i, %j : (${place}, ${place}) -> ${bool}`,
    `  %tie = stablehlo.and %equal, %first : ${bool}`,
    `  %keep = stablehlo.or %take, %tie : ${bool}`,
    `  %c = stablehlo.select %take, %a, %b : ${bool}, ${element}`,
    `  %k = stablehlo.select %keep, %i, %j : ${bool}, ${place}`,
    `  stablehlo.return %c, %k : ${element}, ${place}`,
  ];
  const results: Spec[] = [
    { dtype: x.dtype, shape },
    { dtype: indices.dtype, shape },
  ];
  const types = `(${[x, indices].map(typeOf).join(', ')}, ${element}, ${place}) -> (${results.map(typeOf).join(', ')})`;
  const [, index] = write.emitMany(
    results,
    `"stablehlo.reduce"(${x.name}, ${indices.name}, ${initial.name}, ${zero.name}) <{dimensions = ${array([axis])}}> ({\n` +
      `${inner.map((line) => `    ${line}`).join('\n')}\n    }) : ${types}`,
  );
  if (index === undefined) throw new Error('internal: a reduction of two values has two results');
  return index;
}

/** Folds a window of `size` elements that ends `after` elements behind each one; what lies outside x is `initial`. */
export function reduceWindow(
  write: Writer,
  reducer: Reducer,
  x: Value,
  initial: Value,
  size: readonly number[],
  before: readonly number[],
  after: readonly number[],
): Value {
  const padding = before.map((low, axis) => list([low, after[axis] ?? 0])).join(', ');
  const ones = x.shape.map(() => 1);
  return write.emit(
    x,
    `"stablehlo.reduce_window"(${x.name}, ${initial.name}) <{window_dimensions = ${array(size)}, ` +
      `window_strides = ${array(ones)}, padding = dense<[${padding}]> : tensor<${x.shape.length}x2xi64>}> ` +
      `${region(reducer, x.dtype)} : (${typeOf(x)}, ${typeOf(initial)}) -> ${typeOf(x)}`,
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
      `scatter_dimension_numbers = ${numbers}, unique_indices = false}> ${region(reducer, x.dtype)} : ${types}`,
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
