import * as tf from '@tensorflow/tfjs';
import type { Binding, TensorMetadata } from './binding.js';
import { tfjsDtype } from './host-data.js';
import { TensorFlowError } from './tensorflow/context.js';
import type { Attribute, Attributes } from './trace.js';

/** What a kernel needs of the backend. */
interface TensorTable {
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: TensorMetadata): tf.Tensor;
}

/** A number of the tensor table for each tensor, and back. */
type Run = (op: string, inputs: readonly tf.TensorInfo[], attributes: Attributes) => tf.Tensor;

/**
 * Kernels that stand in place of tfjs-node's, or that it lacks. Those that read values in JavaScript cannot be traced and wait
 * for the device; others are wrong on libtensorflow 2.21 (each says how).
 */
export function registerOwnKernels(binding: Binding, table: TensorTable): void {
  const run: Run = (op, inputs, attributes) => {
    const [result] = binding.run(op, table.getInputTensorIds(inputs), attributes, 1);
    if (result === undefined) throw new Error(`internal: ${op} gave nothing`);
    return table.createOutputTensor(binding.metadata(result));
  };
  const typeOf = (tensor: tf.TensorInfo): Attribute => ({ type: tfjsDtype(tensor.dtype) });

  // tfjs-node's kernel reads the indices to check them; TensorFlow checks them itself.
  replace('GatherV2', ({ inputs, attrs }) => {
    const { x, indices } = inputs as { x: tf.Tensor; indices: tf.Tensor };
    const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
    // Throws where axis and batchDims do not fit the shapes.
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims);
    const axisTensor = tf.scalar(axis, 'int32');
    try {
      return run('GatherV2', [x, indices, axisTensor], {
        Tparams: typeOf(x),
        Tindices: typeOf(indices),
        Taxis: { type: 'int32' },
        batch_dims: { int: batchDims },
      });
    } catch (error) {
      const index = error instanceof TensorFlowError ? /= (-?\d+) is not in/.exec(error.detail)?.[1] : undefined;
      if (index === undefined) throw error;
      throw new Error(`GatherV2: the index value ${index} is not in [0, ${(x.shape[axis] ?? 0) - 1}]`, {
        cause: error,
      });
    } finally {
      axisTensor.dispose();
    }
  });

  // Round of int32 gives zeros on CPUs without AVX-512.
  replace('Round', ({ inputs }) => {
    const { x } = inputs as { x: tf.Tensor };
    return run(x.dtype === 'int32' ? 'Identity' : 'Round', [x], { T: typeOf(x) });
  });

  replace('BitwiseAnd', ({ inputs }) => {
    const { a, b } = inputs as { a: tf.Tensor; b: tf.Tensor };
    return run('BitwiseAnd', [a, b], { T: typeOf(a) });
  });

  // TensorFlow's kernel takes no dilations on CPUs: the filter is dilated instead.
  replace('DepthwiseConv2dNative', ({ inputs, attrs }) => {
    const { x, filter } = inputs as { x: tf.Tensor4D; filter: tf.Tensor4D };
    const { strides, pad, dilations } = attrs as unknown as {
      strides: number | [number, number];
      pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
      dilations: number | [number, number] | null;
    };
    const [down, across] = typeof dilations === 'number' ? [dilations, dilations] : (dilations ?? [1, 1]);
    const info = tf.backend_util.computeConv2DInfo(
      x.shape,
      filter.shape,
      strides,
      [down, across],
      pad,
      undefined,
      true,
    );
    // Padding other than these two is done before.
    const { type, top, bottom, left, right } = info.padInfo;
    const plain = type === 'VALID' || type === 'SAME';
    const padded = plain
      ? x
      : tf.pad4d(x, [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ]);
    const dilated = down === 1 && across === 1 ? filter : tf.tidy(() => dilate(filter, down, across));
    try {
      return run('DepthwiseConv2dNative', [padded, dilated], {
        T: typeOf(x),
        strides: { ints: [1, info.strideHeight, info.strideWidth, 1] },
        padding: { string: plain ? type : 'VALID' },
        data_format: { string: 'NHWC' },
        dilations: { ints: [1, 1, 1, 1] },
      });
    } finally {
      if (dilated !== filter) dilated.dispose();
      if (padded !== x) padded.dispose();
    }
  });
}

function replace(kernelName: string, kernelFunc: tf.KernelFunc): void {
  if ((tf.getKernel(kernelName, 'tensorflow') as tf.KernelConfig | undefined) !== undefined)
    tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({ kernelName, backendName: 'tensorflow', kernelFunc });
}

/** Zeros between the taps: [height, width, in, multiplier] → [(height − 1) · down + 1, (width − 1) · across + 1, in, multiplier]. */
function dilate(filter: tf.Tensor4D, down: number, across: number): tf.Tensor4D {
  const [height, width, channels, multiplier] = filter.shape;
  const spread = tf.pad(filter.reshape([height, 1, width, 1, channels * multiplier]), [
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, across - 1],
    [0, 0],
  ]);
  const whole = spread.reshape<tf.Tensor4D>([height * down, width * across, channels, multiplier]);
  return tf.slice4d(whole, [0, 0, 0, 0], [(height - 1) * down + 1, (width - 1) * across + 1, channels, multiplier]);
}
