/** Softmax and its losses, bias, batch normalisation. */
import type { Attributes, Rule, RuleInput } from '../trace.js';
import { boolOf, stringOf } from './attributes.js';
import { broadcastShapes } from './broadcast.js';
import { floats, indexTypes, numbers, requireDtype } from './dtypes.js';
import { perInputElement, perOutputElement } from './flops.js';
import { requireRank, requireRankAtLeast, sameShape, sizeAt, takeInputs } from './inputs.js';
import { each, named } from './named.js';
import type { RuleMaker } from './named.js';
import { refuse } from './refuse.js';

/** exp(x - max) / sum: maximum, difference, exponential, sum, quotient make five operations an element. */
const softmax: RuleMaker = (op) => ({
  infer(inputs) {
    const [logits] = takeInputs(op, inputs, 'logits');
    requireRankAtLeast(op, inputs, logits, 1, 'logits');
    return [{ dtype: requireDtype(op, floats, logits), shape: logits.spec.shape }];
  },
  flops: perOutputElement(5),
});

/** Softmax, then product with the labels and sum, and its gradient: eight operations for each logit. */
const crossEntropyFlops: Rule['flops'] = perInputElement(8);

/** logits and labels [batch, classes] (they stretch) → loss [batch] and its gradient [batch, classes]. */
const crossEntropy: RuleMaker = (op) => ({
  infer(inputs) {
    const [logits, labels] = takeInputs(op, inputs, 'features', 'labels');
    const dtype = requireDtype(op, floats, logits, labels);
    const shape = broadcastShapes(logits.spec.shape, labels.spec.shape);
    if (shape?.length !== 2)
      return refuse(op, inputs, 'logits and labels do not form a matrix', '[batch, classes] both');
    return [
      { dtype, shape: shape.slice(0, 1) },
      { dtype, shape },
    ];
  },
  flops: crossEntropyFlops,
});

/** logits [batch, classes] and the number of the class [batch]. */
const sparseCrossEntropy: RuleMaker = (op) => ({
  infer(inputs) {
    const [logits, labels] = takeInputs(op, inputs, 'features', 'labels');
    const dtype = requireDtype(op, floats, logits);
    requireDtype(op, indexTypes, labels);
    requireRank(op, inputs, logits, 2, 'features');
    if (!sameShape(labels.spec.shape, logits.spec.shape.slice(0, 1)) || logits.spec.shape[1] === 0) {
      refuse(op, inputs, 'labels do not fit the logits', 'logits [batch, classes > 0] and labels [batch]');
    }
    return [
      { dtype, shape: labels.spec.shape },
      { dtype, shape: logits.spec.shape },
    ];
  },
  flops: crossEntropyFlops,
});

/** The size of the channel axis: the last one, or axis 1 in NCHW. */
function channelsOf(attributes: Attributes, { spec }: RuleInput): number {
  return sizeAt(spec, stringOf(attributes, 'data_format', 'NHWC') === 'NHWC' ? -1 : 1);
}

const biasAdd: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [value, bias] = takeInputs(op, inputs, 'value', 'bias');
    const dtype = requireDtype(op, numbers, value, bias);
    requireRankAtLeast(op, inputs, value, 2, 'value');
    requireRank(op, inputs, bias, 1, 'bias');
    const numChannels = channelsOf(attributes, value);
    if (numChannels !== sizeAt(bias.spec, 0))
      refuse(op, inputs, 'the bias does not fit the channels', `a bias of [${numChannels}]`);
    return [{ dtype, shape: value.spec.shape }];
  },
});

/** The gradient of the bias: the sum over all axes but the channels. */
const biasAddGrad: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [gradient] = takeInputs(op, inputs, 'out_backprop');
    const dtype = requireDtype(op, numbers, gradient);
    requireRankAtLeast(op, inputs, gradient, 2, 'out_backprop');
    return [{ dtype, shape: [channelsOf(attributes, gradient)] }];
  },
  flops: perInputElement(1),
});

/** (x - mean) / sqrt(variance + epsilon) * scale + offset over [batch, height, width, channels]; four vectors of channels follow it. */
const fusedBatchNorm: RuleMaker = (op) => ({
  infer(inputs, attributes) {
    const [x, scale, offset, mean, variance] = takeInputs(op, inputs, 'x', 'scale', 'offset', 'mean', 'variance');
    const dtype = requireDtype(op, ['float32'], x, scale, offset, mean, variance);
    requireRank(op, inputs, x, 4, 'x');
    const shape = [channelsOf(attributes, x)];
    // While training the batch gives mean and variance; the inputs are empty.
    const training = boolOf(attributes, 'is_training', true);
    const fits = ({ spec }: RuleInput): boolean => sameShape(spec.shape, shape);
    const fitsOrEmpty = (input: RuleInput): boolean => fits(input) || (training && sameShape(input.spec.shape, [0]));
    if (![scale, offset].every(fits) || ![mean, variance].every(fitsOrEmpty)) {
      refuse(op, inputs, 'scale, offset, mean and variance do not fit the channels', `vectors of ${shape.join()}`);
    }
    return [{ dtype, shape: x.spec.shape }, ...Array.from({ length: 4 }, () => ({ dtype, shape }))];
  },
  flops: perOutputElement(4),
});

export const normalisation = named({
  ...each(['Softmax', 'LogSoftmax'], softmax),
  SoftmaxCrossEntropyWithLogits: crossEntropy,
  SparseSoftmaxCrossEntropyWithLogits: sparseCrossEntropy,
  BiasAdd: biasAdd,
  BiasAddGrad: biasAddGrad,
  FusedBatchNorm: fusedBatchNorm,
});
