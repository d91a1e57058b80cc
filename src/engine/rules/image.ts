/** Images: [batch, height, width, channels]. */
import type { DType, RuleInput } from '../trace.js';
import { boolOf, intOf, stringOf } from './attributes.js';
import { floats, indexTypes, requireDtype, signed } from './dtypes.js';
import { noFlops, perOutputElement } from './flops.js';
import { known, knownNumber, knownVector, requireRank, sameShape, sizeAt, takeInputs } from './inputs.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse, refuseDataDependentShape } from './refuse.js';

const imageTypes: readonly DType[] = [...signed, 'uint8', 'uint16'];

/** `[height, width]`, both positive. */
function knownHeightAndWidth(op: string, name: string, input: RuleInput): readonly [number, number] {
  const [height, width, ...rest] = knownVector(op, name, input);
  if (height === undefined || width === undefined || rest.length > 0 || height <= 0 || width <= 0) {
    return refuse(op, [input], `\`${name}\` is no size of an image`, '[height, width], both positive');
  }
  return [height, width];
}

function requireImages(op: string, inputs: readonly RuleInput[], images: RuleInput, name: string): void {
  requireRank(op, inputs, images, 4, name);
  if (sizeAt(images.spec, 1) === 0 || sizeAt(images.spec, 2) === 0)
    refuse(op, inputs, 'images without pixels', 'height and width of 1 or more');
}

/** To another height and width. Bilinear gives float32 (three interpolations of three operations each); nearest only moves. */
const resize =
  (result: 'float32' | 'same'): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [images, size] = takeInputs(op, inputs, 'images', 'size');
      const dtype = requireDtype(op, imageTypes, images);
      requireImages(op, inputs, images, 'images');
      const space = knownHeightAndWidth(op, 'size', size);
      const { shape } = images.spec;
      return [{ dtype: result === 'same' ? dtype : result, shape: [shape[0] ?? 0, ...space, shape[3] ?? 0] }];
    },
    flops: result === 'same' ? noFlops : perOutputElement(9),
  });

const bilinearGradient: RuleMaker = (op) => ({
  infer(inputs) {
    const [gradient, original] = takeInputs(op, inputs, 'grads', 'original_image');
    requireDtype(op, ['float32'], gradient);
    const dtype = requireDtype(op, floats, original);
    requireRank(op, inputs, gradient, 4, 'grads');
    requireRank(op, inputs, original, 4, 'original_image');
    if (gradient.spec.shape[0] !== original.spec.shape[0] || gradient.spec.shape[3] !== original.spec.shape[3]) {
      refuse(op, inputs, 'batch or channels differ', 'one batch and equal channels');
    }
    return [{ dtype, shape: original.spec.shape }];
  },
});

const nearestGradient: RuleMaker = (op) => ({
  infer(inputs) {
    const [gradient, size] = takeInputs(op, inputs, 'grads', 'size');
    const dtype = requireDtype(op, [...floats, 'uint8', 'int8', 'int32'], gradient);
    requireImages(op, inputs, gradient, 'grads');
    const { shape } = gradient.spec;
    return [{ dtype, shape: [shape[0] ?? 0, ...knownHeightAndWidth(op, 'size', size), shape[3] ?? 0] }];
  },
});

/** A crop for each box, resized: boxes [n, 4], the image of each box [n]. */
const cropAndResize: RuleMaker = (op) => ({
  infer(inputs) {
    const [image, boxes, boxImages, cropSize] = takeInputs(op, inputs, 'image', 'boxes', 'box_ind', 'crop_size');
    requireDtype(op, imageTypes, image);
    requireDtype(op, ['float32'], boxes);
    requireDtype(op, ['int32'], boxImages);
    requireImages(op, inputs, image, 'image');
    requireRank(op, inputs, boxImages, 1, 'box_ind');
    const count = sizeAt(boxImages.spec, 0);
    if (!sameShape(boxes.spec.shape, [count, 4]))
      refuse(op, inputs, 'boxes and their images differ in number', 'boxes [n, 4] and images [n]');
    return [
      { dtype: 'float32', shape: [count, ...knownHeightAndWidth(op, 'crop_size', cropSize), sizeAt(image.spec, 3)] },
    ];
  },
  flops: perOutputElement(9),
});

