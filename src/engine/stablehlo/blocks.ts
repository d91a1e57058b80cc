import type { LoweringRule, LoweringRules } from './rule.js';
import { sizeAt } from './writer.js';

/** Blocks of pixels that become channels or batch, and back: reshapes and transposes. */

/** [batch, …space, …] padded → [blocks · batch, …space ÷ block, …]. */
const spaceToBatch: LoweringRule = (operation, write) => {
  const given = operation.input(0);
  const block = operation.numbers(1, 'the block shape');
  const paddings = operation.numbers(2, 'the paddings');
  const of = (side: 0 | 1): number[] =>
    given.shape.map((_, axis) => (axis >= 1 && axis <= block.length ? sizeAt(paddings, 2 * (axis - 1) + side) : 0));
  const x = write.pad(given, write.fill({ dtype: given.dtype, shape: [] }, 0), of(0), of(1));
  const rest = x.shape.slice(block.length + 1);
  const parted = block.flatMap((size, k) => [sizeAt(x.shape, k + 1) / size, size]);
  const places = block.map((_, k) => 2 * k + 1);
  const order = [
    ...places.map((place) => place + 1),
    0,
    ...places,
    ...rest.map((_, index) => 2 * block.length + 1 + index),
  ];
  const split = write.reshape(x, [sizeAt(x.shape, 0), ...parted, ...rest]);
  return write.reshape(write.transpose(split, order), operation.output.shape);
};

/** [blocks · batch, …space, …] → [batch, …space · block, …], cropped. */
const batchToSpace: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const block = operation.numbers(1, 'the block shape');
  const crops = operation.numbers(2, 'the crops');
  const batch = sizeAt(x.shape, 0) / block.reduce((product, size) => product * size, 1);
  const rest = x.shape.slice(block.length + 1);
  const space = x.shape.slice(1, block.length + 1);
  const split = write.reshape(x, [...block, batch, ...space, ...rest]);
  const order = [
    block.length,
    ...block.flatMap((_, k) => [block.length + 1 + k, k]),
    ...rest.map((_, index) => 2 * block.length + 1 + index),
  ];
  const whole = write.reshape(write.transpose(split, order), [
    batch,
    ...space.map((size, k) => size * sizeAt(block, k)),
    ...rest,
  ]);
  const isSpace = (axis: number): boolean => axis >= 1 && axis <= block.length;
  return write.slice(
    whole,
    whole.shape.map((_, axis) => (isSpace(axis) ? sizeAt(crops, 2 * (axis - 1)) : 0)),
    whole.shape.map((size, axis) => (isSpace(axis) ? size - sizeAt(crops, 2 * (axis - 1) + 1) : size)),
  );
};

/** [batch, h, w, block² · c] → [batch, h · block, w · block, c]. */
const depthToSpace: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const block = operation.int('block_size', 2);
  const [batch = 0, ...sizes] = x.shape;
  if (operation.string('data_format', 'NHWC') === 'NCHW') {
    const [channels = 0, height = 0, width = 0] = sizes;
    const split = write.reshape(x, [batch, block, block, channels / (block * block), height, width]);
    return write.reshape(write.transpose(split, [0, 3, 4, 1, 5, 2]), operation.output.shape);
  }
  const [height = 0, width = 0, channels = 0] = sizes;
  const split = write.reshape(x, [batch, height, width, block, block, channels / (block * block)]);
  return write.reshape(write.transpose(split, [0, 1, 3, 2, 4, 5]), operation.output.shape);
};

/** [batch, h, w, c] → [batch, h ÷ block, w ÷ block, block² · c]. */
const spaceToDepth: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const block = operation.int('block_size', 2);
  const [batch = 0, ...sizes] = x.shape;
  if (operation.string('data_format', 'NHWC') === 'NCHW') {
    const [channels = 0, height = 0, width = 0] = sizes;
    const split = write.reshape(x, [batch, channels, height / block, block, width / block, block]);
    return write.reshape(write.transpose(split, [0, 3, 5, 1, 2, 4]), operation.output.shape);
  }
  const [height = 0, width = 0, channels = 0] = sizes;
  const split = write.reshape(x, [batch, height / block, block, width / block, block, channels]);
  return write.reshape(write.transpose(split, [0, 1, 3, 2, 4, 5]), operation.output.shape);
};

export const blocks: LoweringRules = {
  BatchToSpaceND: batchToSpace,
  DepthToSpace: depthToSpace,
  SpaceToBatchND: spaceToBatch,
  SpaceToDepth: spaceToDepth,
};
