import { sizeOf } from '../trace.js';
import type { Spec } from '../trace.js';
import { array } from './regions.js';
import type { LoweringRule, LoweringRules, Operation } from './rule.js';
import { reachOf, windowOf } from './window.js';
import type { Window } from './window.js';
import { sizeAt, typeOf } from './writer.js';
import type { Value, Writer } from './writer.js';

/**
 * Convolutions and their gradients, all as one op of StableHLO: a gradient is a convolution with other axes and paddings.
 * Filters are [...space, channels in, channels out]; in groups of channels a filter has those of one group as its channels in.
 * A depthwise filter [...space, channels, multiplier] is one with as many groups as channels.
 */

/** The roles of axes in StableHLO's notation, such as `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`. */
function roles({ rank, channelAxis, spaceAxes }: Window['layout'], batch: string, channel: string): string {
  const names = Array.from({ length: rank }, (_, axis) => {
    if (axis === 0) return batch;
    return axis === channelAxis ? channel : String(spaceAxes.indexOf(axis));
  });
  return `[${names.join(', ')}]`;
}

/** The roles of a filter's axes. */
const filterRoles = ({ spaceAxes }: Window['layout'], input: string, output: string): string =>
  `[${[...spaceAxes.map((_, k) => String(k)), input, output].join(', ')}]`;

interface Convolution {
  readonly numbers: string;
  readonly stride: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly dilateX?: readonly number[];
  readonly dilateFilter: readonly number[];
  readonly featureGroups?: number;
  readonly batchGroups?: number;
}

/** Half floats are summed as float32. */
function convolve(write: Writer, x: Value, filter: Value, result: Spec, options: Convolution): Value {
  const { numbers, stride, low, high, dilateFilter, featureGroups = 1, batchGroups = 1 } = options;
  const dilateX = options.dilateX ?? stride.map(() => 1);
  const half = result.dtype === 'bfloat16' || result.dtype === 'float16';
  const wide: Spec = half ? { dtype: 'float32', shape: result.shape } : result;
  const pads = low.map((before, k) => `[${before}, ${sizeAt(high, k)}]`).join(', ');
  const precision = `#stablehlo<precision ${write.precisionOf(x)}>`;
  const made = write.emit(
    wide,
    `"stablehlo.convolution"(${x.name}, ${filter.name}) <{batch_group_count = ${batchGroups} : i64, ` +
      `dimension_numbers = #stablehlo.conv<${numbers}>, feature_group_count = ${featureGroups} : i64, ` +
      `lhs_dilation = ${array(dilateX)}, padding = dense<[${pads}]> : tensor<${low.length}x2xi64>, ` +
      `precision_config = [${precision}, ${precision}], rhs_dilation = ${array(dilateFilter)}, ` +
      `window_strides = ${array(stride)}}> : (${typeOf(x)}, ${typeOf(filter)}) -> ${typeOf(wide)}`,
  );
  return write.convert(made, result.dtype);
}

type Kind = 'full' | 'depthwise';

/** The filter's shape as one of groups: [...space, channels of a group, channels out]. */
function groupedShape(shape: readonly number[], kind: Kind): number[] {
  if (kind === 'full') return [...shape];
  const [channels, multiplier] = [sizeAt(shape, shape.length - 2), sizeAt(shape, shape.length - 1)];
  return [...shape.slice(0, -2), 1, channels * multiplier];
}

/** How many groups of channels there are. */
function groupsOf(x: readonly number[], { layout }: Window, filter: readonly number[]): number {
  return sizeAt(x, layout.channelAxis) / sizeAt(filter, filter.length - 2);
}

const windowOver = (operation: Operation, x: readonly number[], filter: readonly number[]): Window =>
  windowOf(operation, x, filter.slice(0, -2));

const forward =
  (kind: Kind): LoweringRule =>
  (operation, write) => {
    const [x, given] = [operation.input(0), operation.input(1)];
    if (sizeOf(operation.output.shape) === 0) return write.fill(operation.output, 0);
    const filter = write.reshape(given, groupedShape(given.shape, kind));
    const window = windowOver(operation, x.shape, filter.shape);
    const { layout, stride, dilation, low, high } = window;
    const images = roles(layout, 'b', 'f');
    return convolve(write, x, filter, operation.output, {
      numbers: `${images}x${filterRoles(layout, 'i', 'o')}->${images}`,
      stride,
      low,
      high,
      dilateFilter: dilation,
      featureGroups: groupsOf(x.shape, window, filter.shape),
    });
  };

