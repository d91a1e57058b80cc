import type { Spec } from '../trace.js';
import { alongLast, fold } from './reduction.js';
import type { LoweringRule, LoweringRules } from './rule.js';
import { reduceWindow } from './window.js';
import { sizeAt } from './writer.js';
import type { Value, Writer } from './writer.js';

/** Losses with a softmax inside, batch normalisation, local response normalisation. */

/** log softmax of the rows, and softmax. */
function softmaxes(write: Writer, logits: Value): { readonly log: Value; readonly softmax: Value } {
  const shifted = write.binary('subtract', logits, alongLast(write, fold(write, 'maximum', logits, [1]), logits));
  const exponentials = write.unary('exponential', shifted);
  const sum = fold(write, 'add', exponentials, [1]);
  return {
    log: write.binary('subtract', shifted, alongLast(write, write.unary('log', sum), logits)),
    softmax: write.binary('divide', exponentials, alongLast(write, sum, logits)),
  };
}

/** -Σ labels · log softmax(logits) of each row, and its gradient softmax(logits) - labels. A label of 0 counts nothing. */
const crossEntropy: LoweringRule = (operation, write) => {
  const shape = operation.outputs[1]?.shape ?? [];
  const [logits, labels] = [0, 1].map((index) => write.broadcast(operation.input(index), shape));
  if (logits === undefined || labels === undefined) throw new Error('internal: logits and labels');
  const { log, softmax } = softmaxes(write, logits);
  const zero = write.fill(logits, 0);
  const terms = write.select(write.compare('EQ', labels, zero), zero, write.binary('multiply', labels, log));
  return [write.unary('negate', fold(write, 'add', terms, [1])), write.binary('subtract', softmax, labels)];
};

/** The same where the label of a row is one class, given by its number. A number outside the classes gives NaN. */
const sparseCrossEntropy: LoweringRule = (operation, write) => {
  const [logits, labels] = [operation.input(0), operation.input(1)];
  const places: Spec = { dtype: labels.dtype, shape: logits.shape };
  const label = write.broadcastInDim(labels, logits.shape, [0]);
  const isLabel = write.compare('EQ', label, write.iota(places, 1));
  const { log, softmax } = softmaxes(write, logits);
  const zero = write.fill(logits, 0);
  const known = write.binary(
    'and',
    write.compare('GE', label, write.fill(places, 0)),
    write.compare('LT', label, write.fill(places, sizeAt(logits.shape, 1))),
  );
  const chosen = write.select(known, write.select(isLabel, log, zero), write.fill(logits, NaN));
  const one = write.select(isLabel, write.fill(logits, 1), zero);
  const gradient = write.select(known, write.binary('subtract', softmax, one), write.fill(logits, NaN));
  return [write.unary('negate', fold(write, 'add', chosen, [1])), gradient];
};

/**
 * y = (x - mean) / √(variance + ε) · scale + offset, a channel at a time. While training, mean and variance are those of the
 * batch; what is given back for the running ones has the variance of a sample (÷ n - 1). Ioffe 2015, 1502.03167.
 */
const batchNormalisation: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const channelAxis = operation.string('data_format', 'NHWC') === 'NHWC' ? 3 : 1;
  const others = [0, 1, 2, 3].filter((axis) => axis !== channelAxis);
  const spread = (vector: Value): Value => write.broadcastInDim(vector, x.shape, [channelAxis]);
  const training = operation.attributes['is_training'] === undefined || operation.bool('is_training');
  const count = others.reduce((product, axis) => product * sizeAt(x.shape, axis), 1);
  const meanOf = (values: Value): Value => {
    const sum = fold(write, 'add', values, others);
    return write.binary('divide', sum, write.fill(sum, count));
  };
  const mean = training ? meanOf(x) : operation.input(3);
  const centred = write.binary('subtract', x, spread(mean));
  const variance = training ? meanOf(write.binary('multiply', centred, centred)) : operation.input(4);
  const epsilon = write.fill(variance, operation.float('epsilon', 1e-4));
  const factor = write.binary(
    'multiply',
    write.unary('rsqrt', write.binary('add', variance, epsilon)),
    operation.input(1),
  );
  const y = write.binary('add', write.binary('multiply', centred, spread(factor)), spread(operation.input(2)));
  if (!training) return [y, mean, variance, mean, variance];
  const ofSample = write.binary('multiply', variance, write.fill(variance, count / Math.max(count - 1, 1)));
  return [y, mean, ofSample, mean, variance];
};

/** Σ of the channels at most `depth_radius` away. */
function neighbours(write: Writer, x: Value, radius: number): Value {
  const onChannels = (value: number, otherwise: number): number[] => [otherwise, otherwise, otherwise, value];
  return reduceWindow(write, 'add', x, write.fill({ dtype: x.dtype, shape: [] }, 0), {
    size: onChannels(2 * radius + 1, 1),
    low: onChannels(radius, 0),
    high: onChannels(radius, 0),
  });
}

/** bias + α Σ x² over the channels around each. */
function responseNorm(write: Writer, x: Value, radius: number, bias: number, alpha: number): Value {
  const squares = neighbours(write, write.binary('multiply', x, x), radius);
  return write.binary('add', write.binary('multiply', squares, write.fill(x, alpha)), write.fill(x, bias));
}

/** x / normᵝ. Krizhevsky 2012, "ImageNet Classification with Deep Convolutional Neural Networks". */
const localResponse: LoweringRule = (operation, write) => {
  const x = operation.input(0);
  const [bias, alpha, beta] = [operation.float('bias', 1), operation.float('alpha', 1), operation.float('beta', 0.5)];
  const norm = responseNorm(write, x, operation.int('depth_radius', 5), bias, alpha);
  return write.binary('multiply', x, write.binary('power', norm, write.fill(norm, -beta)));
};

/** dx = dy / normᵝ - 2αβ x Σ dy · y / norm over the channels around each. */
const localResponseGradient: LoweringRule = (operation, write) => {
  const [dy, x, y] = [operation.input(0), operation.input(1), operation.input(2)];
  const [bias, alpha, beta] = [operation.float('bias', 1), operation.float('alpha', 1), operation.float('beta', 0.5)];
  const radius = operation.int('depth_radius', 5);
  const norm = responseNorm(write, x, radius, bias, alpha);
  const direct = write.binary('multiply', dy, write.binary('power', norm, write.fill(norm, -beta)));
  const shares = neighbours(write, write.binary('divide', write.binary('multiply', dy, y), norm), radius);
  const scaled = write.binary('multiply', x, write.fill(x, 2 * alpha * beta));
  return write.binary('subtract', direct, write.binary('multiply', scaled, shares));
};

export const normalisations: LoweringRules = {
  FusedBatchNorm: batchNormalisation,
  LRN: localResponse,
  LRNGrad: localResponseGradient,
  SoftmaxCrossEntropyWithLogits: crossEntropy,
  SparseSoftmaxCrossEntropyWithLogits: sparseCrossEntropy,
};
