import { describe, it } from 'vitest';
import type { Call } from './tensorflow.js';
import { expectRefused, expectSame, rows, scalar, tensor, vector } from './tensorflow.js';

describe('images', () => {
  it.each(['ResizeBilinear', 'ResizeNearestNeighbor'])('%s', (op) => {
    for (const dtype of ['float32', 'uint8', 'int32'] as const)
      expectSame({ op, inputs: [tensor([2, 4, 5, 3], dtype), vector([7, 8])] });
    expectRefused({ op, inputs: [tensor([4, 5, 3]), vector([7, 8])] });
    expectRefused({ op, inputs: [tensor([2, 4, 5, 3]), vector([7])] });
    expectRefused({ op, inputs: [tensor([2, 4, 5, 3]), vector([0, 8])] });
    expectRefused({ op, inputs: [tensor([2, 0, 5, 3]), vector([7, 8])] });
  });

  it('the gradients of resizing', () => {
    expectSame({ op: 'ResizeBilinearGrad', inputs: [tensor([2, 7, 8, 3]), tensor([2, 4, 5, 3])] });
    expectRefused({ op: 'ResizeBilinearGrad', inputs: [tensor([7, 8, 3]), tensor([2, 4, 5, 3])] });
    expectSame({ op: 'ResizeNearestNeighborGrad', inputs: [tensor([2, 7, 8, 3]), vector([4, 5])] });
    expectRefused({ op: 'ResizeNearestNeighborGrad', inputs: [tensor([2, 7, 8, 3]), vector([4, 5, 6])] });
  });

  it('CropAndResize', () => {
    const crop = (
      image: readonly number[],
      boxes: readonly number[],
      of: readonly number[],
      size: readonly number[],
    ): Call => ({
      op: 'CropAndResize',
      inputs: [tensor(image), tensor(boxes), tensor(of, 'int32'), vector(size)],
    });
    expectSame(crop([2, 4, 5, 3], [6, 4], [6], [7, 8]));
    expectRefused(crop([2, 4, 5, 3], [6, 4], [5], [7, 8]));
    expectRefused(crop([2, 4, 5, 3], [6, 3], [6], [7, 8]));
    expectRefused(crop([2, 4, 5, 3], [6, 4], [6], [0, 8]));
    expectRefused(crop([4, 5, 3], [6, 4], [6], [7, 8]));
  });

  it('space to batch and back', () => {
    expectSame({ op: 'SpaceToBatchND', inputs: [tensor([2, 4, 6, 3]), vector([2, 3]), rows([[0, 0], [1, 2]])] }); // prettier-ignore
    expectSame({ op: 'SpaceToBatchND', inputs: [tensor([2, 4]), vector([2]), rows([[0, 0]])] });
    expectRefused({ op: 'SpaceToBatchND', inputs: [tensor([2, 5, 3]), vector([2]), rows([[0, 0]])] });
    expectRefused({ op: 'SpaceToBatchND', inputs: [tensor([2]), vector([2]), rows([[0, 0]])] });
    expectSame({ op: 'BatchToSpaceND', inputs: [tensor([12, 2, 3, 3]), vector([2, 3]), rows([[0, 0], [1, 2]])] }); // prettier-ignore
    expectRefused({ op: 'BatchToSpaceND', inputs: [tensor([5, 2]), vector([2]), rows([[0, 0]])] });
    expectRefused({ op: 'BatchToSpaceND', inputs: [tensor([4, 2]), vector([2]), rows([[3, 2]])] });
  });

  it('depth to space and back', () => {
    const attributes = { block_size: { int: 2 } };
    expectSame({ op: 'DepthToSpace', inputs: [tensor([2, 3, 4, 8])], attributes });
    expectSame({ op: 'SpaceToDepth', inputs: [tensor([2, 4, 6, 3])], attributes });
    expectRefused({ op: 'DepthToSpace', inputs: [tensor([2, 3, 4, 6])], attributes });
    expectRefused({ op: 'SpaceToDepth', inputs: [tensor([2, 3, 6, 3])], attributes });
    expectRefused({ op: 'DepthToSpace', inputs: [tensor([2, 3, 4, 8])], attributes: { block_size: { int: 1 } } });
  });

  it('non-maximum suppression padded to its limit', () => {
    const attributes = { pad_to_max_output_size: { bool: true } };
    const inputs = [tensor([6, 4]), tensor([6]), scalar(4), scalar(0.5, 'float32'), scalar(0, 'float32')];
    expectSame({ op: 'NonMaxSuppressionV4', inputs, attributes, numOutputs: 2 });
    expectSame({ op: 'NonMaxSuppressionV5', inputs: [...inputs, scalar(0, 'float32')], attributes, numOutputs: 3 });
  });

  it('encoding gives a string', () => {
    expectSame({ op: 'EncodePng', inputs: [tensor([2, 2, 3], 'uint8')] });
    expectSame({ op: 'EncodeJpeg', inputs: [tensor([2, 2, 3], 'uint8')] });
    expectRefused({ op: 'EncodeJpeg', inputs: [tensor([2, 2, 3])] });
  });
});
