/**
 * Convolutions and their gradients. Filters are [...space, channels in, channels out]; for depthwise ones
 * [...space, channels, multiplier]. Each output element takes 2 x (window x channels in a group) operations, and so does each
 * gradient for an element of dy.
 */
import type { Attributes, DType, Rule, RuleInput, Spec } from '../trace.js';
import { sizeOf } from '../trace.js';
import { floats, indexTypes, reals, requireDtype } from './dtypes.js';
import { knownSizes, requireRank, sameShape, takeInputs } from './inputs.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { formatShape, refuse } from './refuse.js';
import { arrange, layoutOf, spaceOf, spatial, windowPositions } from './window.js';

/** The shape of a convolution of x by a filter. */
type Forward = (
  op: string,
  inputs: readonly RuleInput[],
  x: readonly number[],
  filter: readonly number[],
  attributes: Attributes,
) => readonly number[];

const convolve =
  (rank: 4 | 5, kind: 'full' | 'depthwise'): Forward =>
  (op, inputs, x, filter, attributes) => {
    if (x.length !== rank || filter.length !== rank)
      refuse(op, inputs, 'ranks differ from what it convolves', `rank ${rank} for input and filter`);
    const layout = layoutOf(attributes, rank);
    const sizes = filter.slice(0, rank - 2);
    const [filterIn = 0, filterOut = 0] = filter.slice(rank - 2);
    const channels = x[layout.channelAxis] ?? 0;
    if (sizes.includes(0)) refuse(op, inputs, 'the filter is empty', 'a window of at least 1');
    if (kind === 'depthwise') {
      if (channels !== filterIn)
        refuse(op, inputs, `${channels} channels, the filter has ${filterIn}`, 'equal numbers of channels');
    } else if (filterIn === 0 || channels % filterIn !== 0) {
      refuse(
        op,
        inputs,
        `${channels} channels do not part into groups of ${filterIn}`,
        'channels in the input = channels of the filter, or a multiple',
      );
    } else if (filterOut % Math.max(1, channels / filterIn) !== 0) {
      refuse(
        op,
        inputs,
        `${filterOut} output channels do not part into ${channels / filterIn} groups`,
        'a multiple of the groups',
      );
    }
    const strides = spatial(op, inputs, attributes, 'strides', layout);
    const dilations = spatial(op, inputs, attributes, 'dilations', layout, new Array<number>(rank).fill(1));
    const space = windowPositions(op, inputs, attributes, layout, spaceOf(layout, x), { sizes, strides, dilations });
    return arrange(layout, x[0] ?? 0, space, kind === 'depthwise' ? filterIn * filterOut : filterOut);
  };

/** 2 x the elements of `result` x those of a filter for one output channel. */
function windowFlops(
  result: Spec | undefined,
  filter: readonly number[] | undefined,
  kind: 'full' | 'depthwise',
): number {
  if (result === undefined || filter === undefined) return 0;
  return 2 * sizeOf(result.shape) * sizeOf(filter.slice(0, kind === 'full' ? -1 : -2));
}

const forward =
  (rank: 4 | 5, kind: 'full' | 'depthwise', dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [x, filter] = takeInputs(op, inputs, 'input', 'filter');
      const dtype = requireDtype(op, dtypes, x, filter);
      return [{ dtype, shape: convolve(rank, kind)(op, inputs, x.spec.shape, filter.spec.shape, attributes) }];
    },
    flops: (inputs, [output]) => windowFlops(output, inputs[1]?.shape, kind),
  });

/** Refuses a gradient that does not have the shape of the forward result. */
function requireGradient(op: string, gradient: RuleInput, shape: readonly number[]): void {
  if (!sameShape(gradient.spec.shape, shape))
    refuse(op, [gradient], 'the gradient does not have the shape of the result', formatShape(shape));
}

