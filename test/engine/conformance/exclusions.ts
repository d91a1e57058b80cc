/**
 * Tests of tfjs-core's suite that do not hold on libtensorflow, each with its reason: a part of tfjs-node's own list
 * (`run_tests.js`). `suite.ts` fails the run if one is not needed any more.
 */
export interface Exclusion {
  /** Part of the test's full name. */
  readonly pattern: string;
  readonly reason: string;
}

const excluded: Readonly<Record<string, readonly string[]>> = {
  "TensorFlow's pooling and transposed convolution take 'valid' and 'same' padding only": [
    'avgPool3d test-tensorflow {} x=[1,2,2,2,1] f=[2,2,2] s=1 p=1 roundingMode=floor',
    'avgPool3d test-tensorflow {} x=[1,1,1,1,1] f=[2,2,2] s=1 p=2',
    'avgPool test-tensorflow {} x=[3,3,1] f=[3,3] s=1 p=explicit',
    'avgPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 default dimRoundingMode',
    'avgPool test-tensorflow {} x=[2,2,3] f=[1,1] s=2 p=1 dimRoundingMode=floor',
    'avgPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 dimRoundingMode=floor',
    'avgPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 dimRoundingMode=round',
    'avgPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 dimRoundingMode=ceil',
    'avgPool test-tensorflow {} gradient x=[3,3,1] f=[3,3] s=1 p=explicit',
    'conv2dTranspose test-tensorflow {} input=3x3x1,d2=1,f=2,s=2,p=explicit',
    'conv2dTranspose test-tensorflow {} gradient input=[1,3,3,1] f=[2,2,2,1] s=[1,1] p=explicit',
    'maxPool3d test-tensorflow {} x=[1,2,2,2,1] f=[2,2,2] s=1 p=1 roundingMode=floor',
    'maxPool test-tensorflow {} x=[3,3,1] f=[3,3] s=1 p=explicit',
    'maxPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 default dimRoundingMode',
    'maxPool test-tensorflow {} x=[2,2,3] f=[1,1] s=2 p=1 dimRoundingMode=floor',
    'maxPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 dimRoundingMode=floor',
    'maxPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 dimRoundingMode=round',
    'maxPool test-tensorflow {} x=[2,2,3] f=[2,2] s=3 p=1 dimRoundingMode=ceil',
    'maxPoolBackprop test-tensorflow {} gradient x=[3,3,1] f=3 s=1 p=explicit',
    'pool test-tensorflow {} max x=[3,3,1] f=[3,3] s=1 d=1 p=explicit',
    'pool test-tensorflow {} max x=[3,3,1] f=[3,3] s=3 d=1 p=explicit defualt dimRoundingMode',
    'pool test-tensorflow {} max x=[3,3,1] f=[3,3] s=3 d=1 p=explicit dimRoundingMode=floor',
    'pool test-tensorflow {} max x=[3,3,1] f=[3,3] s=3 d=1 p=explicit dimRoundingMode=round',
    'pool test-tensorflow {} max x=[3,3,1] f=[3,3] s=3 d=1 p=explicit dimRoundingMode=ceil',
    'pool test-tensorflow {} max x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs default rounding',
    'pool test-tensorflow {} avg x=[3,3,1] f=[3,3] s=1 d=1 p=explicit',
    'pool test-tensorflow {} avg x=[3,3,1] f=[3,3] s=3 d=1 p=explicit defualt dimRoundingMode',
    'pool test-tensorflow {} avg x=[3,3,1] f=[3,3] s=3 d=1 p=explicit dimRoundingMode=floor',
    'pool test-tensorflow {} avg x=[3,3,1] f=[3,3] s=3 d=1 p=explicit dimRoundingMode=round',
    'pool test-tensorflow {} avg x=[3,3,1] f=[3,3] s=3 d=1 p=explicit dimRoundingMode=ceil',
    'pool test-tensorflow {} avg x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs default rounding',
  ],
  'TensorFlow refuses a window larger than the input': [
    'avgPool3d test-tensorflow {} x=[1,1,1,1,1] f=[1,1,3] s=1 p=valid',
  ],
  "TensorFlow's CPU convolutions take NHWC only": [
    'conv2d test-tensorflow {} x=[2,1,2,2] f=[1,1,1,1] s=1 d=1 p=0 NCHW',
    'conv2d test-tensorflow {} x=[1,2,2] f=[2,2,1,1] s=1 d=1 p=same NCHW',
    'conv2d test-tensorflow {} x=[1,2,2] f=[2,2,1,1] s=1 d=1 p=explicit NCHW',
    'conv2d test-tensorflow {} x=[2,2,2] f=[2,2,2,1] s=1 d=1 p=same NCHW',
    'conv2d test-tensorflow {} x=[2,1,2,2] f=[2,2,1,1] s=1 d=1 p=same NCHW',
    'conv2d test-tensorflow {} gradient x=[1,1,3,3] f=[2,2,1,1] s=1 p=0 NCHW',
    'conv2d test-tensorflow {} gradient x=[2,1,3,3] f=[2,2,1,1] s=1 p=0 NCHW',
    'fused conv2d test-tensorflow {} basic in NCHW',
    'fused conv2d test-tensorflow {} im2row in NCHW',
    'fused conv2d test-tensorflow {} batch in NCHW',
  ],
  "the test's output shape does not follow from its input; TensorFlow checks": [
    'conv2dTranspose test-tensorflow {} input=8x8x8,output=4x4x8,f=8,s=1,inDepth=8,p=same vec4',
  ],
  'tfjs-node has no kernel for it': [
    'denseBincount',
    'image.transform',
    'lowerBound',
    'maxPoolWithArgmax',
    'raggedGather',
    'raggedRange',
    'raggedTensorToTensor',
    'searchSorted',
    'sparseFillEmptyRows',
    'sparseReshape',
    'sparseSegmentMean',
    'sparseSegmentSum',
    'stringNGrams',
    'stringSplit',
    'stringToHashBucketFast',
    'upperBound',
  ],
  "TensorFlow's op does not take this dtype": [
    'diag test-tensorflow {} bool',
    'greaterEqual test-tensorflow {} should support string comparison',
    'greater test-tensorflow {} should support string comparison',
    'leakyrelu test-tensorflow {} int32',
    'lessEqual test-tensorflow {} should support string comparison',
    'less test-tensorflow {} should support string comparison',
    'step kernel test-tensorflow {} with int32 tensor',
  ],
  "TensorFlow computes what tfjs's own implementation refuses": [
    'einsum test-tensorflow {} 2d matrix calculate trace: duplicate axes not implemented yet',
    'einsum test-tensorflow {} nonexistent dimension throws error',
  ],
  "TensorFlow's op seeds per context: a second call goes on with the stream (use categorical with a key)": [
    'multinomial test-tensorflow {} creates the same data given the same seed',
  ],
  'tfjs allows updates of the wrong shape, TensorFlow refuses them': [
    'scatterND test-tensorflow {} should work for 2d',
    'scatterND test-tensorflow {} should work for simple 1d',
    'scatterND test-tensorflow {} should work for multiple 1d',
    'scatterND test-tensorflow {} should sum the duplicated indices',
    'scatterND test-tensorflow {} should work for tensorLike input',
  ],
  "TensorFlow's Sign(NaN) is NaN, tfjs expects 0": [
    'sign test-tensorflow {} basic',
    'sign test-tensorflow {} does not propagate NaNs',
    'sign test-tensorflow {} accepts a tensor-like object',
  ],
  'one unit in the last place at tan(1.5707632)': ['tan test-tensorflow {} numbers exceed float32 precision'],
  'TensorFlow counts each NaN as its own value': ['unique test-tensorflow {} 1d tensor with NaN and Infinity'],
};

export const exclusions: readonly Exclusion[] = Object.entries(excluded).flatMap(([reason, patterns]) =>
  patterns.map((pattern) => ({ pattern, reason })),
);
