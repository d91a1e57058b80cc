/** How far a window moves over an axis: what convolutions and pools have in common. */
import type { Attributes, RuleInput } from '../trace.js';
import { intsOf, stringOf } from './attributes.js';
import { sizeAt } from './inputs.js';
import { refuse } from './refuse.js';

/**
 * Where batch, channels and space lie. Channels last: [batch, ...space, channels] (NHWC, NDHWC);
 * channels first: [batch, channels, ...space] (NCHW, NCDHW).
 */
export interface Layout {
  readonly rank: number;
  readonly channelAxis: number;
  readonly spaceAxes: readonly number[];
}

/** The layout of images (rank 4) or volumes (rank 5). */
export function layoutOf(attributes: Attributes, rank: 4 | 5): Layout {
  const channelsLast = stringOf(attributes, 'data_format', 'NHWC').endsWith('C');
  const numSpace = rank - 2;
  return {
    rank,
    channelAxis: channelsLast ? rank - 1 : 1,
    spaceAxes: Array.from({ length: numSpace }, (_axis, index) => index + (channelsLast ? 1 : 2)),
  };
}

/** An attribute with a number for each axis, of which batch and channels must be 1: strides, dilations, window sizes. */
export function spatial(
  op: string,
  inputs: readonly RuleInput[],
  attributes: Attributes,
  name: string,
  { rank, channelAxis, spaceAxes }: Layout,
  otherwise?: readonly number[],
): readonly number[] {
  const values = intsOf(attributes, name, otherwise);
  if (values.length !== rank) refuse(op, inputs, `${name} has ${values.length} numbers`, `${rank}, one for each axis`);
  if (values[0] !== 1 || values[channelAxis] !== 1) {
    refuse(op, inputs, `${name} is ${values.join(', ')}`, '1 for batch and channels');
  }
  const inSpace = spaceAxes.map((axis) => values[axis] ?? 1);
  if (inSpace.some((value) => value < 1)) refuse(op, inputs, `${name} is ${values.join(', ')}`, 'positive numbers');
  return inSpace;
}

/** A window over the space axes of an input. */
export interface Window {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/**
 * The number of positions on each space axis: ceil(size / stride) with SAME padding, else
 * floor((size + padding - reach) / stride) + 1, where reach = (window - 1) dilation + 1.
 */
export function windowPositions(
  op: string,
  inputs: readonly RuleInput[],
  attributes: Attributes,
  layout: Layout,
  inSpace: readonly number[],
  { sizes, strides, dilations }: Window,
): readonly number[] {
  const padding = stringOf(attributes, 'padding');
  const explicit = padding === 'EXPLICIT' ? intsOf(attributes, 'explicit_paddings') : [];
  if (padding === 'EXPLICIT' && explicit.length !== 2 * layout.rank) {
    refuse(op, inputs, `${explicit.length} explicit paddings`, `${2 * layout.rank}: before and after each axis`);
  }
  if (explicit.some((amount) => amount < 0))
    refuse(op, inputs, `paddings are ${explicit.join(', ')}`, 'no negative paddings');
  return inSpace.map((size, index) => {
    const stride = strides[index] ?? 1;
    if (padding === 'SAME') return Math.ceil(size / stride);
    const axis = layout.spaceAxes[index] ?? 0;
    const padded = size + (explicit[2 * axis] ?? 0) + (explicit[2 * axis + 1] ?? 0);
    const reach = ((sizes[index] ?? 1) - 1) * (dilations[index] ?? 1) + 1;
    const positions = Math.trunc((padded - reach + stride) / stride);
    if (positions < 0)
      refuse(
        op,
        inputs,
        `a window of ${reach} does not fit into ${padded} on axis ${axis}`,
        'a smaller window or more padding',
      );
    return positions;
  });
}

/** [batch, ...space, channels] in the order of the layout. */
export function arrange(
  { rank, channelAxis, spaceAxes }: Layout,
  batch: number,
  space: readonly number[],
  channels: number,
): readonly number[] {
  return Array.from({ length: rank }, (_size, axis) =>
    axis === 0 ? batch : axis === channelAxis ? channels : (space[spaceAxes.indexOf(axis)] ?? 0),
  );
}

/** The sizes of the space axes of an input. */
export function spaceOf({ spaceAxes }: Layout, shape: readonly number[]): readonly number[] {
  return spaceAxes.map((axis) => sizeAt({ dtype: 'float32', shape }, axis));
}