/** dx: `input_sizes` is the shape of x, or its space alone. */
const backpropInput =
  (rank: 4 | 5, kind: 'full' | 'depthwise', dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [sizes, filter, gradient] = takeInputs(op, inputs, 'input_sizes', 'filter', 'out_backprop');
      const dtype = requireDtype(op, dtypes, filter, gradient);
      requireDtype(op, indexTypes, sizes);
      const given = knownSizes(op, 'input_sizes', sizes);
      requireRank(op, inputs, filter, rank, 'filter');
      requireRank(op, inputs, gradient, rank, 'out_backprop');
      const spaceOnly = rank === 4 && kind === 'full' && given.length === 2;
      const shape = spaceOnly
        ? arrange(layoutOf(attributes, rank), gradient.spec.shape[0] ?? 0, given, filter.spec.shape[2] ?? 0)
        : given;
      requireGradient(op, gradient, convolve(rank, kind)(op, [filter, gradient], shape, filter.spec.shape, attributes));
      return [{ dtype, shape }];
    },
    flops: (inputs) => windowFlops(inputs[2], inputs[1]?.shape, kind),
  });

/** The gradient of the filter, whose shape is `filter_sizes`. */
const backpropFilter =
  (rank: 4 | 5, kind: 'full' | 'depthwise'): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [x, sizes, gradient] = takeInputs(op, inputs, 'input', 'filter_sizes', 'out_backprop');
      const dtype = requireDtype(op, floats, x, gradient);
      requireDtype(op, ['int32'], sizes);
      const shape = knownSizes(op, 'filter_sizes', sizes);
      requireGradient(op, gradient, convolve(rank, kind)(op, [x, gradient], x.spec.shape, shape, attributes));
      return [{ dtype, shape }];
    },
    flops: (inputs, [filter]) => windowFlops(inputs[2], filter?.shape, kind),
  });

/** Grey dilation: max over the window of x + filter, a channel at a time; the filter is [height, width, channels]. */
const dilate: Forward = (op, inputs, x, filter, attributes) => {
  if (x.length !== 4 || filter.length !== 3)
    refuse(op, inputs, 'ranks differ from what it dilates', 'rank 4 for the input, 3 for the filter');
  const layout = layoutOf({}, 4);
  if (x[3] !== filter[2])
    refuse(op, inputs, `${x[3] ?? 0} channels, the filter has ${filter[2] ?? 0}`, 'equal numbers of channels');
  const window = {
    sizes: filter.slice(0, 2),
    strides: spatial(op, inputs, attributes, 'strides', layout),
    dilations: spatial(op, inputs, attributes, 'rates', layout),
  };
  return arrange(
    layout,
    x[0] ?? 0,
    windowPositions(op, inputs, attributes, layout, spaceOf(layout, x), window),
    x[3] ?? 0,
  );
};

const dilation: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x, filter] = takeInputs(op, inputs, 'input', 'filter');
    return [
      {
        dtype: requireDtype(op, reals, x, filter),
        shape: dilate(op, inputs, x.spec.shape, filter.spec.shape, attributes),
      },
    ];
  },
  flops: (inputs, [output]) => windowFlops(output, inputs[1]?.shape, 'full'),
});

const dilationGradient =
  (of: 'input' | 'filter'): RuleMaker =>
  (op) => ({
    infer(inputs, attributes): ReturnType<Rule['infer']> {
      const [x, filter, gradient] = takeInputs(op, inputs, 'input', 'filter', 'out_backprop');
      const dtype = requireDtype(op, reals, x, filter, gradient);
      requireGradient(op, gradient, dilate(op, [x, filter], x.spec.shape, filter.spec.shape, attributes));
      return [{ dtype, shape: of === 'input' ? x.spec.shape : filter.spec.shape }];
    },
    flops: (inputs) => windowFlops(inputs[2], inputs[1]?.shape, 'full'),
  });

export const convolution = named({
  Conv2D: forward(4, 'full', [...floats, 'int32']),
  Conv2DBackpropInput: backpropInput(4, 'full', [...floats, 'int32']),
  Conv2DBackpropFilter: backpropFilter(4, 'full'),
  Conv3D: forward(5, 'full', floats),
  Conv3DBackpropInputV2: backpropInput(5, 'full', floats),
  Conv3DBackpropFilterV2: backpropFilter(5, 'full'),
  DepthwiseConv2dNative: forward(4, 'depthwise', floats),
  DepthwiseConv2dNativeBackpropInput: backpropInput(4, 'depthwise', floats),
  DepthwiseConv2dNativeBackpropFilter: backpropFilter(4, 'depthwise'),
  Dilation2D: dilation,
  ...each(['Dilation2DBackpropInput'], dilationGradient('input')),
  ...each(['Dilation2DBackpropFilter'], dilationGradient('filter')),
});
