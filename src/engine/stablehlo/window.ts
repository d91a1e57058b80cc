import { intsOf, stringOf } from '../rules/attributes.js';
import { type Layout, layoutOf } from '../rules/window.js';
import type { DType, Spec } from '../trace.js';
import { array } from './regions.js';
import type { Operation } from './rule.js';
import { sizeAt, typeOf } from './writer.js';
import type { Reducer, Value, Writer } from './writer.js';

/** A window that moves over the space axes: what convolutions and pools have in common. Lists have a number for each space axis. */

export interface Window {
  readonly layout: Layout;
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Zeros before the first element and behind the last. */
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/**
 * The window of an op over x by its attributes. SAME pads so that there are ⌈n / stride⌉ positions, what is odd goes behind:
 * total = max((⌈n / stride⌉ - 1) · stride + reach - n, 0), where reach = (size - 1) · dilation + 1.
 */
export function windowOf(
  { attributes }: Operation,
  x: readonly number[],
  sizes: readonly number[] | 'ksize',
  names: { readonly strides: string; readonly dilations: string } = { strides: 'strides', dilations: 'dilations' },
): Window {
  const rank = x.length === 5 ? 5 : 4;
  const layout = layoutOf(attributes, rank);
  const ones = new Array<number>(rank).fill(1);
  const inSpace = (values: readonly number[]): number[] => layout.spaceAxes.map((axis) => sizeAt(values, axis));
  const size = sizes === 'ksize' ? inSpace(intsOf(attributes, 'ksize')) : sizes;
  const stride = inSpace(intsOf(attributes, names.strides, ones));
  const dilation = inSpace(intsOf(attributes, names.dilations, ones));
  const padding = stringOf(attributes, 'padding');
  const explicit = padding === 'EXPLICIT' ? intsOf(attributes, 'explicit_paddings') : [];
  const pads = layout.spaceAxes.map((axis, k): [number, number] => {
    if (padding === 'EXPLICIT') return [sizeAt(explicit, 2 * axis), sizeAt(explicit, 2 * axis + 1)];
    if (padding !== 'SAME') return [0, 0];
    const [n, step] = [sizeAt(x, axis), sizeAt(stride, k)];
    const reach = (sizeAt(size, k) - 1) * sizeAt(dilation, k) + 1;
    const total = Math.max((Math.ceil(n / step) - 1) * step + reach - n, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return { layout, size, stride, dilation, low: pads.map(([low]) => low), high: pads.map(([, high]) => high) };
}

/** How far the window reaches along each space axis. */
export const reachOf = ({ size, dilation }: Pick<Window, 'size' | 'dilation'>): number[] =>
  size.map((n, k) => (n - 1) * sizeAt(dilation, k) + 1);

/** A number for each axis of images: `values` on the space axes, `otherwise` on batch and channels. */
export function everyAxis({ rank, spaceAxes }: Layout, values: readonly number[], otherwise: number): number[] {
  return Array.from({ length: rank }, (_, axis) => {
    const k = spaceAxes.indexOf(axis);
    return k < 0 ? otherwise : sizeAt(values, k);
  });
}

/** A region of two scalars that gives what `reducer` makes of them. */
export function foldRegion(write: Writer, reducer: Reducer, dtype: DType): string {
  const scalar: Spec = { dtype, shape: [] };
  return write.region([scalar, scalar], (inner, [a, b]) => {
    if (a === undefined || b === undefined) throw new Error('internal: a fold takes two values');
    return [inner.binary(reducer, a, b)];
  });
}

const paddingText = (low: readonly number[], high: readonly number[]): string =>
  `dense<[${low.map((before, axis) => `[${before}, ${sizeAt(high, axis)}]`).join(', ')}]> : tensor<${low.length}x2xi64>`;

/** Folds the elements under a window of `size` at each position; what lies outside x is `initial`. One number for each axis of x. */
export function reduceWindow(
  write: Writer,
  reducer: Reducer,
  x: Value,
  initial: Value,
  window: {
    readonly size: readonly number[];
    readonly stride?: readonly number[];
    readonly low: readonly number[];
    readonly high: readonly number[];
  },
): Value {
  const { size, low, high, stride = x.shape.map(() => 1) } = window;
  const shape = x.shape.map((n, axis) => {
    const room = n + sizeAt(low, axis) + sizeAt(high, axis) - sizeAt(size, axis);
    return Math.max(Math.floor(room / sizeAt(stride, axis)) + 1, 0);
  });
  const result: Spec = { dtype: x.dtype, shape };
  return write.emit(
    result,
    `"stablehlo.reduce_window"(${x.name}, ${initial.name}) <{window_dimensions = ${array(size)}, ` +
      `window_strides = ${array(stride)}, padding = ${paddingText(low, high)}}> ` +
      `(${foldRegion(write, reducer, x.dtype)}) : (${typeOf(x)}, ${typeOf(initial)}) -> ${typeOf(result)}`,
  );
}

/** Each element of `source` added to the place of the largest element of x under its window, the first of equal ones. */
export function selectAndScatter(
  write: Writer,
  x: Value,
  source: Value,
  { layout, size, stride, low, high }: Window,
): Value {
  const scalar: Spec = { dtype: x.dtype, shape: [] };
  const largest = write.region([scalar, scalar], (inner, [a, b]) => {
    if (a === undefined || b === undefined) throw new Error('internal: a comparison takes two values');
    return [inner.compare('GE', a, b)];
  });
  const zero = write.fill(scalar, 0);
  const all = (values: readonly number[], otherwise: number): number[] => everyAxis(layout, values, otherwise);
  return write.emit(
    x,
    `"stablehlo.select_and_scatter"(${x.name}, ${source.name}, ${zero.name}) <{window_dimensions = ${array(all(size, 1))}, ` +
      `window_strides = ${array(all(stride, 1))}, padding = ${paddingText(all(low, 0), all(high, 0))}}> ` +
      `(${largest}, ${foldRegion(write, 'add', x.dtype)}) : (${[x, source, zero].map(typeOf).join(', ')}) -> ${typeOf(x)}`,
  );
}