/** [batch, ...space, ...] with blocks of the space moved into the batch; paddings [number of blocks, 2]. */
const spaceToBatch =
  (direction: 'to batch' | 'to space'): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [x, blockInput, amountsInput] = takeInputs(
        op,
        inputs,
        'input',
        'block_shape',
        direction === 'to batch' ? 'paddings' : 'crops',
      );
      const { dtype, shape } = x.spec;
      requireDtype(op, indexTypes, blockInput);
      const block = knownVector(op, 'block_shape', blockInput);
      if (!sameShape(amountsInput.spec.shape, [block.length, 2]) || shape.length < block.length + 1) {
        refuse(
          op,
          inputs,
          'block shape, amounts and input do not fit',
          `[blocks], [blocks, 2] and rank ${block.length + 1} or more`,
        );
      }
      const amounts = known(op, direction === 'to batch' ? 'paddings' : 'crops', amountsInput);
      if (block.some((size) => size < 1) || amounts.some((amount) => amount < 0)) {
        refuse(
          op,
          inputs,
          `blocks ${block.join(', ')}, amounts ${amounts.join(', ')}`,
          'blocks of 1 or more, no negative amounts',
        );
      }
      const blockSize = block.reduce((product, size) => product * size, 1);
      const space = block.map((size, index) => {
        const amount = (amounts[2 * index] ?? 0) + (amounts[2 * index + 1] ?? 0);
        const axisSize = shape[index + 1] ?? 0;
        return direction === 'to batch' ? (axisSize + amount) / size : axisSize * size - amount;
      });
      const batch = direction === 'to batch' ? (shape[0] ?? 0) * blockSize : (shape[0] ?? 0) / blockSize;
      if ([batch, ...space].some((size) => size < 0 || !Number.isInteger(size))) {
        refuse(
          op,
          inputs,
          `blocks of ${block.join(' x ')} do not divide it`,
          direction === 'to batch'
            ? 'padded sizes that are multiples of the blocks'
            : 'a batch that is a multiple of the block',
        );
      }
      return [{ dtype, shape: [batch, ...space, ...shape.slice(block.length + 1)] }];
    },
    flops: noFlops,
  });

/** Blocks of channels become blocks of pixels, or the other way round. */
const depthAndSpace =
  (direction: 'to space' | 'to depth'): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [x] = takeInputs(op, inputs, 'input');
      requireRank(op, inputs, x, 4, 'input');
      const block = intOf(attributes, 'block_size');
      if (block < 2) refuse(op, inputs, `block_size is ${block}`, 'block_size >= 2');
      const channelAxis = stringOf(attributes, 'data_format', 'NHWC') === 'NHWC' ? 3 : 1;
      const shape = x.spec.shape.map((size, axis) => {
        if (axis === 0) return size;
        return (axis === channelAxis) === (direction === 'to depth')
          ? size * (axis === channelAxis ? block * block : block)
          : size / (axis === channelAxis ? block * block : block);
      });
      if (!shape.every(Number.isInteger))
        refuse(op, inputs, `blocks of ${block} do not divide it`, 'sizes that are multiples of the block');
      return [{ dtype: x.spec.dtype, shape }];
    },
    flops: noFlops,
  });

/** How many boxes stay depends on the data, unless the result is padded to `max_output_size`. */
const nonMaxSuppression =
  (scores: 'without scores' | 'with scores'): RuleMaker =>
  (op) => ({
    infer(inputs, attributes) {
      const [boxes, , limit] = inputs;
      if (boxes === undefined || limit === undefined) throw new Error(`${op} takes boxes, scores and a limit`);
      if (!boolOf(attributes, 'pad_to_max_output_size', false)) {
        refuseDataDependentShape(
          op,
          'how many boxes stay',
          'pad to the largest number of boxes (padToMaxOutputSize), or call it outside of the compiled function',
        );
      }
      requireRank(op, inputs, boxes, 2, 'boxes');
      const shape = [knownNumber(op, 'max_output_size', limit)];
      const kept = scores === 'with scores' ? [{ dtype: boxes.spec.dtype, shape }] : [];
      return [{ dtype: 'int32', shape }, ...kept, { dtype: 'int32', shape: [] }];
    },
  });

/** A picture file of one image [height, width, channels], as a scalar string. */
const encode =
  (dtypes: readonly DType[]): RuleMaker =>
  (op) => ({
    infer(inputs) {
      const [image] = takeInputs(op, inputs, 'image');
      requireDtype(op, dtypes, image);
      requireRank(op, inputs, image, 3, 'image');
      return [{ dtype: 'string', shape: [] }];
    },
    flops: noFlops,
  });

export const image = named({
  ResizeBilinear: resize('float32'),
  ResizeBilinearGrad: bilinearGradient,
  ResizeNearestNeighbor: resize('same'),
  ResizeNearestNeighborGrad: nearestGradient,
  CropAndResize: cropAndResize,
  SpaceToBatchND: spaceToBatch('to batch'),
  BatchToSpaceND: spaceToBatch('to space'),
  DepthToSpace: depthAndSpace('to space'),
  SpaceToDepth: depthAndSpace('to depth'),
  NonMaxSuppressionV4: nonMaxSuppression('without scores'),
  NonMaxSuppressionV5: nonMaxSuppression('with scores'),
  ...each(['EncodeJpeg'], encode(['uint8'])),
  ...each(['EncodePng'], encode(['uint8', 'uint16'])),
});