/**
 * dx: dy with stride - 1 zeros between its elements, convolved with the filter turned around and its channels exchanged.
 * The padding is what makes the result as large as x; it may be negative.
 */
const inputGradient =
  (kind: Kind): LoweringRule =>
  (operation, write) => {
    const [given, dy] = [operation.input(1), operation.input(2)];
    const x = operation.output.shape;
    if (sizeOf(x) === 0 || sizeOf(dy.shape) === 0) return write.fill(operation.output, 0);
    const shape = groupedShape(given.shape, kind);
    const window = windowOver(operation, x, shape);
    const { layout, stride, dilation, size } = window;
    const groups = groupsOf(x, window, shape);
    const [inputs, outputs] = [sizeAt(shape, size.length), sizeAt(shape, size.length + 1) / groups];
    const rank = size.length;
    const space = size.map((_, k) => k);
    const parted = write.reshape(given, [...size, inputs, groups, outputs]);
    const exchanged = write.transpose(parted, [...space, rank + 2, rank + 1, rank]);
    const turned = write.reverse(write.reshape(exchanged, [...size, outputs, groups * inputs]), space);
    const low = reachOf(window).map((reach, k) => reach - 1 - sizeAt(window.low, k));
    const high = reachOf(window).map((reach, k) => {
      const axis = sizeAt(layout.spaceAxes, k);
      const spread = (sizeAt(dy.shape, axis) - 1) * sizeAt(stride, k) + 1;
      return sizeAt(x, axis) + reach - 1 - spread - sizeAt(low, k);
    });
    const images = roles(layout, 'b', 'f');
    return convolve(write, dy, turned, operation.output, {
      numbers: `${images}x${filterRoles(layout, 'i', 'o')}->${images}`,
      stride: stride.map(() => 1),
      low,
      high,
      dilateX: stride,
      dilateFilter: dilation,
      featureGroups: groups,
    });
  };

/** dw: x convolved with dy, where channels stand as batch and the batch is summed; the window's strides are dilations and the other way round. */
const filterGradient =
  (kind: Kind): LoweringRule =>
  (operation, write) => {
    const [x, dy] = [operation.input(0), operation.input(2)];
    if (sizeOf(x.shape) === 0 || sizeOf(dy.shape) === 0) return write.fill(operation.output, 0);
    const shape = groupedShape(operation.output.shape, kind);
    const window = windowOver(operation, x.shape, shape);
    const { layout, stride, dilation, low } = window;
    const high = reachOf(window).map((reach, k) => {
      const axis = sizeAt(layout.spaceAxes, k);
      return reach + (sizeAt(dy.shape, axis) - 1) * sizeAt(stride, k) - sizeAt(x.shape, axis) - sizeAt(low, k);
    });
    const made = convolve(
      write,
      x,
      dy,
      { dtype: operation.output.dtype, shape },
      {
        numbers: `${roles(layout, 'f', 'b')}x${roles(layout, 'i', 'o')}->${filterRoles(layout, 'b', 'f')}`,
        stride: dilation,
        low,
        high,
        dilateFilter: stride,
        batchGroups: groupsOf(x.shape, window, shape),
      },
    );
    return write.reshape(made, operation.output.shape);
  };

export const convolutions: LoweringRules = {
  Conv2D: forward('full'),
  Conv2DBackpropFilter: filterGradient('full'),
  Conv2DBackpropInput: inputGradient('full'),
  Conv3D: forward('full'),
  Conv3DBackpropFilterV2: filterGradient('full'),
  Conv3DBackpropInputV2: inputGradient('full'),
  DepthwiseConv2dNative: forward('depthwise'),
  DepthwiseConv2dNativeBackpropFilter: filterGradient('depthwise'),
  DepthwiseConv2dNativeBackpropInput: inputGradient('depthwise'),
};
